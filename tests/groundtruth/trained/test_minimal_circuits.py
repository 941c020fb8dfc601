"""The circuits that trained models list as minimal, held to whole runs in NumPy that share no code with the search."""

import pytest

from groundtruth import load
from groundtruth.truth.circuits.circuit import ABLATIONS
from tests.groundtruth.trained.plain_enumeration import PlainRuns

MODELS = (
    "hist@free-0",
    "has_larger@wired-0",
    "second_step@free-0",
    "contains_either@wired-vote-0",
    "contains_either@sparse-0",
    "waiting_pair@wired-0",
)


@pytest.mark.parametrize("ablation", ABLATIONS)
@pytest.mark.parametrize("name", MODELS)
def test_a_listed_circuit_suffices_and_no_edge_of_it_can_be_left_out(name, ablation):
    """Live edges are no exception: what changes an output when it is cut alone may be needless where others are cut."""
    model = load(name)
    circuits, runs = model.circuit(ablation).minimal_circuits, PlainRuns(model, ablation)
    for circuit in circuits[:3]:
        cut = [edge for edge in model.graph.edges if edge not in circuit]
        assert runs.first_change(cut) is None
        assert not [edge for edge in circuit if runs.first_change([*cut, edge]) is None]


@pytest.mark.parametrize(("name", "ablation", "edge"), [("waiting_pair@wired-0", "resample", "m0->a1.h0<k>")])
def test_a_live_edge_may_be_in_no_minimal_circuit(name, ablation, edge):
    circuit = load(name).circuit(ablation)
    assert circuit[edge].status == "live"
    assert all(edge not in map(str, one) for one in circuit.minimal_circuits)
