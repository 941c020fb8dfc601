import gc
import types
from dataclasses import replace
from functools import cache

import pytest
import torch
from tracr.rasp import rasp

import mib
from groundtruth.compiled.provenance import Provenance
from groundtruth.compiler.compile_program import compile
from groundtruth.errors import DomainError
from groundtruth.evaluation.circuits.localization_tasks import localization_task
from groundtruth.model import CompiledModel
from groundtruth.programs import get
from groundtruth.programs.registry import Program
from groundtruth.truth.circuits.circuit import Circuit, EdgeTruth, Reason


@cache
def model(name: str) -> CompiledModel:
    return compile(get(name))


def tokens(compiled: CompiledModel, row: torch.Tensor) -> tuple:
    values = [compiled.token_values[i] for i in row.tolist()]
    return tuple(value for value in values if value not in ("compiler_bos", "compiler_pad"))


@pytest.mark.parametrize("name", ["reverse", "hist", "sort_freq", "contains_ab"])
def test_answers_of_every_pair_differ_and_only_where_the_clean_input_has_tokens(name: str) -> None:
    compiled = model(name)
    task = localization_task(compiled, n_pairs=40)
    counted = task.metric.difference.mask
    for clean, counterfactual, mask in zip(task.clean, task.counterfactual, counted, strict=True):
        own, other = (compiled.run(tokens(compiled, row)) for row in (clean, counterfactual))
        shared = min(len(own), len(other))
        expected = [a != b for a, b in zip(own, other, strict=False)]
        assert mask[1 : shared + 1].tolist() == expected
        assert not mask[0]
        assert not mask[len(own) + 1 :].any()
        assert mask.any()


@pytest.mark.parametrize("ablation", ["resample", "zero"])
def test_inputs_of_one_length_are_not_padded_though_longer_ones_might_be_declared(ablation: str) -> None:
    program = get("count_distinct")
    compiled = compile(program.build(), vocab=(1, 2, 3), max_seq_len=5, valid=lambda tokens: len(tokens) < 5)
    assert not compiled.pad_safe
    task = localization_task(compiled, ablation=ablation, lengths="fixed", n_pairs=8)
    assert task.clean.shape[1] == 1 + 4 and not (task.clean == compiled.pad_id).any()
    answers = [*compiled.decoder.values, None]
    for row, codes in zip(task.clean, task.metric.difference.correct, strict=True):
        assert [answers[code] for code in codes[1:].tolist()] == compiled.run(tokens(compiled, row))


@pytest.mark.parametrize("ablation", ["resample", "zero", "mean"])
def test_the_whole_model_prefers_the_clean_answer_and_the_counterfactual_run_the_other(ablation: str) -> None:
    task = localization_task(model("reverse"), ablation=ablation, n_pairs=60)
    clean, other = (task.metric(task.engine.logits(rows), task.everything.examples) for rows in _rows(task))
    # The logits of a compiled categorical output are one-hot, and None is all zero; reverse itself gives no None.
    difference = task.metric.difference
    says_something = (difference.incorrect < len(model("reverse").decoder.values)) & difference.mask
    assert torch.allclose(clean, torch.ones_like(clean), atol=1e-5)
    assert torch.allclose(other, -says_something.sum(1) / difference.mask.sum(1), atol=1e-5)


def _rows(task: mib.LocalizationTask) -> tuple[torch.Tensor, torch.Tensor]:
    everything = task.everything
    return everything.clean, everything.counterfactual


def test_numerical_outputs_are_measured_by_minus_the_squared_distance_to_the_clean_output() -> None:
    compiled = model("frac_prevs")
    task = localization_task(compiled, lengths="fixed", n_pairs=30)
    clean, counterfactual = (task.metric(task.engine.logits(rows), task.everything.examples) for rows in _rows(task))
    assert clean.abs().max() < 1e-9
    for index in range(len(task)):
        own, other = (compiled.run(tokens(compiled, rows[index])) for rows in (task.clean, task.counterfactual))
        distance = sum((a - b) ** 2 for a, b in zip(own, other, strict=True)) / len(own)
        assert counterfactual[index].item() == pytest.approx(-distance, abs=1e-5)


def test_under_mean_ablation_the_examples_are_the_inputs_of_the_domain_each_once() -> None:
    compiled = model("sort")
    task = localization_task(compiled, ablation="mean", lengths="fixed", n_pairs=1000)
    inputs = [tokens(compiled, row) for row in task.clean]
    assert len(set(inputs)) == len(inputs)
    assert sorted(inputs) == sorted(tokens for tokens in compiled.domain.enumerate() if len(tokens) == 4)


