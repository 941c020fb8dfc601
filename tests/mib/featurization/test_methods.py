"""What each method finds on a model whose causal subspace is known: coordinates 0 to 2, with a dead copy in 6 to 8."""

import pytest
import torch

from mib.errors import MethodError
from mib.featurization import Featurizer, Site, Split, get, names
from mib.featurization.methods.boundless_das import Boundary
from mib.metrics.subspaces import precision, recall
from tests.mib.featurization import adder

QUICK = {
    "das": {"rank": 2, "steps": 50}, "das-search": {"steps": 50, "restarts": 1}, "mdas": {"rank": 2, "steps": 50},
    "boundless-das": {"steps": 50}, "bijection-das": {"steps": 50}, "dbm": {"steps": 50}, "dbm-sparse": {"steps": 50},
    "dbm-pca": {"steps": 50}, "dbm-svd": {"steps": 50}, "dbm-sae": {"sae_steps": 100, "steps": 50},
    "dbm-sae-top-k": {"sae_steps": 100, "steps": 50}, "dbm-sae-batch-top-k": {"sae_steps": 100, "steps": 50},
    "dbm-sae-top-afa": {"sae_steps": 100, "steps": 50},
}  # fmt: skip


def n_right(featurizer: Featurizer, **changes: object) -> int:
    """Of 81 pairs; 27 are right if nothing is swapped, and 27 if everything is."""
    return int(adder.task(**changes).right(featurizer).sum())


def basis(featurizer: Featurizer) -> torch.Tensor:
    assert featurizer.basis is not None
    return featurizer.basis


@pytest.mark.parametrize("name", names())
def test_every_method_runs_and_repeats_itself_to_the_bit(name: str) -> None:
    task = adder.task(isolation=True)
    torch.manual_seed(1)
    first = get(name)(task, **QUICK.get(name, {}))
    torch.manual_seed(2)
    again = get(name)(task, **QUICK.get(name, {}))
    assert first.indices == again.indices
    assert torch.equal(task.interchange(first), task.interchange(again))
    assert get(name).linear == (first.rotation is not None)


@pytest.mark.parametrize("name", ["dbm", "dbm-sparse"])
def test_masks_find_the_coordinates_and_a_rotated_basis_breaks_them(name: str) -> None:
    found = get(name)(adder.task())
    assert found.indices == (0, 1, 2)
    assert n_right(found) == 81
    turn = adder.random_rotation()
    assert n_right(get(name)(adder.task(rotation=turn)), rotation=turn) < 60


def test_pressure_for_few_features_drops_those_that_do_nothing() -> None:
    everything = torch.arange(81)
    split = Split(everything, everything[:0], everything[:0])
    strong = get("dbm-sparse")(adder.task(split=split), sparsity=1.0)
    assert strong.rank == 0


@pytest.mark.parametrize("name", ["difference-in-means", "linear-probe", "lda"])
def test_probes_read_the_dead_copy_as_much_as_the_live_one(name: str) -> None:
    found = get(name)(adder.task())
    assert found.rank == 2
    assert n_right(found) == 81  # both copies are swapped together, so no accuracy can tell them apart
    assert recall(basis(found), adder.live()) == pytest.approx(0.5, abs=0.02)
    assert precision(basis(found), adder.live()) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("name", ["difference-in-means", "linear-probe"])
def test_probes_find_dead_variables_that_no_interchange_moves(name: str) -> None:
    after = {"site": Site.residual(1, positions=1)}
    found = get(name)(adder.task(**after))
    assert found.rank == 2
    assert n_right(found, **after) == n_right(get("no-op")(adder.task(**after)), **after) == 27


def test_all_principal_components_swap_all_that_varies() -> None:
    found = get("pca")(adder.task())
    assert found.rank == 4  # one-hot a with its copy, and one-hot b: two differences each
    assert n_right(found) == 27
    assert get("pca")(adder.task(), rank=1).rank == 1
    assert get("svd")(adder.task()).rank == 5  # and their mean


@pytest.mark.parametrize("name", ["difference-in-means", "lda", "pca", "dbm-pca", "observable-propagation"])
def test_methods_without_a_preferred_basis_turn_with_the_model(name: str) -> None:
    turn = adder.random_rotation()
    plain, turned = get(name)(adder.task()), get(name)(adder.task(rotation=turn))
    assert plain.rank == turned.rank
    assert n_right(plain) == n_right(turned, rotation=turn)


def test_masks_over_components_find_the_variable() -> None:
    assert n_right(get("dbm-pca")(adder.task())) == 81


def test_as_many_clusters_as_inputs_span_all_that_varies() -> None:
    assert get("k-means")(adder.task()).rank == 1
    found = get("k-means")(adder.task(), clusters=9)
    assert (found.rank, n_right(found)) == (4, 27)
    assert get("k-means")(adder.task(), clusters=50).rank == 4


def test_the_boundary_mask_is_that_of_the_paper() -> None:
    boundary = Boundary(4, (3.0, 1.0))
    boundary.cool(0.5)
    order = torch.arange(4.0)
    expected = torch.sigmoid(order / 2) * torch.sigmoid((0.5 * 4 - order) / 2)
    torch.testing.assert_close(boundary.mask(), expected)
    assert boundary.inside() == (0, 1)


def test_boundless_das_learns_its_rank_and_pressure_makes_it_small() -> None:
    everything = torch.arange(81)
    split = Split(everything, everything[:0], everything[:0])
    free, pressed = (get("boundless-das")(adder.task(split=split), pressure=p, steps=150) for p in (0.0, 10.0))
    assert pressed.rank < free.rank <= 12
    assert n_right(get("boundless-das")(adder.task(), steps=150)) > 40


def test_a_nonlinear_bijection_fits_what_it_was_trained_on() -> None:
    everything = torch.arange(81)
    task = adder.task(split=Split(everything, everything[:0], everything[:0]))
    found = get("bijection-das")(task, learning_rate=3e-3, steps=150)
    assert found.rotation is None
    assert n_right(found) == 81


def test_methods_that_need_values_say_so() -> None:
    with pytest.raises(MethodError, match="lda learns the variable's values, and the task has none"):
        get("lda")(adder.task(base_values=None, source_values=None))
    with pytest.raises(MethodError, match="fewer than two values on the training examples"):
        zeros = torch.zeros(81, 1, dtype=torch.long)
        get("lda")(adder.task(base_values=zeros, source_values=zeros))
