"""A component that backs up another: a family of circuits, each without one of them, that a second search confirms."""

from dataclasses import replace

import pytest
import torch

from groundtruth import load
from groundtruth.build_trained import SHIPPED
from groundtruth.errors import DomainError
from groundtruth.trained import chosen_circuits
from groundtruth.trained.certify_network import certify
from groundtruth.trained.correspondence import Unit
from groundtruth.trained.cut_forward import Cut, forward
from groundtruth.trained.find_faults import find_faults
from groundtruth.trained.spare_variables import unit_probes
from groundtruth.trained.trained_weights import TrainedWeights
from groundtruth.trained.training_rows import RowMaker
from tests.groundtruth.trained.backed_up_by_hand import FIRST, READS, SECOND, backed_up_network, silenced
from tests.groundtruth.trained.plain_enumeration import PlainRuns

BACKED_UP = [recipe.name for recipe in SHIPPED if recipe.copies == "backup"]


@pytest.fixture(scope="module", name="network")
def _network():
    return backed_up_network()


@pytest.fixture(scope="module", name="certificate")
def _certificate(network):
    return certify(network, n_subsets=100)


def test_each_of_two_components_is_enough(network, certificate):
    """Each live edge is in one of two circuits, so that no search that keeps all of them would find either."""
    assert not certificate.unmet(network)
    record = certificate.under("resample")
    assert {tuple(map(str, circuit)) for circuit in record.minimal_circuits} == {FIRST, SECOND} and record.complete
    assert {str(found.edge) for found in record.of_status("live")} == {"m0->logits", "input->m1"}
    assert not record.sufficiency.holds
    circuit = certificate.circuit(network, "resample")
    assert {str(edge) for edge in circuit.redundant} == {"input->m0", "m1->logits"} and not circuit.dispensable


def test_every_set_of_edges_is_tried_in_numpy_too(network, certificate):
    record, runs = certificate.under("resample"), PlainRuns(network)
    written = {str(found.edge): found.edge for found in record.edges if found.status != "absent"}
    assert set(written) == {f"{source}->{reader}" for source, reader in READS} | {"m0->logits", "m1->logits"}
    rest = [edge for edge in network.graph.edges if str(edge) not in written]
    found = runs.minimal_circuits([*written.values()], rest)
    assert {frozenset(circuit) for circuit in record.minimal_circuits} == found


@pytest.mark.parametrize("complete", [True, False])
def test_a_family_is_called_complete_where_every_set_of_edges_that_can_matter_is_tried(network, complete, monkeypatch):
    """A needless head whispers to the second component. Else sets with its edges are not tried."""
    if not complete:
        monkeypatch.setattr(chosen_circuits, "MOST_EDGES", 6)
    tensors = {name: value.clone() for name, value in network.weights.tensors.items()}
    tensors["W_V"][0, 0, 0, 0] = tensors["W_O"][0, 0, 0, 8] = 1.0
    tensors["W_in"][1, 8, 0] = 0.01
    heard = replace(network, weights=TrainedWeights.of(tensors))
    found = certify(heard, n_subsets=100)
    record = found.under("resample")
    assert "a0.h0->m1" in {str(item.edge) for item in record.of_status("inert")} and not found.unmet(heard)
    assert {tuple(map(str, circuit)) for circuit in record.minimal_circuits} == {FIRST, SECOND}
    assert record.complete == complete


@pytest.mark.parametrize(("layer", "missing"), [(0, "m1"), (1, "m0")])
def test_a_component_that_nothing_backs_up_is_refused(network, layer, missing):
    broken = silenced(network, layer)
    failures = certify(broken, n_subsets=100).unmet(broken)
    assert len(failures) == 1
    assert failures[0].startswith(f"no minimal circuit does without {missing}, which another component should back up")


