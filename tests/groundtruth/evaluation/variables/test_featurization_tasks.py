"""Featurization tasks out of compiled models: what is expected, of which pairs, and that no truth can be reached."""

from functools import cache

import pytest
import torch
from tracr.rasp import rasp

import mib
from groundtruth.compiled.provenance import Provenance
from groundtruth.compiler.compile_program import compile
from groundtruth.errors import DomainError, GroundTruthError
from groundtruth.evaluation.variables import Sizes, featurization_task, oracle
from groundtruth.evaluation.variables.predictor import Predictor
from groundtruth.model import CompiledModel, load
from groundtruth.programs.registry import Program
from groundtruth.truth.variables import Reader, Stage, Variable, VariableTruth, program_readers
from groundtruth.truth.variables import Site as TruthSite
from groundtruth.truth.variables.rasp_causal_model import CausalModel
from groundtruth.truth.variables.value_pool import Ground
from groundtruth.variants.hardenings import HARDENINGS
from mib.metrics.interchange_scores import distinguishing, interchange_scores
from tests.groundtruth.evaluation.circuits.test_localization_tasks import reachable, tokens

SMALL = Sizes(60, 20, 60)


@cache
def model(name: str) -> CompiledModel:
    return load(name)


def full_vector(task: mib.FeaturizationTask) -> mib.Featurizer:
    return mib.Featurizer.subspace(torch.eye(task.width))


@pytest.mark.parametrize(
    ("name", "variable", "site", "pairs"),
    [
        ("reverse", "opposite", "resid_pre3", None),
        ("reverse", "tokens", "resid_post1", "moved"),
        ("reverse", "tokens", "resid_post0", "fixed"),
        ("reverse", "indices", "resid_pre3", None),
        ("second_step", "step", "resid_mid1", None),
        ("second_step", "previous", "a0.h0.z", None),
        ("second_step", "step", "m0", "fixed"),
        ("sort", "rank", "residual.1.post", None),
        ("frac_prevs", "is_x", "resid_post0", None),
        ("contains_x_twice_told", "tokens", "resid_mid0", None),
    ],
)
def test_the_oracle_is_right_on_every_pair_and_a_no_op_on_none_that_is_scored(
    name: str, variable: str, site: str, pairs: str | None
) -> None:
    compiled = model(name)
    task = featurization_task(compiled, variable, site, pairs=pairs, sizes=SMALL)
    assert bool(task.right(oracle(compiled, variable, site)).all())
    isolates = torch.zeros(len(task), dtype=torch.bool) if task.isolates is None else task.isolates
    assert torch.equal(distinguishing(task), ~isolates)
    if task.isolates is not None:
        scores = interchange_scores(task, full_vector(task), examples=task.everything)
        assert scores.isolation.value == 0.0


@pytest.mark.parametrize(
    ("name", "variable", "site", "pairs"),
    [
        ("reverse", "opposite", "resid_pre3", "one position"),
        ("reverse", "tokens", "resid_post1", "fixed"),
        ("frac_prevs", "is_x", "resid_post0", "moved"),
        ("second_step", "step", "resid_mid1", "one position"),
    ],
)
def test_what_is_expected_is_what_the_causal_model_gives(name: str, variable: str, site: str, pairs: str) -> None:
    compiled = model(name)
    truth, task = (
        compiled.variable(variable),
        featurization_task(compiled, variable, site, pairs=pairs, sizes=Sizes(30, 5, 5)),
    )
    causal, label = CausalModel(compiled), truth.variable.label
    readers = program_readers(truth.variable, truth.at(TruthSite.of(task.site)))
    for i in range(len(task)):
        base, source = (tokens(compiled, ids[i]) for ids in (task.base, task.source))
        ours, theirs = (where[i].sub(1).tolist() for where in (task.base_positions, task.source_positions))
        if ours == theirs:
            given = causal.interchange(base, {label: (source, ours)}, readers={label: readers})[causal.output]
        else:
            given = _moved(compiled, truth, base, source, ours[0], theirs[0])
        expected = task.expected[i, 1 : len(base) + 1]
        if compiled.decoder.categorical:
            values = [*compiled.decoder.values, None]
            assert [values[code] for code in expected] == given
        else:
            assert expected.tolist() == pytest.approx(list(map(float, given)), abs=1e-5)
        assert task.mask[i].tolist() == [False, *[True] * len(base), *[False] * (task.mask.shape[1] - len(base) - 1)]


