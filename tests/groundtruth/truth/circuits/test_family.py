"""The family of minimal sufficient circuits: which sets of edges suffice, and that no part of them does."""

import itertools
from dataclasses import replace

import pytest

from groundtruth import load, shipped
from groundtruth.store.catalog import shipped_variants
from groundtruth.truth.circuits.family import CircuitTrials, minimal_circuits
from groundtruth.truth.circuits.prover import ground, prove_on
from groundtruth.truth.circuits.sufficiency import circuit_mask, prove_sufficiency, try_circuit
from tests.groundtruth.brute_force import BruteForce, small
from tests.groundtruth.every_subset import MOST, family_differences

COPIES = {"contains_x_by_vote": "a1", "hist_by_median": "a0"}
"""In which layer each model has its three copies, a head each."""


@pytest.fixture(scope="module")
def voted():
    known = {}

    def get(name, ablation, letters=2, max_seq_len=3):
        if (name, ablation) not in known:
            base = ground(small(name, letters=letters, max_seq_len=max_seq_len), ablation, "fixed")
            known[name, ablation] = (base, prove_on(base))
        return known[name, ablation]

    return get


def heads_in(edges, layer):
    return {edge.source for edge in edges if edge.source.startswith(f"{layer}.")}


@pytest.mark.parametrize("name", COPIES)
@pytest.mark.parametrize("lengths", ["fixed", "mixed"])
def test_any_two_of_three_copies_suffice_and_no_one_alone(name, lengths):
    circuit = load(name).circuit("resample", lengths)
    assert circuit.sufficiency.holds is False
    assert circuit.complete
    used = [heads_in(edges, COPIES[name]) for edges in circuit.minimal_circuits]
    three = {f"{COPIES[name]}.h{head}" for head in range(3)}
    assert sorted(map(sorted, used)) == sorted(map(list, itertools.combinations(sorted(three), 2)))
    assert all(circuit[edge].status == "inert" for edge in circuit.redundant)
    assert heads_in(circuit.redundant, COPIES[name]) == three


def test_two_ways_of_telling_are_two_minimal_circuits():
    circuit = load("contains_x_twice_told").circuit("resample", "mixed")
    assert circuit.sufficiency.holds is False
    assert (len(circuit.minimal_circuits), circuit.complete) == (2, True)


def test_where_the_live_edges_suffice_they_are_the_only_minimal_circuit():
    circuit = load("reverse").circuit("zero", "fixed")
    assert circuit.sufficiency.holds is True
    assert circuit.minimal_circuits == (circuit.edges,)
    assert circuit.redundant == ()


@pytest.mark.parametrize("ablation", ["zero", "mean", "mean-positional"])
def test_the_family_is_that_of_trying_every_set_of_edges(ablation):
    """All that ship with at most 14 edges that are read, variants too; ``benchmarks/families.py`` resamples as well."""
    models = [load(name) for name in (*shipped(), *shipped_variants())]
    few = [(m, c) for m in models for c in m.known_circuits if c.ablation == ablation and len(c.structural) <= MOST]
    assert len(few) > 150 and all(circuit.complete for _, circuit in few)
    assert [wrong for model, circuit in few for wrong in family_differences(model, circuit)] == []


@pytest.mark.parametrize("name", ["hist", "sort_unique", "length_numerical"])
def test_the_family_is_that_of_trying_every_set_under_resampling(name):
    model = load(name)
    assert family_differences(model, model.circuit("resample", "fixed")) == []


def test_trying_every_set_finds_a_family_that_is_not_one():
    model = load("copy_last")
    circuit = model.circuit("mean", "fixed")
    (only,) = circuit.minimal_circuits
    lied = replace(circuit, minimal_circuits=(circuit.edges,))
    assert sorted(told.split()[-1] for told in family_differences(model, lied)) == ["circuit", "missing"]
    assert len(family_differences(model, replace(circuit, minimal_circuits=(only[1:],), complete=False))) == 1


