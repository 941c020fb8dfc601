"""Why a method is wrong, found by measuring: each cause on a model where it is known to be the cause."""

import json

import numpy as np
import pytest

import groundtruth
import mib
from groundtruth.cli import main
from groundtruth.evaluation.circuits.causes import diagnose
from groundtruth.evaluation.circuits.circuit_evaluator import CircuitEvaluator
from mib.errors import MethodError
from mib.localization import as_localizer, get


@pytest.fixture(scope="module")
def reverse():
    return groundtruth.load("reverse")


def scoring(model, values, *, otherwise=0.0):
    """A method that gives some edges some scores."""

    def method(task: mib.LocalizationTask) -> mib.EdgeScores:
        """Scores that are given."""
        scores = dict.fromkeys(map(str, task.graph.edges), otherwise) | values
        return mib.EdgeScores(task.graph, scores)

    return as_localizer(method, name="given")


def test_exact_finds_every_edge_and_nothing_is_to_explain(reverse):
    found = diagnose(get("exact"), reverse)
    assert {finding.verdict for finding in found.findings} == {"found"}
    assert [finding.causes for finding in found.findings] == [()] * len(found.circuit.edges)


def test_the_edge_at_which_the_gradient_dies_is_told_from_those_behind_it(reverse):
    found = {str(finding.edge): finding for finding in diagnose(get("eap"), reverse).findings}
    assert {edge for edge, finding in found.items() if finding.verdict == "found"} == {
        "a3.h0->logits", "input->a3.h0<v>", "m2->a3.h0<q>",
    }  # fmt: skip
    assert found["m1->m2"].causes == (
        "the gradient there is exactly 0: the units of m2 that it would move are off, or cancel each other",
    )
    for edge, node in (("m0->m1", "m1"), ("a0.h0->m0", "m0"), ("input->a0.h0<q>", "a0.h0")):
        assert found[edge].verdict == "tied"  # 0, as the scores of most other edges
        assert found[edge].causes == (f"no gradient reaches {node}: all that follows it is flat",)


def test_an_effect_that_no_gradient_sees_is_told_with_its_share():
    found = {str(finding.edge): finding for finding in diagnose(get("hisp"), groundtruth.load("contains_x")).findings}
    assert found["m0->a1.h0<v>"].verdict == "missed"
    assert found["m0->a1.h0<v>"].causes[0].startswith("a gradient sees nothing of the effect: at most ")


def test_what_is_not_live_is_told_by_its_proof(reverse):
    live = {str(edge): 1.0 for edge in reverse.circuit("resample").edges}
    wrong = {"input->a1.h0<q>": 2.0, "input->a0.h0<v>": 3.0}
    found = diagnose(scoring(reverse, {**live, **wrong, "m1->m2": 0.5, "m0->m1": 0.25}), reverse)
    false = {str(finding.edge): finding.causes for finding in found.of_verdict("false")}
    assert false == {
        "input->a1.h0<q>": ("nothing that it writes is read there",),
        "input->a0.h0<v>": ("what is read never differs from what the ablation puts there",),
    }
    assert [str(finding.edge) for finding in found.of_verdict("missed")] == ["m1->m2", "m0->m1"]


def test_a_residue_of_rounding_and_a_negative_score_are_told(reverse):
    live = {str(edge): 1.0 for edge in reverse.circuit("resample").edges}
    given = scoring(reverse, {**live, "m1->m2": -1e-10, "input->m0": 1e-9})
    found = {str(finding.edge): finding.causes for finding in diagnose(given, reverse).findings}
    assert found["input->m0"][0] == "a residue of rounding: 1e-09 of the largest score"
    assert found["m1->m2"][-1] == "its score is negative: the method takes cutting it to help"


def test_ranks_follow_the_scores(reverse):
    found = diagnose(get("eap-ig-inputs"), reverse)
    scores = [abs(finding.score) for finding in found.findings]  # a circuit is the best edges by magnitude
    assert [finding.rank for finding in found.findings] == sorted(finding.rank for finding in found.findings)
    assert np.all(np.diff(scores) <= 0)


def test_a_method_for_nodes_has_nothing_to_explain(reverse):
    with pytest.raises(MethodError, match="exact-node scores node, not edges: there is nothing to explain"):
        diagnose(get("exact-node"), reverse)


def test_the_command_prints_causes_and_json(capsys):
    with pytest.raises(SystemExit) as done:
        main(["why", "eap", "reverse"])
    out = capsys.readouterr().out
    assert done.value.code in (0, None)
    assert "3 found, 5 tied" in out and max(map(len, out.splitlines())) <= 105
    with pytest.raises(SystemExit):
        main(["why", "eap", "reverse", "--json"])
    data = json.loads(capsys.readouterr().out)
    assert data["edges"][0] == data["edges"][0] | {"edge": "a3.h0->logits", "verdict": "found", "rank": 1, "causes": []}


@pytest.mark.parametrize(
    ("name", "ablation", "lengths"),
    [("contains_x_twice_told", "resample", None), ("reverse", "mean", "fixed"), ("hist", "resample", None)],
)
def test_edges_are_judged_as_their_score_judges_them(name, ablation, lengths):
    """Several minimal circuits, live edges that none of them holds, and neither; negative scores among the best."""
    model = groundtruth.load(name)
    one = CircuitEvaluator.of(model, ablation=ablation, lengths=lengths, n_pairs=8, max_sizes=3)
    rng, seen = np.random.default_rng(0), set()
    for boost in (0.0, 2.0):
        chosen = one.circuit.minimal_circuits[int(rng.integers(len(one.circuit.minimal_circuits)))]
        values = {str(edge): float(rng.normal()) + boost * (edge in chosen) for edge in one.task.graph.edges}
        given = scoring(model, values)
        row = one.score(given)
        found = diagnose(given, model, ablation=ablation, lengths=lengths, n_pairs=8)
        wrong = {(str(one.edge), one.verdict) for one in found.findings if one.verdict != "found"}
        assert wrong == {(edge.name, edge.kind) for edge in row.wrong}
        assert len(found.circuit.minimal_circuits[found.member]) == row.live.true
        seen |= {verdict for _, verdict in wrong}
    assert seen == {"missed", "false"}


def test_an_edge_that_only_others_together_show_and_one_that_others_make_up_for_are_told():
    model = groundtruth.load("contains_x_twice_told")
    circuit = model.circuit()
    first = circuit.minimal_circuits[0]
    (hidden,) = set(first) - set(circuit.edges)
    found = diagnose(scoring(model, {str(edge): 1.0 for edge in first if edge != hidden}), model)
    (missed,) = [finding for finding in found.findings if finding.verdict != "found"]
    assert (missed.edge, missed.causes) == (
        hidden,
        ("inert alone and needed together with others: no single cut shows it",),
    )
    reverse = groundtruth.load("reverse")
    needless = reverse.circuit("mean", lengths="fixed").dispensable[0]
    given = scoring(
        reverse, {str(needless): 5.0} | {str(edge): 1.0 for edge in reverse.circuit("mean", lengths="fixed").needed}
    )
    (false,) = diagnose(given, reverse, ablation="mean", lengths="fixed").of_verdict("false")
    assert false.edge == needless
    assert false.causes == (
        "cutting it alone changes an output, but no minimal circuit holds it: what else is cut makes up for it",
    )
