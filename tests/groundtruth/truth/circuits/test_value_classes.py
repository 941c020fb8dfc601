"""Proof by value classes: never more than trying everything shows, and all of it where nothing can be tried."""

import itertools

import pytest
import torch

from groundtruth import load
from groundtruth.compiled.decoder import Decoder
from groundtruth.truth.circuits import attention_outcomes
from groundtruth.truth.circuits.position_states import Passage
from groundtruth.truth.circuits.prover import ground, is_backup, prove
from groundtruth.truth.circuits.reasons import structure
from groundtruth.truth.circuits.value_table import ValueTable
from tests.groundtruth.brute_force import disagreements, false_witnesses
from tests.groundtruth.rare_conditions import RARE

ALL_THREE = ("hist", "is_sorted", "frac_x")
"""One head, three layers, a decoder of numbers: cheap under every ablation."""

CASES = [*itertools.product(ALL_THREE, ("resample", "zero", "mean")), ("contains_x_by_vote", "resample")]


@pytest.mark.parametrize(("name", "ablation"), CASES)
def test_no_more_is_shown_than_the_whole_domain_does(name, ablation):
    model = load(name)
    circuit, base = model.circuit(ablation, "fixed"), ground(model, ablation, "fixed")
    for edge in structure(model):
        truth = circuit[edge]
        if base.classes.is_constant(edge) and not is_backup(model, edge.source):
            assert truth.proof == "constant", edge
        elif base.classes.proof(edge) is not None:
            assert truth.status == "inert", edge