def test_fixed_lengths_are_the_greatest_and_mixed_lengths_are_of_all_kinds() -> None:
    compiled = model("reverse")
    fixed = localization_task(compiled, lengths="fixed", n_pairs=50)
    mixed = localization_task(compiled, lengths="mixed", n_pairs=50)
    assert {len(tokens(compiled, row)) for row in torch.cat([fixed.clean, fixed.counterfactual])} == {5}
    assert len({len(tokens(compiled, row)) for row in mixed.clean}) >= 4
    differing = [
        len(tokens(compiled, a)) != len(tokens(compiled, b))
        for a, b in zip(mixed.clean, mixed.counterfactual, strict=True)
    ]
    assert any(differing)
    assert not all(differing)


def test_the_same_seed_gives_the_same_task_and_another_seed_another() -> None:
    first, again, other = (localization_task(model("reverse"), seed=seed) for seed in (3, 3, 4))
    assert torch.equal(first.clean, again.clean)
    assert torch.equal(first.counterfactual, again.counterfactual)
    assert not torch.equal(first.clean, other.clean)


def test_every_task_has_a_model_of_its_own() -> None:
    compiled = model("hist")
    task = localization_task(compiled)
    with torch.no_grad():
        for parameter in task.model.parameters():
            parameter.add_(1.0)
    untouched = localization_task(compiled)
    assert all(
        not torch.equal(a, b) for a, b in zip(task.model.parameters(), untouched.model.parameters(), strict=True)
    )
    assert compiled.run([1, 1, 2]) == [2, 2, 1]


def test_dtype_and_level_are_those_asked_for() -> None:
    task = localization_task(model("hist"), dtype=torch.float64, level="node")
    assert {parameter.dtype for parameter in task.model.parameters()} == {torch.float64}
    assert task.level == "node"
    assert task.graph.pos


def test_a_method_can_reach_no_truth_from_its_task() -> None:
    """Walk everything that a task refers to: no program, provenance, circuit, or name of an expression."""
    compiled = model("reverse")
    compiled.circuit()
    task = localization_task(compiled)
    mib.localization.get("eap")(task)  # fills all that is computed on demand
    forbidden = (CompiledModel, Circuit, EdgeTruth, Reason, Provenance, Program, rasp.RASPExpr)
    found = list(reachable(task))
    assert len(found) > 200
    assert any(item is task.model for item in found)
    assert [item for item in found if isinstance(item, forbidden)] == []
    words = {"length", "remaining", "opposite", "remaining_4", "opposite_3", "length_5", "reverse", "reverse_1"}
    assert [item for item in found if isinstance(item, str) and item in words] == []


def reachable(start: object) -> list[object]:
    """All objects that an object refers to, without the code that it is made of."""
    code = (types.ModuleType, type, types.CodeType, types.BuiltinFunctionType, types.FrameType)
    seen, waiting, found = {id(start)}, [start], []
    while waiting:
        item = waiting.pop()
        found.append(item)
        if isinstance(item, types.FunctionType):
            # Globals are the module's, not the task's; what a function closes over or defaults to is its own.
            inner = [item.__closure__, item.__defaults__, item.__kwdefaults__, item.__dict__]
        else:
            inner = gc.get_referents(item)
        for other in inner:
            if id(other) not in seen and not isinstance(other, code):
                seen.add(id(other))
                waiting.append(other)
    return found


def test_the_walk_that_looks_for_truth_would_find_it() -> None:
    compiled = model("hist")
    task = localization_task(compiled)
    object.__setattr__(task, "leak", lambda: compiled)
    assert any(isinstance(item, CompiledModel) for item in reachable(task))


def test_what_makes_no_task_is_refused() -> None:
    with pytest.raises(DomainError, match="n_pairs=0 leaves no example"):
        localization_task(model("hist"), n_pairs=0)
    with pytest.raises(DomainError, match="lengths='mixed' pads inputs to one length, and padding changes"):
        localization_task(replace(model("hist"), padding=False), lengths="mixed")
    with pytest.raises(DomainError, match="ablation='resampel' is unknown. Did you mean: resample"):
        localization_task(model("hist"), ablation="resampel")
    constant = compile(rasp.Map(lambda _: 1, rasp.tokens).named("one"), vocab="ab", max_seq_len=3, name="always")
    with pytest.raises(
        DomainError, match=r"no two inputs of 'always' \(fixed lengths\) have answers that differ: there is nothing"
    ):
        localization_task(constant, lengths="fixed")
