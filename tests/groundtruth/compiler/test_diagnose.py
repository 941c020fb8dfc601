"""The first expression that a model holds wrongly is found, wherever the fault is planted."""

import dataclasses

import pytest
import torch
from tracr.rasp import rasp

from groundtruth import programs
from groundtruth.compiled.domain import Domain
from groundtruth.compiled.settings import TRACR, Settings
from groundtruth.compiler.compile_program import compile, compile_unchecked
from groundtruth.compiler.diagnose import first_wrong, known_cause
from groundtruth.rasp.expressions import children_first, trace


def planted(model, label, *, kept=0.0):
    """The model with one expression's value scaled down wherever something writes it."""
    dimensions = list(model.provenance.dimensions(label))
    arrays = {name: torch.from_numpy(array.copy()) for name, array in model.weights.arrays().items()}
    arrays["W_O"][..., dimensions] *= kept
    arrays["W_out"][..., dimensions] *= kept
    return dataclasses.replace(model, weights=dataclasses.replace(model.weights, **arrays))


@pytest.mark.parametrize("name", ["reverse", "sort_freq", "shuffle_dyck2", "dyck1_prefix", "pair_balance", "induction"])
def test_a_planted_fault_is_found(name):
    model = compile(programs.get(name))
    written = [e for e in children_first(model.program) if isinstance(e, rasp.SOp) and e.children]
    tokens = model.domain.sample(1, seed=8)[0]
    assert first_wrong(model, tokens) is None and known_cause(model, tokens) == ""
    for expression in written:
        if any(trace(model.program, tokens, causal=model.causal)[expression.label]):
            found = first_wrong(planted(model, expression.label), tokens)
            assert found is not None and found.label == expression.label


def test_a_blurred_code_is_found_though_it_decodes_to_the_right_value():
    model = compile(programs.get("reverse"))
    label = next(e.label for e in children_first(model.program) if e.name == "opposite")
    blurred = planted(model, label, kept=0.9)
    assert blurred.run((1, 2, 3)) == [3, 2, 1]
    assert first_wrong(blurred, (1, 2, 3)).label == label


def test_the_cause_is_looked_for_where_the_error_arises_and_not_where_it_shows():
    ones = rasp.SelectorWidth(rasp.Select(rasp.tokens, rasp.tokens, rasp.Comparison.TRUE)).named("length")
    model = compile_unchecked(rasp.Map(lambda n: n % 2, ones), Domain((1,), 12), settings=TRACR)
    assert first_wrong(model, (1,) * 12).name == "length"
    assert "thresholds 1/(width+1) too coarsely: over 12 positions" in known_cause(model, (1,) * 12)


def test_each_repair_is_needed_alone():
    def build():
        hist = rasp.SelectorWidth(rasp.Select(rasp.tokens, rasp.tokens, rasp.Comparison.EQ)).named("hist")
        less = rasp.SelectorWidth(rasp.Select(rasp.tokens, rasp.tokens, rasp.Comparison.LT)).named("less")
        width = [rasp.SelectorWidth(rasp.Select(each, each, rasp.Comparison.EQ)) for each in (hist, less)]
        return rasp.SequenceMap(lambda x, y: (x, y), *width)

    domain = Domain((1, 2), 4)
    tokens = (1, 2, 2, 1)
    assert first_wrong(compile_unchecked(build(), domain), tokens) is None
    shared = compile_unchecked(build(), domain, settings=Settings(own_clean_bos=False))
    assert "share the neuron that cleans BOS" in known_cause(shared, tokens)
    coarse = compile_unchecked(build(), Domain((1,), 12), settings=Settings(mlp_exactness=100))
    assert "too coarsely" in known_cause(coarse, (1,) * 12)


def test_a_fault_that_is_none_of_the_known_is_named_by_its_expression():
    model = compile(programs.get("reverse"))
    label = next(e.label for e in children_first(model.program) if e.name == "opposite")
    cause = known_cause(planted(model, label), (1, 2, 3))
    assert cause == "'opposite' is the first expression that the model holds wrongly."