def _moved(
    compiled: CompiledModel, truth: VariableTruth, base: tuple, source: tuple, ours: int, theirs: int
) -> list[object]:
    """By value: another input that has the value at the same position."""
    causal, label = CausalModel(compiled), truth.variable.label
    value = causal.run(source)[label][theirs]
    stand_in = next(
        other
        for other in compiled.domain.inputs()
        if len(other) > ours and len(base) > ours and causal.run(other)[label][ours] == value
    )
    return causal.interchange(base, {label: (stand_in, [ours])})[causal.output]


def test_nothing_selected_is_an_answer_of_its_own() -> None:
    compiled = model("reverse")
    task = featurization_task(compiled, "opposite", "resid_pre3", sizes=Sizes(150, 20, 20))
    nothing = len(compiled.decoder.values)
    assert bool(((task.expected == nothing) & task.mask).any())
    silent = torch.zeros(len(task), *task.base.shape[1:], nothing)
    assert task.readout is not None
    assert bool((task.readout(silent, task.everything).argmax(-1) == nothing).all())
    # All-zero logits are no first output: what says nothing everywhere is right only where nothing is expected.
    said = task.answers.right(silent, task.everything)
    wanted = ((task.expected == nothing) | ~task.mask).all(1)
    assert torch.equal(said, wanted)


@pytest.mark.parametrize("seed", [0, 1])
def test_logits_that_only_their_distances_mean_something_of_are_read_as_the_decoder_reads_them(seed: int) -> None:
    dense = HARDENINGS["dense"](model("hist"), seed=seed, scale=2.0)
    task = featurization_task(dense, "tokens", "resid_pre0", sizes=SMALL, dtype=torch.float64)
    unswapped = dense.decoder.codes(dense.logits(task.base))
    assert torch.equal(
        task.readout(dense.logits(task.base), task.everything).argmax(-1)[task.mask], unswapped[task.mask]
    )
    assert interchange_scores(task, oracle(dense, "tokens", "resid_pre0")).accuracy.value == 1.0


def test_where_the_domain_allows_all_pairs_are_used() -> None:
    same = rasp.Select(rasp.tokens, rasp.tokens, rasp.Comparison.EQ)
    compiled = compile(rasp.SelectorWidth(same).named("hist"), vocab="ab", max_seq_len=3, name="tiny")
    task = featurization_task(compiled, "hist", "resid_post0", pairs="one position", sizes=Sizes(5000, 1000, 4000))
    causal = CausalModel(compiled)
    runs = {given: causal.run(given)["hist_1"] for given in compiled.domain.inputs()}
    changing = sum(a[p] != b[p] for a in runs.values() for b in runs.values() for p in range(min(len(a), len(b))))
    assert len(task) == changing  # no isolation pair: nothing else is read at the site
    assert task.isolates is None


def test_the_same_seed_gives_the_same_task_and_another_seed_another() -> None:
    first, again, other = (
        featurization_task(model("sort"), "rank", "resid_post1", sizes=SMALL, seed=seed) for seed in (3, 3, 4)
    )
    assert torch.equal(first.base, again.base)
    assert torch.equal(first.expected, again.expected)
    assert not torch.equal(first.base, other.base)


def test_every_task_has_a_model_of_its_own() -> None:
    task = featurization_task(model("hist"), "hist", "resid_post0", sizes=SMALL)
    with torch.no_grad():
        for parameter in task.model.parameters():
            parameter.zero_()
    again = featurization_task(model("hist"), "hist", "resid_post0", sizes=SMALL)
    assert any(bool(parameter.any()) for parameter in again.model.parameters())


def test_probes_get_the_values_of_the_variable() -> None:
    compiled = model("sort")
    task = featurization_task(compiled, "rank", "resid_post1", sizes=SMALL)
    causal, label = CausalModel(compiled), compiled.variable("rank").variable.label
    seen: dict[int, set[object]] = {}
    for ids, values, where in (
        (task.base, task.base_values, task.base_positions),
        (task.source, task.source_values, task.source_positions),
    ):
        for row, number, position in zip(ids, values[:, 0].tolist(), where[:, 0].tolist(), strict=True):
            seen.setdefault(number, set()).add(causal.run(tokens(compiled, row))[label][position - 1])
    assert all(len(meant) == 1 for meant in seen.values())
    assert len(seen) == len({value for meant in seen.values() for value in meant}) > 1


