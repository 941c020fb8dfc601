"""Questions to a circuit, and refusals of ablations and lengths that do not exist."""

import numpy as np
import pytest

from groundtruth.errors import DomainError
from groundtruth.truth.circuits.circuit import (
    ABLATIONS,
    LENGTHS,
    Circuit,
    EdgeTruth,
    Reason,
    Sufficiency,
    Witness,
    require_ablation,
    require_lengths,
)
from mib.errors import GraphError
from mib.graph import Edge, Graph

VARIABLE = Reason("variable", ("tokens",), ("copy",))
POSITION = Reason("position", ("indices",), ("copy",))
CONSTANT = Reason("constant", ("one", "BOS"), ("copy",))
NOTHING = Reason("nothing", (), ())
WITNESS = Witness((1,), (2,), (1,), (2,))


@pytest.fixture
def circuit():
    """A made-up circuit of one layer with one head: a live path by the value, an inert query, a redundant key."""
    graph = Graph(1, 1, 4, pos=True)
    known = {
        "input->a0.h0<v>": ("live", "witness", VARIABLE, False),
        "a0.h0->logits": ("live", "witness", VARIABLE, False),
        "pos->a0.h0<q>": ("inert", "constant", POSITION, False),
        "input->a0.h0<q>": ("inert", "constant", CONSTANT, False),
        "input->a0.h0<k>": ("inert", "exhaustive", VARIABLE, True),
        "pos->a0.h0<k>": ("undecided", "none", POSITION, False),
    }
    truths = []
    for edge in graph.edges:
        status, proof, reason, redundant = known.get(str(edge), ("absent", "zero", NOTHING, False))
        witness = WITNESS if status == "live" else None
        truths.append(EdgeTruth(edge, status, proof, reason, 4, witness, redundant))
    return Circuit(graph, "resample", "fixed", 2, True, tuple(truths), Sufficiency(False, "exhaustive", 4), ())


def names(edges):
    return [str(edge) for edge in edges]


def test_edges_are_sorted_out_by_what_is_known_of_them(circuit):
    assert names(circuit.edges) == ["input->a0.h0<v>", "a0.h0->logits"]
    assert names(circuit.redundant) == ["input->a0.h0<k>"]
    assert names(circuit.of_status("inert", "undecided")) == [
        "input->a0.h0<q>",
        "input->a0.h0<k>",
        "pos->a0.h0<q>",
        "pos->a0.h0<k>",
    ]
    assert len(circuit.structural) == 6
    assert circuit.counts == {"absent": 7, "inert": 3, "live": 2, "undecided": 1}
    assert sum(circuit.counts.values()) == len(circuit.graph.edges)


def test_edges_are_sorted_out_by_what_travels(circuit):
    assert names(circuit.carrying("constant")) == ["input->a0.h0<q>"]
    assert names(circuit.carrying("position", "constant")) == ["input->a0.h0<q>", "pos->a0.h0<q>", "pos->a0.h0<k>"]
    assert len(circuit.carrying("nothing")) == 7


def test_an_edge_is_found_by_name_and_by_value(circuit):
    assert circuit["input->a0.h0<v>"].status == "live"
    assert circuit[Edge("input", "a0.h0<v>")] is circuit["input->a0.h0<v>"]


def test_an_edge_that_does_not_exist_is_refused(circuit):
    with pytest.raises(GraphError, match="unknown source 'inptu'. Did you mean: input?"):
        circuit["inptu->a0.h0<v>"]
    with pytest.raises(GraphError, match="'m0' writes after 'a0.h0<v>'"):
        circuit["m0->a0.h0<v>"]


def test_a_mask_holds_the_live_edges_or_those_that_are_given(circuit):
    rows, columns = np.nonzero(circuit.mask())
    pairs = [(circuit.graph.sources[s], circuit.graph.destinations[d]) for s, d in zip(rows, columns, strict=True)]
    assert pairs == [("input", "a0.h0<v>"), ("a0.h0", "logits")]
    assert circuit.mask(circuit.structural).sum() == 6
    assert not circuit.mask([]).any()


def test_a_circuit_says_what_it_is_in_a_line(circuit):
    assert str(circuit) == (
        "resample, fixed lengths: 2 live of 13, 1 undecided, "
        "not sufficient alone (edges that are inert alone are needed together)"
    )


@pytest.mark.parametrize(
    ("sufficiency", "text"),
    [
        (Sufficiency(True, "induction"), "jointly sufficient (proven)"),
        (Sufficiency(True, "local"), "jointly sufficient (proven)"),
        (Sufficiency(True, "exhaustive", 1815), "jointly sufficient (1,815 runs cover all pairs)"),
        (Sufficiency(None, "sample", 20_000), "jointly sufficient on a sample (20,000 pairs tried)"),
    ],
)
def test_sufficiency_says_how_it_was_shown(sufficiency, text):
    assert str(sufficiency) == text


def test_a_reason_says_what_travels_and_what_for():
    assert str(CONSTANT) == "one, BOS for copy"
    assert str(NOTHING) == "nothing that is read"
    assert str(Reason("other", (), ())) == "no value of the program"


def test_an_unknown_ablation_is_refused_with_the_closest():
    with pytest.raises(DomainError) as caught:
        require_ablation("resampel")
    assert str(caught.value) == (
        "ablation='resampel' is unknown. Did you mean: resample? Choose from resample, zero, mean, mean-positional."
    )
    assert [require_ablation(ablation) for ablation in ABLATIONS] == list(ABLATIONS)


def test_unknown_lengths_are_refused():
    with pytest.raises(DomainError, match="lengths='short' is unknown. Choose from fixed, mixed."):
        require_lengths("short")
    assert [require_lengths(lengths) for lengths in LENGTHS] == ["fixed", "mixed"]
