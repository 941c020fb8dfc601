"""What is shown on states is true of every pair: a cut that cannot reach a destination's output never changes it."""

import pytest

from groundtruth.truth.circuits.absorption import cannot_reach
from groundtruth.truth.circuits.prover import ground
from groundtruth.truth.circuits.reasons import structure
from tests.groundtruth.brute_force import BruteForce, small


@pytest.mark.parametrize("name", ["contains_x", "reverse", "pair_balance", "hist", "contains_x_twice_told"])
@pytest.mark.parametrize("ablation", ["resample", "mean-positional"])
def test_a_cut_that_cannot_reach_leaves_the_destination_as_it_is(name, ablation):
    model = small(name, letters=2, max_seq_len=3)
    runs, force = ground(model, ablation, "fixed").runs, BruteForce(model, ablation, "fixed")
    reached = []
    for edge in structure(model):
        place = runs.graph.locate(edge.destination)
        never = cannot_reach(runs, place, runs.read(edge.source, place), runs.replacement(edge.source, place))
        if never:
            assert force.stays([(edge.source, edge.destination)], edge.destination.split("<")[0]), edge
        else:
            reached.append(edge)
    assert reached


def test_the_query_of_a_selector_that_is_always_true_cannot_reach_and_its_value_can():
    """Which token asks changes no score, for the product with every key is the same; what is read changes a lot."""
    model = small("contains_x", letters=2, max_seq_len=3)
    runs = ground(model, "resample", "fixed").runs
    shown = {}
    for edge in structure(model):
        place = runs.graph.locate(edge.destination)
        shown[str(edge)] = cannot_reach(
            runs, place, runs.read(edge.source, place), runs.replacement(edge.source, place)
        )
    assert shown["input->a1.h0<q>"]
    assert not shown["m0->a1.h0<v>"]
    assert not shown["a1.h0->m1"]