LIVE_IN_NONE = {
    ("reverse", "mean", "fixed"): ["input->a0.h0<q>", "a0.h0->m0"],
    ("copy_last", "mean", "fixed"): ["input->a0.h0<q>", "a0.h0->m0"],
    ("swap_neighbours", "mean", "fixed"): ["input->a0.h0<q>", "a0.h0->m0"],
    ("sort", "mean", "mixed"): ["input->m1"],
}


@pytest.mark.parametrize("setting", LIVE_IN_NONE)
def test_a_live_edge_can_be_in_no_minimal_circuit(setting):
    name, ablation, lengths = setting
    circuit = load(name).circuit(ablation, lengths)
    assert [str(edge) for edge in circuit.dispensable] == LIVE_IN_NONE[setting]
    (only,) = circuit.minimal_circuits
    assert {*only} == {*circuit.edges} - {*circuit.dispensable}
    assert circuit.complete and f"1 minimal circuit of {len(only)} edges" in str(circuit)


@pytest.mark.parametrize(
    ("name", "edge", "held"),
    [("contains_x_by_vote", "m1->m2", [False, True]), ("contains_x_twice_told", "input->m2", [True, False])],
)
def test_a_live_edge_can_be_in_some_minimal_circuits_and_not_in_others(name, edge, held):
    circuit = load(name).circuit("zero", "mixed")
    assert circuit[edge].status == "live"
    assert [edge in map(str, edges) for edges in circuit.minimal_circuits] == held


def test_where_the_search_is_given_up_what_is_found_by_leaving_out_edges_is_minimal(voted, monkeypatch):
    base, circuit = voted("hist_by_median", "resample")
    monkeypatch.setattr("groundtruth.truth.circuits.family._NUMBERS", 0)
    found, complete = minimal_circuits(CircuitTrials(base.runs, circuit.truths))
    assert not complete
    assert found and {*found} <= {*circuit.minimal_circuits}


def test_a_failure_is_remembered_and_tried_first(voted):
    base, circuit = voted("hist_by_median", "resample")
    trials = CircuitTrials(base.runs, circuit.truths)
    trials.pairs = dict.fromkeys([(0, 0)])  # an input with itself: on this one nothing fails
    assert not trials.reproduces(())
    assert len(trials.pairs) == 2
    ran = []
    circuit_codes = type(base.runs).circuit_codes

    def counting(runs, kept, rows, puts):
        ran.append(len(rows))
        return circuit_codes(runs, kept, rows, puts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(base.runs), "circuit_codes", counting)
        assert not trials.reproduces(())
    assert ran == [2]


def test_a_trial_says_where_a_circuit_differs_and_what_was_run(voted):
    base, circuit = voted("hist_by_median", "resample")
    runs = base.runs
    failed = try_circuit(runs, circuit_mask(runs, circuit.truths, circuit.edges))
    row, put = failed.differs_on
    force = BruteForce(base.model, "resample", "fixed")
    live = {(edge.source, edge.destination) for edge in circuit.edges}
    assert (row, put) in set(force.differing(set(force.edges) - live))
    whole = try_circuit(runs, circuit_mask(runs, circuit.truths, circuit.minimal_circuits[0]))
    assert (whole.differs_on, whole.complete) == (None, True)
    assert whole.runs == len(runs.tokens) ** 2


def test_a_sample_of_pairs_shows_nothing_where_it_finds_nothing():
    model = load("hist_by_median")
    circuit, runs = model.circuit("resample", "fixed"), ground(model, "resample", "fixed").runs
    kept = circuit_mask(runs, circuit.truths, circuit.minimal_circuits[0])
    trial = try_circuit(runs, kept, limit=1_000)
    assert (trial.differs_on, trial.complete) == (None, False)
    assert 1_000 <= trial.runs < len(runs.tokens) ** 2


def test_sufficiency_is_by_induction_where_all_that_is_cut_is_constant():
    base = ground(load("hist"), "resample", "fixed")
    circuit = prove_on(base)
    assert {t.proof for t in circuit.truths} == {"zero", "constant", "witness"}
    assert prove_sufficiency(base.runs, circuit.truths).by == "induction"