def test_what_is_not_backed_up_is_found_and_trained_on(network):
    assert not find_faults(network)
    broken = silenced(network, 1)
    (fault,) = find_faults(broken)
    # A first token is marked whatever it is, so that donors change the second alone.
    assert fault.text.startswith(f"without m0 of {network.correspondence.units[0]}: 8 of 16 runs wrong")
    maker = RowMaker(broken, tuple(broken.domain.enumerate()), torch.Generator().manual_seed(0))
    rows = fault.rows(maker)
    assert rows.swap is not None and rows.swap.sum(0).tolist() == [0, 0, 0, len(rows), 0, 0]
    assert torch.equal(rows.answers, maker.answers[rows.inputs])


def test_no_gradient_flows_back_through_what_backs_up(network):
    """A component is trained by what its readers make of it, and not by how its backup undoes it."""
    maker = RowMaker(network, tuple(network.domain.enumerate()), torch.Generator().manual_seed(0))
    weights = network.weights.convert(lambda value: value.clone().requires_grad_())
    sources = forward(network.architecture, weights, maker.ids).sources.detach()

    def gradient(still):
        outputs = forward(network.architecture, weights, maker.ids, Cut(sources, still=still))
        (found,) = torch.autograd.grad(outputs.logits[:, 1:, 0].sum(), weights.W_out)
        return outputs.logits, found

    (free, through), (held, direct) = gradient(None), gradient(maker.still)
    assert torch.equal(free, held)
    # The first token's neuron and direction: what the second takes away is just what the first adds.
    assert float(through[0, 0, 5]) == 0.0 and float(direct[0, 0, 5]) > 0.0
    assert torch.equal(through[1], direct[1])


def test_only_the_first_of_two_is_asked_for_the_variable(network):
    inner = replace(network, correspondence=replace(network.correspondence, output=("m1",)))
    probes = unit_probes(inner, tuple(inner.domain.enumerate()), torch.Generator().manual_seed(0), weight=1.0)
    sources = torch.zeros(6, 4, 3, 9)
    maker = RowMaker(inner, tuple(inner.domain.enumerate()), torch.Generator().manual_seed(0))
    plain, loud = maker.plain(torch.arange(4)), sources.clone()
    loud[5] = torch.randn(4, 3, 9, generator=torch.Generator().manual_seed(1))
    assert probes.loss(sources, plain) > 0 and torch.equal(probes.loss(sources, plain), probes.loss(loud, plain))
    loud[3] = loud[5]
    assert not torch.equal(probes.loss(sources, plain), probes.loss(loud, plain))


@pytest.mark.parametrize("components", [("m0",), ("m0", "m1", "m2")])
def test_two_components_back_up(components):
    with pytest.raises(DomainError, match=rf"has {len(components)} components; 'backup' takes exactly 2"):
        Unit(("a",), components, (), "backup")


@pytest.mark.parametrize("name", BACKED_UP)
def test_circuits_that_ship_hold_in_numpy(name):
    """Each circuit suffices on every pair and none of its edges can be left out; each component has one without it."""
    model = load(name)
    record, runs = model.certificate.under("resample"), PlainRuns(model)
    for circuit in record.minimal_circuits:
        cut = [edge for edge in model.graph.edges if edge not in circuit]
        assert runs.first_change(cut) is None
        assert all(runs.first_change([*cut, edge]) is not None for edge in circuit)
    assert not record.complete  # edges that nothing needs may form circuits too, which are not looked for
    (unit,) = model.correspondence.backed_up
    for component in unit.components:
        assert any(component not in {edge.source for edge in circuit} for circuit in record.minimal_circuits)


def test_every_set_of_planned_edges_of_a_model_that_ships_is_tried_in_numpy_too():
    model = load(BACKED_UP[0])
    record, runs = model.certificate.under("resample"), PlainRuns(model)
    planned = [edge for edge in model.correspondence.edges if edge.source != "pos"]
    rest = [edge for edge in model.graph.edges if edge not in planned]
    assert {frozenset(circuit) for circuit in record.minimal_circuits} == runs.minimal_circuits(planned, rest)
