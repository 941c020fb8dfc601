"""Whether padding on the right changes outputs, run by run."""

import pytest
import torch

from groundtruth import compile, load, programs, shipped
from groundtruth.compiled.torch_module import CompiledTransformer
from groundtruth.compiler.pad_safety import is_pad_safe

DISTURBED = ["count_distinct", "sort_hist", "spread"]


@torch.no_grad()
def padded_outputs_stay(model):
    """Every input by itself on the torch module with hooks, with every number of PAD behind it."""
    module = CompiledTransformer(model.weights, dtype=torch.float64)
    for tokens in model.domain.inputs(limit=400):
        alone = model.decoder.decode(model.decoder.codes(module(model.encode([tokens]))[:, 1:])[0])
        for width in range(len(tokens) + 1, model.domain.max_seq_len + 1):
            logits = module(model.encode([tokens], length=width))[:, 1 : len(tokens) + 1]
            if not model.decoder.agrees(model.decoder.decode(model.decoder.codes(logits)[0]), alone):
                return False
    return True


@pytest.mark.parametrize("name", ["hist", "reverse", "frac_x", "previous_token", *DISTURBED])
def test_padding_is_harmless_exactly_where_no_input_notices_it(name):
    model = load(name)
    assert is_pad_safe(model) is padded_outputs_stay(model)
    assert is_pad_safe(model) is (name not in DISTURBED)


@pytest.mark.parametrize("name", shipped())
def test_shipped_models_are_pad_safe_as_their_programs_claim(name):
    assert load(name).pad_safe is programs.get(name).pad_safe


def test_with_one_length_there_is_nothing_to_pad():
    program = programs.get("sort_hist")
    model = compile(program.build(), vocab=(1, 2), min_seq_len=3, max_seq_len=3)
    assert model.pad_safe
