"""The module with hooks, the plain functions, mib's parts of the module and NumPy give the same numbers."""

import itertools

import pytest
import torch

from groundtruth.trained.cut_forward import Cut, forward
from groundtruth.trained.trained_transformer import TrainedTransformer
from mib.models.adapters import decompose
from tests.groundtruth.trained.plain_enumeration import PlainNetwork
from tests.groundtruth.trained.small_networks import ARCHITECTURES, random_network


@pytest.fixture(params=ARCHITECTURES, name="network")
def _network(request: pytest.FixtureRequest):
    return random_network(ARCHITECTURES[request.param])


@pytest.fixture(name="ids")
def _ids(network):
    return network.encode(list(network.domain.enumerate()))


def test_module_gives_the_numbers_of_the_plain_functions(network, ids):
    assert_equal(network.module(torch.float64)(ids).detach(), network.logits(ids))


def test_numpy_gives_the_numbers_of_the_plain_functions(network, ids):
    shape = network.architecture
    arrays = {name: value.numpy() for name, value in network.weights.tensors.items()}
    plain = PlainNetwork(arrays, style=shape.style, norm=shape.norm, causal=shape.causal, activation=shape.activation)
    for row, expected in zip(ids.tolist(), network.logits(ids).numpy(), strict=True):
        assert_equal(torch.from_numpy(plain.run(row)[0]), torch.from_numpy(expected))


def test_mib_takes_the_module_apart(network, ids):
    anatomy = decompose(network.module(torch.float64))
    assert anatomy.graph(pos=network.graph.pos) == network.graph
    assert_equal(anatomy.logits(ids), network.logits(ids))


def test_an_edge_cut_by_hooks_gives_what_the_cut_forward_gives(network, ids):
    """At a normed destination what is replaced is what the norm reads."""
    shape, n = network.architecture, len(ids)
    rows = torch.tensor(list(itertools.product(range(n), range(n))))[::5]
    clean, donors = ids[rows[:, 0]], ids[rows[:, 1]]
    other = forward(shape, network.weights, donors).sources
    module = network.module(torch.float64)
    for edge in network.graph.edges:
        source, destination = network.graph.index(edge)
        mask = torch.zeros(1, *network.graph.edge_mask.shape, dtype=torch.float64)
        mask[0, source, destination] = 1.0
        expected = forward(shape, network.weights, clean, Cut(other, mask)).logits
        change = other[source] - forward(shape, network.weights, clean).sources[source]
        found = _with_change(module, network.graph.locate(edge.destination), clean, change)
        assert_equal(found, expected)


def assert_equal(found, expected):
    """Equal but for float64's rounding."""
    assert float((found - expected).detach().abs().max()) <= 1e-13 * max(1.0, float(expected.abs().max()))


def _with_change(module: TrainedTransformer, place, ids, change):
    """The module's logits when one destination reads something else."""

    def add(value, hook):
        if place.kind == "head":
            value = value.clone()
            value[:, :, place.head] += change
            return value
        return value + change

    names = {
        "head": f"blocks.{place.layer}.hook_{place.letter}_input",
        "mlp": f"blocks.{place.layer}.hook_mlp_in",
        "logits": f"blocks.{module.cfg.n_layers - 1}.hook_resid_post",
    }
    return module.run_with_hooks(ids, fwd_hooks=[(names[place.kind], add)])
