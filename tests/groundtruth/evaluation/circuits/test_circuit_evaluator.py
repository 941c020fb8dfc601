from collections.abc import Iterable
from functools import cache
from itertools import permutations

import numpy as np
import pytest
import torch
from tracr.rasp import rasp

import mib
from groundtruth.compiler.compile_program import compile
from groundtruth.errors import DomainError
from groundtruth.evaluation.circuits.circuit_evaluator import CircuitEvaluator, score
from groundtruth.evaluation.circuits.circuit_oracle import STAND_IN, in_best_order, oracle
from groundtruth.evaluation.circuits.ranking_scores import ranked, size_to_sufficiency
from groundtruth.evaluation.own_task import own_copy
from groundtruth.model import CompiledModel
from groundtruth.programs import get
from mib.errors import MethodError, ScoreError


@cache
def model(name: str) -> CompiledModel:
    return compile(get(name))


@cache
def evaluator(name: str, ablation: str = "resample", level: str = "edge") -> CircuitEvaluator:
    return CircuitEvaluator.of(model(name), ablation=ablation, level=level, n_pairs=48, max_sizes=9)


@pytest.mark.parametrize(
    ("name", "ablation"),
    [
        *((name, "resample") for name in ("reverse", "hist", "frac_prevs", "contains_x_twice_told")),
        ("reverse", "mean"),
        ("hist", "zero"),
        ("frac_prevs", "mean-positional"),
        ("contains_x_twice_told", "zero"),
    ],
)
def test_the_oracle_ranks_every_live_edge_first(name: str, ablation: str) -> None:
    row = evaluator(name, ablation).score("oracle")
    assert row.live is not None
    assert (row.live.auroc, row.live.average_precision, row.live.f1) == pytest.approx((1.0, 1.0, 1.0), abs=1e-12)
    assert row.live.exact
    assert row.wrong == ()
    assert row.truth is not None
    assert (row.cpr, row.cmd) == (row.truth.true_cpr, row.truth.true_cmd)
    assert row.passes == 0


def test_random_scores_are_at_chance_on_the_mean_over_seeds() -> None:
    one = evaluator("reverse")
    generator = torch.Generator().manual_seed(5)

    def chance(task: mib.LocalizationTask) -> mib.EdgeScores:
        return mib.EdgeScores(task.graph, torch.randn(len(task.graph.edges), generator=generator).numpy())

    values = [ranked(chance(one.task), one.circuit.mask()).auroc for _ in range(300)]
    # 8 true of 94: the standard deviation of one AUROC is 0.11, that of the mean of 300 is 0.006.
    assert np.mean(values) == pytest.approx(0.5, abs=0.025)


def test_exact_patching_finds_the_two_live_edges_of_reverse_at_one_length() -> None:
    row = score("exact", model("reverse"), lengths="fixed", n_pairs=64, max_sizes=9)
    assert row.live is not None
    assert (row.live.true, row.live.judged, row.live.exact) == (2, 94, True)
    assert row.truth is not None
    assert row.truth.structural is not None
    assert row.truth.structural.true == 15


def test_gradients_of_a_squared_distance_vanish_at_the_clean_run() -> None:
    row = evaluator("frac_prevs", "zero").score("eap")
    assert row.live is not None
    assert row.live.auroc == 0.5
    assert row.live.recall == 0.0
    assert {edge.kind for edge in row.wrong} == {"missed"}
    assert {edge.score for edge in row.wrong} == {0.0}
    assert {edge.name for edge in row.wrong} == {str(edge) for edge in evaluator("frac_prevs", "zero").circuit.edges}


def test_wrong_edges_are_the_live_ones_below_the_true_size_and_those_in_their_place() -> None:
    one = evaluator("reverse")
    live = list(one.circuit.edges)
    dead = next(t.edge for t in one.circuit.truths if t.status == "absent")

    def swapped(task: mib.LocalizationTask) -> mib.EdgeScores:
        scores = {edge: 0.0 for edge in task.graph.edges} | {edge: -2.0 for edge in live[1:]}
        return mib.EdgeScores(task.graph, scores | {dead: 3.0, live[0]: 0.5})

    row = one.score(swapped)
    assert row.live is not None
    assert row.live.recall == pytest.approx(7 / 8)
    found = {(edge.kind, edge.name, edge.score, edge.status) for edge in row.wrong}
    assert found == {("missed", str(live[0]), 0.5, "live"), ("false", str(dead), 3.0, "absent")}


def test_edges_that_only_another_minimal_circuit_holds_are_not_judged() -> None:
    one = evaluator("contains_x_twice_told")
    first, second = one.circuit.minimal_circuits
    row = one.score("oracle")
    assert row.live is not None
    assert (row.live.true, row.live.judged) == (len(first), len(one.circuit.truths) - len({*second} - {*first}))
    marked = oracle(one.circuit)
    assert {marked[edge] for edge in first} == {1.0, STAND_IN}
    assert {marked[edge] for edge in one.task.graph.edges if edge not in first} == {0.0}


