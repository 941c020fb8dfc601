"""Copies stand in for each other: which sets of edges suffice, where no single cut shows an edge."""

import itertools

import pytest

from groundtruth import load
from groundtruth.truth.circuits.family import CircuitTrials, minimal_circuits
from groundtruth.truth.circuits.prover import ground, prove_on
from groundtruth.truth.circuits.sufficiency import circuit_mask, doubtful_edges, prove_sufficiency, try_circuit
from tests.groundtruth.brute_force import BruteForce, small

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


@pytest.mark.slow
@pytest.mark.parametrize("ablation", ["resample", "zero", "mean"])
def test_the_list_of_minimal_circuits_is_that_of_trying_every_set(voted, ablation):
    """Every set of doubtful edges is run, whatever the prover leaves out as unconnected or not minimal."""
    base, circuit = voted("hist_by_median", ablation, letters=2, max_seq_len=2)
    assert circuit.complete
    force = BruteForce(base.model, ablation, "fixed")
    live = {(edge.source, edge.destination) for edge in circuit.edges}
    doubtful = [(edge.source, edge.destination) for edge in doubtful_edges(circuit.truths)]
    minimal = []
    for size in range(len(doubtful) + 1):
        for added in map(set, itertools.combinations(doubtful, size)):
            if not any(smaller <= added for smaller in minimal) and not force.matters_without(live | added):
                minimal.append(added)
    found = [{(edge.source, edge.destination) for edge in edges} - live for edges in circuit.minimal_circuits]
    assert sorted(map(sorted, found)) == sorted(map(sorted, minimal))


def test_deletion_gives_circuits_that_can_do_without_no_edge(voted, monkeypatch):
    base, circuit = voted("hist_by_median", "resample")
    monkeypatch.setattr("groundtruth.truth.circuits.family._ALL_SUBSETS_UP_TO", 0)
    found, complete = minimal_circuits(base.runs, circuit.truths)
    assert not complete
    assert set(found) == set(circuit.minimal_circuits)  # any two of three, found in the first three orders


def test_a_failure_is_remembered_and_tried_first(voted):
    base, circuit = voted("hist_by_median", "resample")
    trials = CircuitTrials(base.runs, circuit.truths)
    assert not trials.reproduces(())
    ran = []
    circuit_codes = type(base.runs).circuit_codes

    def counting(runs, kept, rows, puts):
        ran.append(len(rows))
        return circuit_codes(runs, kept, rows, puts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(base.runs), "circuit_codes", counting)
        assert not trials.reproduces(())
    assert ran == [1]


def test_a_trial_says_where_a_circuit_differs_and_what_was_run(voted):
    base, circuit = voted("hist_by_median", "resample")
    runs = base.runs
    failed = try_circuit(runs, circuit_mask(runs, circuit.truths))
    row, put = failed.differs_on
    force = BruteForce(base.model, "resample", "fixed")
    live = {(edge.source, edge.destination) for edge in circuit.edges}
    assert (row, put) in set(force.differing(set(force.edges) - live))
    whole = try_circuit(runs, circuit_mask(runs, circuit.truths, added=circuit.minimal_circuits[0]))
    assert (whole.differs_on, whole.complete) == (None, True)
    assert whole.runs == len(runs.tokens) ** 2


def test_a_sample_of_pairs_shows_nothing_where_it_finds_nothing():
    model = load("hist_by_median")
    circuit, runs = model.circuit("resample", "fixed"), ground(model, "resample", "fixed").runs
    kept = circuit_mask(runs, circuit.truths, added=circuit.minimal_circuits[0])
    trial = try_circuit(runs, kept, limit=1_000)
    assert (trial.differs_on, trial.complete) == (None, False)
    assert 1_000 <= trial.runs < len(runs.tokens) ** 2


def test_sufficiency_is_by_induction_where_all_that_is_cut_is_constant():
    base = ground(load("hist"), "resample", "fixed")
    circuit = prove_on(base)
    assert {t.proof for t in circuit.truths} == {"zero", "constant", "witness"}
    assert prove_sufficiency(base.runs, circuit.truths).by == "induction"