def test_at_a_partly_live_site_only_later_readers_see_the_value() -> None:
    compiled = model("contains_x_twice_told")
    exact, naive = (
        featurization_task(compiled, "tokens", "resid_mid0", readers=readers, sizes=SMALL)
        for readers in ("remaining", "all")
    )
    featurizer = oracle(compiled, "tokens", "resid_mid0")
    assert bool(exact.right(featurizer).all())
    assert not bool(naive.right(featurizer).all())


def test_at_a_dead_site_nothing_is_expected_unless_one_takes_it_to_be_live() -> None:
    compiled = model("reverse")
    with pytest.raises(DomainError, match=r"no interchange of 'opposite' at 'residual.3.post' of 'reverse' changes"):
        featurization_task(compiled, "opposite", "resid_post3")
    task = featurization_task(compiled, "opposite", "resid_post3", readers="all", sizes=SMALL)
    scores = interchange_scores(task, oracle(compiled, "opposite", "resid_post3"))
    assert scores.distinguishing.value == 0.0


def test_with_arbitrary_labels_the_oracle_fails() -> None:
    compiled = model("reverse")
    task = featurization_task(compiled, "opposite", "resid_pre3", labels="arbitrary", sizes=SMALL)
    scores = interchange_scores(task, oracle(compiled, "opposite", "resid_pre3"), examples=task.everything)
    assert scores.distinguishing.value < 0.7
    assert scores.distinguishing.n > 50


def test_a_site_with_positions_is_swapped_there_alone() -> None:
    compiled = model("reverse")
    task = featurization_task(compiled, "tokens", "residual.0.post@2,-1", sizes=SMALL)
    assert task.base_positions is not None
    assert task.base_positions.unique(dim=0).tolist() == [[2, 5]]
    assert bool(task.right(oracle(compiled, "tokens", "resid_post0")).all())


def test_a_method_can_reach_no_truth_from_its_task() -> None:
    compiled = model("reverse")
    task = featurization_task(compiled, "opposite", "resid_pre3", sizes=SMALL)
    mib.featurization.get("das")(task, steps=2)
    forbidden = (
        CompiledModel, Provenance, Program, Variable, VariableTruth, Stage, Reader, Predictor, Ground, rasp.RASPExpr,
    )  # fmt: skip
    found = reachable(task)
    assert any(item is task.model for item in found)
    assert [item for item in found if isinstance(item, forbidden)] == []
    words = {"length", "remaining", "opposite", "opposite_3", "reverse", "reverse_1"}
    assert [item for item in found if isinstance(item, str) and item in words] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"variable": "oposite"}, "'reverse' has no variable 'oposite'. Did you mean: opposite"),
        ({"pairs": "move"}, "pairs='move' is unknown. Did you mean: moved"),
        ({"readers": "al"}, "readers='al' is unknown. Did you mean: all"),
        ({"labels": "wrong"}, "labels='wrong' is unknown. Choose from true, arbitrary"),
        ({"site": "resid_pst0"}, "'resid_pst0' is no site"),
        ({"site": "input"}, "'input' is no site of a task; the same vectors are at 'resid_pre0'"),
        ({"site": "resid_post0"}, "'opposite' is not at 'resid_post0'"),
        ({"site": "residual.2.post@0"}, "position 0 is not one of a token; use 1 to 5"),
        ({"site": "residual.2.post@1", "pairs": "moved"}, "a site with positions has fixed pairs"),
    ],
)
def test_what_makes_no_task_is_refused(arguments: dict[str, str], message: str) -> None:
    given = {"variable": "opposite", "site": "resid_pre3"} | arguments
    with pytest.raises(GroundTruthError, match=message.replace("(", r"\(")):
        featurization_task(model("reverse"), **given)


def test_a_part_without_pairs_is_refused() -> None:
    with pytest.raises(DomainError, match="validation=0 leaves no pair"):
        Sizes(10, 0, 10)
