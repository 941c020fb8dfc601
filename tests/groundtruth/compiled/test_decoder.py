"""When a model's output is a value, ``None``, or the program's."""

import pytest
import torch

from groundtruth.compiled.decoder import Decoder

LETTERS, NUMBERS = Decoder(("a", "b", "c")), Decoder(())


@pytest.mark.parametrize(
    "logits, value",
    [
        ([0.0, 1.0, 0.0], "b"),
        ([0.0, 0.0, 0.0], None),
        ([0.0, 0.009, 0.0], None),
        ([-1.0, 0.02, 0.01], "b"),
        ([0.5, 0.5 + 1e-9, 0.0], "a"),  # a tie, whatever the rounding
        ([0.5, 0.6, 0.0], "b"),
    ],
)
def test_the_largest_direction_is_decoded_unless_none_is_active(logits, value):
    codes = LETTERS.codes(torch.tensor([[logits]], dtype=torch.float64))
    assert codes.shape == (1, 1) and LETTERS.decode(codes[0]) == [value]


def test_numbers_are_themselves():
    codes = NUMBERS.codes(torch.tensor([[[0.25], [2.0]]]))
    assert NUMBERS.decode(codes[0]) == [0.25, 2.0]


def test_encoding_is_the_inverse_of_decoding():
    values = ["b", None, "a", "c"]
    assert LETTERS.decode(LETTERS.encode(values)) == values
    assert NUMBERS.decode(NUMBERS.encode([1, 0.5, True])) == [1.0, 0.5, 1.0]
    assert Decoder((False, True)).decode(Decoder((False, True)).encode([1, 0])) == [True, False]


@pytest.mark.parametrize(
    "decoder, actual, expected, agrees",
    [
        (LETTERS, ["a", None], ["a", None], True),
        (LETTERS, ["a", "b"], ["a", None], False),
        (LETTERS, ["a"], ["a", "a"], False),
        (LETTERS, ["a"], ["z"], False),
        (NUMBERS, [0.5], [0.5 + 9e-7], True),
        (NUMBERS, [0.5], [0.5 + 2e-6], False),
        (NUMBERS, [1e6], [1e6 + 0.5], True),  # relative to the size of large numbers
        (NUMBERS, [0.0], [None], False),
        (NUMBERS, [float("nan")], [0.0], False),
        (NUMBERS, [1.0], [True], True),
    ],
)
def test_outputs_agree_as_values_or_as_numbers_that_are_close(decoder, actual, expected, agrees):
    assert decoder.agrees(actual, expected) == agrees
    if len(actual) == len(expected):
        assert bool(decoder.differ(decoder.encode(actual), decoder.encode(expected)).any()) != agrees