def ranking(one: CircuitEvaluator, *tiers: Iterable[mib.Edge]) -> mib.EdgeScores:
    """Scores by which the edges of the first tier come first, and those of none last."""
    values = dict.fromkeys(one.task.graph.edges, 0.0)
    for rank, tier in enumerate(reversed(tiers)):
        values |= dict.fromkeys(tier, rank + 1.0)
    return mib.EdgeScores(one.task.graph, values)


@pytest.mark.parametrize("which", [0, 1])
def test_a_ranking_is_judged_against_the_minimal_circuit_that_it_matches_best(which: int) -> None:
    """The two of ``contains_x_twice_told``, of 10 and 11 edges, share 9: either is recovered exactly on its own."""
    one = evaluator("contains_x_twice_told")
    row = one.score(lambda task: ranking(one, one.circuit.minimal_circuits[which]))
    assert row.live is not None and row.truth is not None
    assert (row.live.auroc, row.live.average_precision, row.live.exact) == (1.0, pytest.approx(1.0), True)
    assert (row.live.true, row.wrong) == (10 + which, ())
    assert row.truth.size_to_sufficiency == (1.0, 10 / 11)[which]
    assert (row.truth.minimal_circuits, row.truth.interactions) == (2, 3 / 12)


def test_what_is_missed_of_the_best_match_is_told_with_its_status() -> None:
    """All live edges first, and no way of telling beside them: one edge of the shorter way is missed, inert alone."""
    one = evaluator("contains_x_twice_told")
    row = one.score(lambda task: ranking(one, one.circuit.edges))
    first = one.circuit.minimal_circuits[0]
    (missing,) = {*first} - {*one.circuit.edges}
    assert [(edge.name, edge.kind, edge.status) for edge in row.wrong] == [(str(missing), "missed", "inert")]
    assert row.live is not None and row.truth is not None
    assert row.live.recall == pytest.approx(9 / 10)
    # The edge that is missed ties with the other 84 that score 0, so that all 94 are taken.
    assert row.truth.size_to_sufficiency == 10 / 94


def test_live_edges_that_no_minimal_circuit_holds_are_judged_as_needless() -> None:
    one = evaluator("reverse", "mean")
    assert one.circuit.minimal_circuits == (one.circuit.edges,) and one.circuit.complete  # mixed lengths: all needed
    fixed = CircuitEvaluator.of(model("reverse"), ablation="mean", lengths="fixed", n_pairs=48, max_sizes=9)
    needless = fixed.circuit.dispensable
    assert [str(edge) for edge in needless] == ["input->a0.h0<q>", "a0.h0->m0"]
    row = fixed.score(lambda task: ranking(fixed, fixed.circuit.edges))
    assert row.live is not None and row.truth is not None
    assert (row.live.true, row.live.judged, row.live.exact) == (6, 94, False)
    assert row.live.auroc == pytest.approx(1 - 2 / 88 / 2)  # two of 88 others tie with all six
    assert row.truth.size_to_sufficiency == 6 / 8


def test_with_one_minimal_circuit_scores_are_those_against_the_live_edges() -> None:
    one = evaluator("hist")
    assert one.circuit.minimal_circuits == (one.circuit.edges,)
    for method in ("eap", "exact", "random"):
        row = one.score(method)
        scores = mib.localization.get(method)(own_copy(one.task))
        assert row.live == ranked(scores, one.circuit.mask())


def test_the_size_to_sufficiency_counts_ties_at_worst() -> None:
    one = evaluator("hist")
    n, true = len(one.task.graph.edges), list(one.circuit.edges)
    family = [one.circuit.mask()]
    others = [edge for edge in one.task.graph.edges if edge not in true]
    for tiers, k in (
        ([true], len(true)),
        ([true[:-1], [*true[-1:], *others[:3]]], len(true) + 3),
        ([others[:5], true], len(true) + 5),
        ([true[:-1]], n),
        ([], n),
    ):
        assert size_to_sufficiency(ranking(one, *tiers), family) == len(true) / k
    assert size_to_sufficiency(ranking(one), [np.zeros_like(family[0])]) is None


def test_a_model_that_needs_no_edge_has_nothing_to_localize() -> None:
    """Sorted, the inputs of the greatest length, which hold each number once, are all alike."""
    with pytest.raises(DomainError, match="'sort_unique' needs no edge under resample ablation with fixed lengths"):
        CircuitEvaluator.of(model("sort_unique"), lengths="fixed")


