"""Sparse autoencoders: sparse, affine on the way back, and honest about what they lose."""

from typing import Any

import pytest
import torch

from mib.errors import MethodError
from mib.featurization import check_featurizer, get
from mib.featurization.autoencoder import Architecture, SaeTraining, dictionary, of_length, train_autoencoder
from tests.mib.featurization import adder

ARCHITECTURES: tuple[Architecture, ...] = ("standard", "top-k", "batch-top-k", "top-afa")


def sparse_vectors(n: int = 2000) -> torch.Tensor:
    """Sums of 2 of 12 random directions in 8 dimensions."""
    generator = torch.Generator().manual_seed(0)
    directions = torch.randn(12, 8, generator=generator)
    chosen = torch.rand(n, 12, generator=generator).argsort(1)[:, :2]
    return directions[chosen].sum(1)


def trained(architecture: Architecture, **changes: Any) -> Any:
    training = SaeTraining(architecture, **({"k": 4, "steps": 1500} | changes))
    return train_autoencoder(sparse_vectors(), training, torch.Generator().manual_seed(1))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_few_features_of_length_one_explain_most_of_the_variance(architecture: Architecture) -> None:
    x, sae = sparse_vectors(), trained(architecture)
    features = sae.encode(x)
    explained = 1 - (sae.decode(features) - x).square().sum() / (x - x.mean(0)).square().sum()
    assert explained > 0.9
    torch.testing.assert_close(sae.decoder.norm(dim=1), torch.ones(32))
    active = (features > 0).sum(1).float()
    if architecture == "top-k":
        assert active.max() <= 4
    if architecture == "batch-top-k":
        assert active.mean() < 6
        assert active.max() > 4  # the budget is the batch's, not each vector's
    if architecture == "top-afa":
        assert active.std() > 0.5  # each vector has a number of its own
        lengths, wanted = features.norm(dim=1), sae.standardised(x).norm(dim=1)
        assert ((lengths - wanted).abs() / wanted).median() < 0.05


def test_as_many_features_are_kept_as_have_the_length_of_the_vector() -> None:
    features = torch.tensor([[3.0, 0.0, 4.0, 12.0]]).expand(5, -1)
    lengths = torch.tensor([0.0, 12.2, 12.7, 12.9, 100.0])
    # The norms of the largest 1, 2, 3 and 4 features are 12, 12.65, 13 and 13.
    expected = [[0, 0, 0, 12], [0, 0, 0, 12], [0, 0, 4, 12], [3, 0, 4, 12], [3, 0, 4, 12]]
    assert of_length(features, lengths).tolist() == expected


def test_a_stronger_penalty_makes_features_sparser() -> None:
    x = sparse_vectors()
    weak, strong = ((trained("standard", l1=l1).encode(x) > 1e-3).float().mean() for l1 in (0.01, 0.5))
    assert strong < weak


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_with_the_error_kept_nothing_is_lost_and_without_it_what_is_not_reconstructed(
    architecture: Architecture,
) -> None:
    x, sae = sparse_vectors(200), trained(architecture, steps=200)
    kept = check_featurizer(dictionary(sae.encode, sae.decode, 32), x)
    assert kept.round_trip < 1e-5
    dropped = check_featurizer(dictionary(sae.encode, sae.decode, 32, error="dropped"), x)
    lost = float((sae.decode(sae.encode(x)) - x).abs().max() / x.abs().max())
    assert dropped.round_trip == pytest.approx(lost)
    assert dropped.round_trip > 0.01


def test_masks_over_autoencoder_features_find_the_variable() -> None:
    task = adder.task()
    found = get("dbm-sae")(task)
    assert int(task.right(found).sum()) > 70


def test_unknown_architectures_and_errors_are_refused() -> None:
    with pytest.raises(MethodError, match=r"unknown architecture 'topk'. Did you mean: top-k"):
        SaeTraining("topk")  # type: ignore[arg-type]
    with pytest.raises(MethodError, match="error='ignored'. Expected one of kept, dropped"):
        get("dbm-sae")(adder.task(), error="ignored")
