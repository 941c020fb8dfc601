"""A featurizer swaps features and nothing else; what could do more is refused."""

from typing import Any

import pytest
import torch

from mib.errors import MethodError
from mib.featurization import Featurizer, check_featurizer, measure_featurizer, orthonormal


def vectors(n: int = 20, width: int = 6, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed))


def plane() -> torch.Tensor:
    return orthonormal(vectors(6, 2, seed=3))


def test_a_subspace_moves_the_base_to_the_source_inside_it_only() -> None:
    base, source, r = vectors(), vectors(seed=1), plane()
    expected = base + (source - base) @ r @ r.T
    torch.testing.assert_close(Featurizer.subspace(r).interchange(base, source), expected)
    check = check_featurizer(Featurizer.subspace(r), base, source)
    assert check.ok and check.mixed < 1e-5 and check.leak < 1e-5 and check.round_trip < 1e-5


def test_only_selected_features_are_swapped() -> None:
    base, source, r = vectors(), vectors(seed=1), plane()
    one = Featurizer.subspace(r, selected=[1])
    torch.testing.assert_close(one.interchange(base, source), base + (source - base) @ r[:, 1:] @ r[:, 1:].T)
    assert one.rank == 1
    assert one.basis is not None and torch.equal(one.basis, r[:, 1:])
    torch.testing.assert_close(one.select([]).interchange(base, source), base)
    assert one.select(None).indices == (0, 1)


def test_features_that_do_not_exist_and_skewed_bases_are_refused() -> None:
    with pytest.raises(MethodError, match=r"selected=\(2,\): 2 is out of range; name distinct features from 0 to 1"):
        Featurizer.subspace(plane(), selected=[2])
    with pytest.raises(MethodError, match="a number occurs twice"):
        Featurizer.subspace(plane(), selected=[0, 0])
    with pytest.raises(MethodError, match=r"rotation of shape \(6, 2\) is not orthonormal \(off by"):
        Featurizer.subspace(2 * plane())


def test_a_basis_is_as_large_as_the_span() -> None:
    one = vectors(6, 1)
    assert orthonormal(torch.cat((one, 2 * one, -one), dim=1)).shape == (6, 1)
    assert orthonormal(torch.zeros(6, 3)).shape == (6, 0)


def cheat(answer: torch.Tensor) -> Featurizer:
    """f = x, err = x: where the two differ, the inverse writes what it likes."""

    def inverse(features: torch.Tensor, error: torch.Tensor) -> torch.Tensor:
        return torch.where((features == error).all(-1, keepdim=True), features, answer)

    return Featurizer(lambda x: (x, x), inverse, n_features=6)


def test_the_error_channel_cheat_is_refused_though_its_round_trip_is_exact() -> None:
    base, source = vectors(), vectors(seed=1)
    target = torch.full((6,), 7.0)
    cheating = cheat(target)
    assert torch.equal(cheating.interchange(base, source), target.expand(20, -1))
    check = measure_featurizer(cheating, base, source)
    assert check.round_trip == 0.0
    assert check.mixed > 0.5
    with pytest.raises(MethodError, match="do not come back from the vector that they make .mixed"):
        check_featurizer(cheating, base, source)


def test_the_same_cheat_is_refused_as_a_dictionary_and_with_redundant_features() -> None:
    base, target = vectors(), torch.full((6,), 7.0)

    def inverse(features: torch.Tensor, error: torch.Tensor) -> torch.Tensor:
        one, other = features.chunk(2, dim=-1)
        return torch.where((one == other).all(-1, keepdim=True), one, target) + error

    def featurize(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.cat((x, x), dim=-1), 0 * x

    for law, problem in (("bijection", "mixed"), ("dictionary", "not affine"), ("lossy dictionary", "not affine")):
        error = featurize if law != "lossy dictionary" else (lambda x: (featurize(x)[0], x[..., :0]))
        back = inverse if law != "lossy dictionary" else (lambda f, e: inverse(f, torch.zeros(6)))
        doubled = Featurizer(error, back, n_features=12, selected=tuple(range(6)), law=law)  # type: ignore[arg-type]
        with pytest.raises(MethodError, match=problem):
            check_featurizer(doubled, base)


def test_an_error_that_changes_with_the_features_is_refused() -> None:
    def featurize(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x[..., :1], x[..., 1:] * (1 + x[..., :1].abs())

    def inverse(features: torch.Tensor, error: torch.Tensor) -> torch.Tensor:
        clipped = error.clamp(-1, 1)  # forgets what does not fit: the pair of features and error is no bijection
        return torch.cat((features, clipped / (1 + features.abs())), dim=-1)

    check = measure_featurizer(Featurizer(featurize, inverse, n_features=1), vectors())
    assert check.leak > 0.1
    assert any("the error changes" in problem for problem in check.problems)


def test_looking_at_the_batch_is_refused() -> None:
    def featurize(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x - x.mean(0), x.mean(0).expand_as(x)[..., :0]

    with pytest.raises(MethodError, match="depends on the rest of its batch"):
        check_featurizer(Featurizer(featurize, lambda f, e: f, n_features=6, law="lossy dictionary"), vectors())


def test_maps_that_are_not_those_of_the_stated_rotation_are_refused() -> None:
    honest = Featurizer.subspace(plane())
    other = orthonormal(vectors(6, 2, seed=9))
    with pytest.raises(MethodError, match="the maps are not those of an orthonormal rotation"):
        check_featurizer(Featurizer(honest.featurize, honest.inverse, 2, rotation=other), vectors())


@pytest.mark.parametrize(
    ("featurize", "inverse", "message"),
    [
        (lambda x: (x[..., :3], x), lambda f, e: e, r"features \(20, 3\) and an error \(20, 6\); expected \(20, 6\)"),
        (lambda x: (x, x), lambda f, e: f[..., :3], r"inverse gave vectors \(20, 3\); expected \(20, 6\)"),
    ],
)  # fmt: skip
def test_wrong_shapes_are_refused(featurize: Any, inverse: Any, message: str) -> None:
    with pytest.raises(MethodError, match=message):
        check_featurizer(Featurizer(featurize, inverse, n_features=6), vectors())


def test_a_nonlinear_bijection_passes() -> None:
    def featurize(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        one, other = x[..., :3], x[..., 3:]
        return torch.cat((one, other + one.sin()), dim=-1), x[..., :0]

    def inverse(f: torch.Tensor, error: torch.Tensor) -> torch.Tensor:
        return torch.cat((f[..., :3], f[..., 3:] - f[..., :3].sin()), dim=-1)

    check = check_featurizer(Featurizer(featurize, inverse, n_features=6, selected=(0, 1)), vectors())
    assert check.bent > 0.01 and check.mixed < 1e-6


def test_a_site_of_zeros_is_measured_on_the_scale_of_1() -> None:
    silent = torch.zeros(4, 6)
    assert check_featurizer(Featurizer.subspace(plane()), silent).ok
    shifted = Featurizer(lambda x: (x + 0.5, x[..., :0]), lambda features, error: features, 6)
    assert measure_featurizer(shifted, silent).round_trip == 0.5