@pytest.mark.parametrize("name", [*ALL_THREE, "sort", "contains_x_by_vote"])
def test_a_fraction_of_the_domain_is_enough_to_decide_all_of_it(name):
    model = load(name)
    for ablation in ("resample", "zero"):
        whole = model.circuit(ablation, "fixed")
        part = prove(model, ablation=ablation, lengths="fixed", budget=whole.inputs // 4)
        assert not part.exhaustive
        for edge in structure(model):
            assert part[edge].status in (whole[edge].status, "undecided"), edge
        assert part.sufficiency.holds in (whole.sufficiency.holds, None)
        if (name, ablation) not in [
            ("contains_x_by_vote", "resample"),
            ("contains_x_by_vote", "zero"),
            ("sort", "zero"),
        ]:
            assert part.coverage == "value classes", (ablation, str(part))
            assert part.edges == whole.edges


@pytest.mark.parametrize(
    "name", ["all equal", *(pytest.param(name, marks=pytest.mark.slow) for name in RARE if name != "all equal")]
)
def test_the_small_size_is_confirmed_by_trying_everything(name):
    rare = RARE[name]
    model = rare.compiled(*rare.small)
    for ablation in ("resample", "zero"):
        circuit = model.circuit(ablation, "fixed")
        assert circuit.coverage == "whole domain"
        assert disagreements(model, circuit) == []
    assert tuple(map(str, model.circuit("resample", "fixed").edges)) == rare.live


# Those that are turned ship at 10^9 inputs and more: their circuits are compared with what is known in
# tests/groundtruth/programs/test_rare_conditions.py, and proven again by `groundtruth verify`.
@pytest.mark.parametrize("name", ["abc", "all equal"])
def test_the_large_size_has_the_same_circuit_and_is_decided(name):
    rare = RARE[name]
    model = rare.compiled(*rare.large)
    circuit = model.circuit("resample", "fixed")
    assert tuple(map(str, circuit.edges)) == rare.live
    assert (circuit.exhaustive, circuit.coverage, circuit.counts["undecided"]) == (False, "value classes", 0)
    assert circuit.sufficiency.holds is True
    assert false_witnesses(model, circuit) == []


@pytest.fixture
def few_bags(monkeypatch):
    """Nearly every head may write anything."""
    monkeypatch.setattr(attention_outcomes, "BAG_LIMIT", 3)
    attention_outcomes._bags.cache_clear()
    yield
    attention_outcomes._bags.cache_clear()


def test_what_can_be_too_many_things_is_left_undecided(few_bags):
    base = ground(load("hist"), "resample", "fixed")
    assert not base.classes.is_constant(next(e for e in base.runs.graph.edges if str(e) == "a0.h0->m0"))
    assert base.classes.proof(next(e for e in base.runs.graph.edges if str(e) == "m0->logits")) is None


@pytest.mark.parametrize("ablation", ["resample", "zero", "mean"])
@pytest.mark.parametrize("name", ["hist", "copy_first", "frac_x"])
def test_no_more_is_shown_where_heads_may_write_anything(few_bags, name, ablation):
    test_no_more_is_shown_than_the_whole_domain_does(name, ablation)


def test_too_many_bags_are_known_without_listing_them(monkeypatch):
    letters = frozenset(((100.0, letter), (100.0, letter)) for letter in range(10))
    monkeypatch.setattr(attention_outcomes, "add_part", None)  # no bag may be made
    assert attention_outcomes._at_least([letters] * 9, 0) == 48_620
    assert attention_outcomes.bags_of([letters] * 9) is None


def test_a_pair_that_outweighs_others_leaves_few_bags():
    offers = [frozenset((((0.0, value), None), ((100.0, value), None))) for value in range(3)]
    assert attention_outcomes._at_least(offers, 0) == 1
    assert len(attention_outcomes.bags_of(offers) or ()) == 8


def test_neurons_that_no_mean_opens_are_shut(few_bags, monkeypatch):
    """At BOS a head of this program takes the mean of all letters once its scores are cut; no later head minds."""
    monkeypatch.setattr(attention_outcomes, "BAG_LIMIT", 9)  # three letters give ten bags
    model = RARE["turned if sorted"].compiled(tuple("abc"), 3)
    base = ground(model, "zero", "fixed")
    cut = [e for e in model.graph.edges if str(e) in {f"input->{at}" for at in BLIND}]
    assert [base.classes.proof(edge) for edge in cut] == ["exhaustive"] * len(BLIND)
    assert base.classes.suffices_without(cut)
    states, passage = base.classes._full[0][0][0].copy(), Passage(base.classes._space, cut)
    passage.through_sublayer(states, 0)
    assert set(states.rows[0][:, states.column("cut", "a0.h1")]) == {attention_outcomes.ANYTHING}
    passage.through_sublayer(states, 1)
    assert attention_outcomes.ANYTHING not in states.rows[0][:, states.column("cut", "m0")]


BLIND = ("a0.h0<q>", "a0.h0<k>", "a0.h1<q>", "a0.h1<k>", "a2.h0<q>", "a2.h0<k>")
"""Where BOS is told from letters in a program of which no position needs that."""


def test_vectors_that_nothing_tells_apart_are_one_class():
    table = ValueTable(torch.eye(3, dtype=torch.float64)[:, :2].numpy())
    vectors = torch.tensor([[1.0, 0, 0], [1, 0, 5], [1 + 1e-13, 0, 0], [1, 1e-6, 0]], dtype=torch.float64)
    assert table.number(vectors.numpy()).tolist() == [0, 0, 0, 1]


def test_a_head_takes_the_mean_of_what_scores_best():
    bag = (((0.0, 7), 2), ((100.0, 1), 1), ((100.0, 2), 3))
    assert attention_outcomes.weights_of(bag) == [(7, pytest.approx(0, abs=1e-40)), (1, 0.25), (2, 0.75)]
    assert attention_outcomes.add_part(((0.0, 7), 2), None) == ((0.0, 7), 2)
    assert attention_outcomes.add_part((((0.0, 7), 2),), (100.0, 1)) == (((100.0, 1), 1),)


def test_a_decoder_of_numbers_is_followed_too():
    model = load("frac_x")
    assert model.decoder == Decoder(())
    part = prove(model, ablation="resample", lengths="fixed", budget=20)
    assert part.edges == model.circuit("resample", "fixed").edges