@pytest.mark.parametrize("name", ["hist", "count_x"])
def test_the_oracle_orders_the_true_edges_as_well_as_any_order(name: str) -> None:
    """Against every order of the true edges: the distance over all circuit sizes is the smallest that there is."""
    one = evaluator(name)
    edges = one.circuit.edges

    def in_order(order: tuple[mib.Edge, ...]) -> mib.EdgeScores:
        return mib.EdgeScores(one.task.graph, dict.fromkeys(one.task.graph.edges, 0.0) | {
            edge: len(order) - rank for rank, edge in enumerate(order)
        })  # fmt: skip

    areas = [one._areas(in_order(order), n_bootstrap=0).cmd.value for order in permutations(edges)]
    assert min(areas) < np.mean(areas)
    assert one.score("oracle").cmd == pytest.approx(min(areas))


def test_the_oracle_s_order_keeps_the_set_and_is_the_same_each_time() -> None:
    for level in ("edge", "node"):
        one = evaluator("reverse", level=level)
        plain = oracle(one.circuit, level=level)  # type: ignore[arg-type]
        ordered = in_best_order(one.task, plain)
        found, known = (np.nan_to_num(np.asarray(scores.values)) for scores in (ordered, plain))
        np.testing.assert_array_equal(found > 0, known > 0)
        assert len(np.unique(found[found > 0])) == np.count_nonzero(known)
        np.testing.assert_array_equal(in_best_order(one.task, plain).values, ordered.values)


def test_constants_are_left_out_of_the_second_column_set() -> None:
    one = evaluator("reverse", "zero")
    row = one.score("oracle")
    constant = one.circuit.carrying("constant")
    assert row.live is not None
    assert row.truth is not None
    assert row.truth.variables is not None
    assert constant
    assert row.truth.variables.judged == row.live.judged - len(constant)
    assert row.truth.variables.true == len(set(one.circuit.edges) - set(constant))


def test_the_interval_holds_the_estimate_and_shrinks_to_it_where_examples_agree() -> None:
    row = evaluator("reverse").score("eap")
    assert row.cpr_interval[0] <= row.cpr <= row.cpr_interval[1]
    assert row.cpr_interval[0] < row.cpr_interval[1]
    everything = evaluator("reverse").score(lambda task: mib.EdgeScores(task.graph, np.ones(len(task.graph.edges))))
    assert everything.cmd_interval[0] <= everything.cmd <= everything.cmd_interval[1]


def test_nodes_are_true_if_an_edge_that_leaves_them_is_live() -> None:
    row = evaluator("reverse", level="node").score("exact-node")
    assert row.live is not None
    assert row.live.true == len({edge.source for edge in evaluator("reverse").circuit.edges})
    assert row.live.judged == len(model("reverse").graph.sources)
    oracle_row = evaluator("reverse", level="node").score("oracle")
    assert oracle_row.live is not None
    assert oracle_row.live.exact


def test_neurons_have_metrics_and_no_exact_truth() -> None:
    row = evaluator("hist", level="neuron").score("nap")
    assert row.truth is not None
    assert (row.live, row.truth.variables, row.truth.structural, row.truth.true_cpr) == (None, None, None, None)
    assert np.isfinite([row.cpr, row.cmd, row.mib_cpr, row.mib_cmd]).all()
    with pytest.raises(ScoreError, match="no exact truth about neurons"):
        evaluator("hist", level="neuron").score("oracle")


def test_passes_are_counted_in_passes_over_the_examples() -> None:
    row = evaluator("hist").score("eap")
    assert row.backward == pytest.approx(1.0, abs=0.01)
    assert 2.0 <= row.forward <= 3.5
    # A model that caches nothing between methods: a second run costs the same.
    assert evaluator("hist").score("eap").forward == row.forward


def test_a_method_that_spoils_its_model_spoils_no_other() -> None:
    one = evaluator("hist")
    before = one.score("exact")

    def vandal(task: mib.LocalizationTask) -> mib.EdgeScores:
        with torch.no_grad():
            for parameter in task.model.parameters():
                parameter.zero_()
        return mib.EdgeScores(task.graph, np.ones(len(task.graph.edges)))

    spoilt = one.score(vandal)
    after = one.score("exact")
    assert (after.live, after.cpr, after.mib_cmd) == (before.live, before.cpr, before.mib_cmd)
    assert spoilt.truth is not None and before.truth is not None
    assert spoilt.truth.true_cpr == before.truth.true_cpr


def test_what_cannot_be_scored_is_refused() -> None:
    constant = compile(rasp.Map(lambda _: 1, rasp.tokens).named("one"), vocab="ab", max_seq_len=3, name="always")
    with pytest.raises(DomainError, match="'always' needs no edge under resample ablation"):
        score("exact", constant, lengths="fixed")
    with pytest.raises(MethodError, match="unknown localizer 'exakt'. Did you mean: exact"):
        score("exakt", model("hist"))
    with pytest.raises(MethodError, match="returned a list"):
        evaluator("hist").score(lambda task: [1.0])
    with pytest.raises(ScoreError, match=r"no finite score for 1 of 13 edges: 'input->a0.h0<q>'"):
        evaluator("hist").score(lambda task: mib.EdgeScores(task.graph, [np.nan] + [1.0] * 12))
