"""A compile is bit-identical to Tracr's where Tracr's settings are asked for, and exact or refused by default."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
import torch
from tracr.compiler import lib
from tracr.rasp import rasp

from groundtruth import programs
from groundtruth.compiled.domain import Domain
from groundtruth.compiled.forward import logits
from groundtruth.compiled.network import Check
from groundtruth.compiled.settings import TRACR, Settings
from groundtruth.compiler.compile_program import CHECK_LIMIT, check, compile, compile_unchecked
from groundtruth.errors import DomainError, MiscompiledProgram, ProgramError, UnsupportedProgram
from groundtruth.model import load
from tests.groundtruth.compiler.digests import SAME_BYTES, digest, digests
from tests.groundtruth.tracr_oracle import tracr_arrays, tracr_model
from tests.hash_seeds import another_hash_seed

TOKENS, INDICES = rasp.tokens, rasp.indices
EQ, TRUE = rasp.Comparison.EQ, rasp.Comparison.TRUE

TRACRS = [
    *["reverse", "hist", "frac_prevs", "running_parity", "sort", "sort_freq", "hist_of_hist", "count_less_freq"],
    *["shuffle_dyck2", "bracket_depth", "pair_balance_shared", "reverse_twice", "follow_pointer_thrice", "length"],
    *["previous_token", "binary_value", "nary_map", "detect_abc", "contains_x_by_vote", "surplus"],
]


def hist(of=TOKENS, name="hist"):
    return rasp.SelectorWidth(rasp.Select(of, of, EQ)).named(name)


@pytest.mark.parametrize("name", TRACRS)
def test_weights_and_directions_are_tracr_s_to_the_bit(name):
    program = programs.get(name)
    theirs = tracr_model(name)
    ours = compile_unchecked(program.function(), program.domain, causal=program.causal, settings=TRACR)
    for key, array in tracr_arrays(theirs).items():
        np.testing.assert_array_equal(ours.weights.arrays()[key].astype(np.float32), array, err_msg=key)
    assert [direction.name for direction in ours.provenance.directions] == theirs.residual_labels
    assert list(ours.token_values) == list(theirs.input_encoder.encoding_map)
    if ours.decoder.categorical:
        assert list(ours.decoder.values) == list(theirs.output_encoder.encoding_map)


def test_the_same_program_gives_the_same_bytes_whatever_was_compiled_before():
    first = {name: digest(compile(programs.get(name))) for name in SAME_BYTES}
    rasp.RASPExpr._ids = itertools.count(977)
    hist(hist()).label  # noqa: B018 - uses the counter up
    for name in reversed(SAME_BYTES):
        program = programs.get(name)
        again = compile_unchecked(program.function(), program.domain, causal=program.causal)
        assert digest(again) == first[name], name


def test_the_same_program_gives_the_same_bytes_whatever_the_hash_seed():
    code = "from tests.groundtruth.compiler.digests import digests\nprint(digests())"
    there = another_hash_seed()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=there, check=True)
    assert done.stdout.strip() == str(digests())


# The table "silent wrong results": each row repaired by the default settings, or refused with its cause.


def two_widths_of_one_layer():
    smaller = rasp.SelectorWidth(rasp.Select(TOKENS, TOKENS, rasp.Comparison.LT)).named("smaller")
    return rasp.SequenceMap(lambda x, y: 10 * x + y, hist(hist(), "of_hist"), hist(smaller, "of_smaller"))


def widest_value():
    return rasp.Aggregate(rasp.Select(INDICES, INDICES, EQ), TOKENS).named("wide")


def soft_attention():
    first = rasp.numerical(rasp.Map(lambda i: i == 0, INDICES))
    return rasp.numerical(rasp.Aggregate(rasp.Select(TOKENS, TOKENS, EQ), first, default=0)).named("soft")


@pytest.mark.parametrize(
    "build, vocab, length, error, said",
    [
        pytest.param(
            hist, [1], 10, MiscompiledProgram,
            [
                "'hist' cannot be compiled exactly: on input 1 1 1 1 1 1 1 1 1 1 the model gives 9 9 9 9 9 9 9 9 9 9, "
                "the program 10 10 10 10 10 10 10 10 10 10 (wrong on 1 of 10 inputs).",
                "Cause: the SelectorWidth 'hist' thresholds 1/(width+1) too coarsely: over 10 positions it needs "
                "mlp_exactness >= 220",
            ],
            id="a selector width at Tracr's exactness",
        ),
        pytest.param(
            two_widths_of_one_layer, [1, 2, 3], 4, MiscompiledProgram,
            ["Cause: 'of_smaller' reads the SelectorWidth 'smaller' also at BOS", "The default settings give each one"],
            id="two selector widths in one MLP",
        ),
        pytest.param(
            widest_value, range(9), 2, UnsupportedProgram,
            ["an Aggregate moves one of 9 values through heads of size 4", "value_sized_heads, as is the default"],
            id="a value wider than the keys",
        ),
        pytest.param(
            soft_attention, range(400), 1, MiscompiledProgram,
            ["Cause: the head of 'soft' attends too softly", "square root of the head size, 402"],
            id="a softmax that the head size dilutes",
        ),
    ],
)  # fmt: skip
def test_what_tracr_gets_wrong_is_exact_by_default_and_explained_with_its_settings(build, vocab, length, error, said):
    model = compile(build(), vocab=vocab, max_seq_len=length)
    assert model.check.exhaustive and model.check.inputs == model.domain.size
    with pytest.raises(error) as caught:
        compile(build(), vocab=vocab, max_seq_len=length, settings=TRACR)
    for text in said:
        assert text in str(caught.value)


def test_widths_stay_exact_where_the_usual_slope_would_not_do():
    model = compile(hist(), vocab=[1], max_seq_len=80)
    one_hot = logits(model.weights, model.encode([[1] * 80]))[0, 1:]
    expected = torch.zeros(81, dtype=torch.float64)
    expected[80] = 1
    torch.testing.assert_close(one_hot, expected.expand(80, -1), rtol=0, atol=1e-7)


def often():
    """Whether x makes up more than a .6 of the tokens so far."""
    return rasp.Map(lambda share: share > 0.6, lib.make_frac_prevs(TOKENS == "x")).named("often")


def width_over_number():
    any_x = rasp.Map(lambda share: share >= 0, lib.make_frac_prevs(TOKENS == "x")).named("any")
    return rasp.SelectorWidth(rasp.Select(any_x, TOKENS, lambda key, query: key)).named("width")


def sum_through_bos():
    """Where nothing is selected the head reads BOS, where `any` is written."""
    any_x = rasp.Map(lambda share: share >= 0, lib.make_frac_prevs(TOKENS == "x")).named("any")
    return rasp.Aggregate(rasp.Select(INDICES, INDICES, lambda k, q: q == k + 1), any_x).named("moved")


def selects_on_none():
    return rasp.SelectorWidth(rasp.Select(lib.shift_by(1, TOKENS), TOKENS, lambda k, q: True)).named("width")


def negative():
    return rasp.numerical(rasp.Map(lambda x: -x, TOKENS)).named("minus")


def negative_mean():
    return rasp.numerical(rasp.Map(lambda x: -x, lib.make_frac_prevs(TOKENS == "x"))).named("minus")


def none_as_number():
    return rasp.numerical(rasp.Map(lambda x: int(x == "x"), lib.shift_by(1, TOKENS))).named("was_x")


def averaged():
    return rasp.Aggregate(rasp.Select(TOKENS, TOKENS, rasp.Comparison.LEQ), TOKENS).named("averaged")


REPAIRED = [
    (often, "xy", "xxy", [True, True, True], [True, True, False],
     "'often' is a Map over the numerical 'frac_prevs', whose possible values Tracr lists incompletely"),
    (negative, (1, 2, 3), (1,), [-1], [0], "the numerical 'minus' is negative there, and the ReLU"),
    (negative_mean, "xy", "xxy", [-1, -1, -2 / 3], [-1, -1, -1 / 2], "'minus' is a Map over the numerical 'frac"),
    (width_over_number, "xy", "x", [1], [0], "'width' reads 'any', which is computed from a number"),
    (sum_through_bos, "xy", "x", [None], [True], "'moved' reads 'any', which is computed from a number"),
]  # fmt: skip


@pytest.mark.parametrize("build, vocab, tokens, expected, actual, cause", REPAIRED)
def test_what_tracr_s_lists_of_values_miss_is_exact_by_default_and_explained_without_repairs(
    build, vocab, tokens, expected, actual, cause
):
    with pytest.raises(MiscompiledProgram) as caught:
        compile(build(), vocab=vocab, max_seq_len=4, settings=Settings(repairs=False))
    error = caught.value
    assert (error.tokens, list(error.expected)) == (tuple(tokens), pytest.approx(expected))
    assert list(error.actual) == pytest.approx(actual, abs=1e-3) and error.cause.startswith(cause)
    model = compile(build(), vocab=vocab, max_seq_len=4)
    assert model.check == Check(Domain(tuple(vocab), 4).size, exhaustive=True)
    assert model.run(tuple(tokens)) == pytest.approx(expected)


@pytest.mark.parametrize("settings", [None, TRACR], ids=["exact", "tracr"])
@pytest.mark.parametrize(
    "build, vocab, tokens, expected, actual, cause",
    [
        (selects_on_none, "xy", "x", [1], [0], "'width' selects on 'shift_by(1)', which is None there"),
        (none_as_number, "xy", "x", [None], [0], "the numerical 'was_x' is None there"),
        (averaged, (1, 2, 3), (1, 2), [1, 1.5], [1, 1], "the categorical Aggregate 'averaged' selects several"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)  # fmt: skip
def test_what_no_settings_make_exact_is_refused_with_its_cause(build, vocab, tokens, expected, actual, cause, settings):
    with pytest.raises(MiscompiledProgram) as caught:
        compile(build(), vocab=vocab, max_seq_len=4, settings=settings)
    error = caught.value
    assert error.tokens == tuple(tokens)
    assert list(error.expected) == expected
    assert list(error.actual) == pytest.approx(actual, abs=1e-3)
    assert error.cause.startswith(cause)
    assert f"(wrong on {error.wrong} of {error.checked} inputs).\nCause: {cause}" in str(error)
    assert error.checked == Domain(tuple(vocab), 4).size and 0 < error.wrong <= error.checked


def test_the_first_wrong_input_is_named_and_every_wrong_one_counted():
    model = compile_unchecked(often(), Domain(tuple("xy"), 4))
    wrong = [
        tokens
        for tokens in model.domain.enumerate()
        if model.run_many([tokens])[0] != list(rasp.evaluate(model.program, tokens))
    ]
    with pytest.raises(MiscompiledProgram) as caught:
        check(model)
    assert (caught.value.tokens, caught.value.wrong) == (wrong[0], len(wrong))


@pytest.mark.parametrize(
    "build, tokens, ours, theirs",
    [
        (lambda: lib.shift_by(1, TOKENS), "abc", [None, "a", "b"], ["a", "a", "b"]),
        (lambda: lib.detect_pattern(TOKENS, "ab"), "cab", [None, False, True], [False, False, True]),
    ],
    ids=["shift_by", "detect_pattern"],
)
def test_none_is_none_where_tracr_gives_a_value(build, tokens, ours, theirs):
    from tests.groundtruth.tracr_oracle import compiled_by_tracr, tracr_output

    model = compile(build(), vocab="abc", max_seq_len=3)
    assert model.check == Check(39, exhaustive=True)
    assert model.run(tuple(tokens)) == ours == list(rasp.evaluate(build(), tokens))
    assert tracr_output(compiled_by_tracr(build, "abc", 3), tokens) == theirs


def test_a_function_that_fails_only_on_values_that_never_meet_does_no_harm():
    letter = rasp.SequenceMap(lambda token, n: "abc"[n - 1] + token, TOKENS, hist())  # fails for a width of 4
    share = rasp.SequenceMap(lambda token, n: token // n, TOKENS, hist())  # fails for a width of 0
    assert compile(letter, vocab="xy", max_seq_len=3).run("xyx") == ["bx", "ay", "bx"]
    assert compile(share, vocab=(4, 6), max_seq_len=3).run((6, 6, 4)) == [3, 3, 4]


def test_a_predicate_may_return_any_truth_value():
    number = rasp.SelectorWidth(rasp.Select(TOKENS, TOKENS, lambda key, query: key + query))
    assert compile(number, vocab=(0, 1, 2), max_seq_len=3).run((0, 1, 2)) == [2, 3, 3]


def test_two_expressions_that_named_gave_one_label_stay_two():
    twice = rasp.Map(lambda x: 2 * x, TOKENS).named("same")
    twice.label  # noqa: B018 - gives the copy below the same label
    number = rasp.numerical(twice)
    assert number.label == twice.label
    mean = rasp.Aggregate(
        rasp.Select(twice, TOKENS, TRUE), rasp.numerical(rasp.Map(lambda x: x - 1, TOKENS)), default=0
    )
    both = rasp.numerical(rasp.LinearSequenceMap(number, rasp.numerical(mean), 1, 1))
    assert compile(both, vocab=(1, 2), max_seq_len=2).run((1, 2)) == pytest.approx([2.5, 4.5])


def test_programs_with_a_hundred_million_paths_compile():
    value = TOKENS
    for _ in range(27):
        value = rasp.SequenceMap(lambda x, y: (x + y) % 2, value, rasp.Map(lambda x: x, value))
    assert compile(value, vocab=(0, 1), max_seq_len=1).run((1,)) == [0]


# What is refused before anything is compiled.


@pytest.mark.parametrize(
    "vocab, length, message",
    [
        ((), 3, "vocab is empty"),
        ((1, "a"), 3, "vocab mixes or holds types that Tracr cannot order: int, string"),
        (("compiler_bos", "a"), 3, "vocab contains 'compiler_bos', which Tracr adds itself"),
        (("a", "compiler_pad"), 3, "vocab contains 'compiler_pad', which Tracr adds itself"),
        (("a", "a"), 3, "vocab contains 'a' twice"),
        (("a",), 0, "min_seq_len=1 and max_seq_len=0 leave no lengths"),
    ],
)
def test_inputs_that_make_no_domain_are_refused_in_one_line(vocab, length, message):
    with pytest.raises(DomainError, match=message) as caught:
        compile(hist(), vocab=vocab, max_seq_len=length)
    assert "\n" not in str(caught.value)


def test_a_domain_is_needed_once_and_must_not_be_empty():
    with pytest.raises(ProgramError, match=r"compile needs vocab= and max_seq_len= \(or inputs=\)"):
        compile(hist(), vocab="ab")
    with pytest.raises(ProgramError, match="program 'hist' declares its own inputs; compile it without vocab="):
        compile(programs.get("hist"), max_seq_len=9)
    with pytest.raises(DomainError, match="no valid input of vocabulary a b .* was found"):
        compile(hist(), vocab="ab", max_seq_len=2, valid=lambda tokens: False)


def test_a_program_that_fails_on_an_input_is_named_with_it():
    inverse = rasp.Map(lambda x: 1 / x, TOKENS).named("inverse")
    with pytest.raises(ProgramError, match="'inverse' itself fails on the input 0: ZeroDivisionError.* valid="):
        compile(inverse, vocab=(0, 1), max_seq_len=2)
    assert compile(inverse, vocab=(0, 1), max_seq_len=2, valid=lambda tokens: 0 not in tokens).run((1,)) == [1]
    words = rasp.Aggregate(rasp.Select(TOKENS, TOKENS, TRUE), TOKENS).named("words")
    with pytest.raises(ProgramError, match="'words' itself fails on the input a a: ValueError: Only types int"):
        compile(words, vocab="ab", max_seq_len=2)


def test_numbers_that_would_count_as_equal_are_refused():
    large = rasp.numerical(rasp.Map(lambda x: 1e9 + 100 * x, TOKENS)).named("large")
    with pytest.raises(
        ProgramError, match=r"'large' gives 1000000100\.0 and 1000000200\.0, and numbers closer than 1e-06"
    ):
        compile(large, vocab=(1, 2, 3), max_seq_len=2)
    apart = rasp.numerical(rasp.Map(lambda x: 1e9 + 1e4 * x, TOKENS))
    assert compile(apart, vocab=(1, 2), max_seq_len=2).check.exhaustive


def test_the_inputs_themselves_can_be_given():
    inputs = [t for t in itertools.product((1, 3), repeat=8) if 3 in t]
    model = compile(hist(), inputs=inputs, vocab=range(8))
    assert model.check == Check(255, exhaustive=True)
    assert model.run(inputs[0]) == [7] * 7 + [1]
    with pytest.raises(DomainError, match="is not a valid input: one of 255 listed inputs"):
        model.run((1,) * 8)
    with pytest.raises(ProgramError, match="give them without max_seq_len=, min_seq_len= and valid="):
        compile(hist(), inputs=inputs, max_seq_len=8)


def test_listed_inputs_and_tuples_as_tokens_survive_their_file(tmp_path):
    model = compile(hist(), inputs=[((0, 1), (1, 1)), ((1, 1), (1, 1))])
    model.save(tmp_path / "model")
    again = load(tmp_path / "model")
    assert again.domain.vocab == ((0, 1), (1, 1)) and list(again.domain.enumerate()) == list(model.domain.enumerate())
    assert again.run(((1, 1), (1, 1))) == [2, 2]


# The check.


def test_a_large_domain_is_checked_on_a_seeded_sample_and_the_model_says_so():
    model = compile(hist(), vocab=(1, 2, 3), max_seq_len=9, check_limit=2_000, seed=5)
    assert model.check == Check(2_000, exhaustive=False, seed=5)
    assert str(model.check) == "a sample of 2,000 inputs (seed 5)"
    assert str(compile(hist(), vocab=(1, 2, 3), max_seq_len=4).check) == "all 120 inputs"
    assert CHECK_LIMIT == 50_000


@pytest.mark.slow
def test_the_default_limit_is_fifty_thousand_inputs():
    assert compile(hist(), vocab=(1, 2), max_seq_len=15).check == Check(50_000, exhaustive=False, seed=0)


@pytest.mark.parametrize("name", ["reverse", "frac_prevs", "running_parity"])
def test_one_wrong_weight_is_caught(name):
    program = programs.get(name)
    model = compile_unchecked(program.build(), program.domain, causal=program.causal)
    check(model)
    layer = model.weights.n_layers - 1
    for array in (model.weights.W_O, model.weights.W_out):
        used = array[layer].abs().flatten().argmax()
        if array[layer].flatten()[used] != 0:
            array[layer].view(-1)[used] = 0
            break
    with pytest.raises(MiscompiledProgram):
        check(model)
