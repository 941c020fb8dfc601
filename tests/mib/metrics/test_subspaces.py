"""Angles and shares of subspaces, on cases worked out by hand and on what no basis may change."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mib.errors import ScoreError
from mib.metrics.subspaces import precision, principal_angles, recall, span_rank

E = torch.eye(5)


def test_a_plane_and_a_line_at_sixty_degrees() -> None:
    line = math.cos(math.pi / 3) * E[:, :1] + math.sin(math.pi / 3) * E[:, 3:4]
    assert principal_angles(E[:, :2], line).tolist() == pytest.approx([math.pi / 3])
    assert precision(line, E[:, :2]) == pytest.approx(0.25)
    assert recall(E[:, :2], line) == pytest.approx(0.25)
    assert recall(line, E[:, :2]) == pytest.approx(0.125)  # one of two dimensions, a quarter of it


def test_inside_orthogonal_and_empty() -> None:
    assert recall(E[:, :3], E[:, 1:3]) == pytest.approx(1.0)
    assert precision(E[:, :3], E[:, 1:3]) == pytest.approx(2 / 3)
    assert recall(E[:, :2], E[:, 2:]) == precision(E[:, :2], E[:, 2:]) == 0.0
    assert recall(E[:, :0], E[:, :2]) == 0.0
    assert math.isnan(precision(E[:, :0], E[:, :2])) and math.isnan(recall(E, E[:, :0]))
    assert len(principal_angles(E[:, :0], E)) == 0


def test_tiny_angles_are_not_lost_in_rounding() -> None:
    tilted = (E[:, :1] + 1e-7 * E[:, 1:2].double()).double()
    assert principal_angles(E[:, :1], tilted)[0].item() == pytest.approx(1e-7, rel=1e-6)


@settings(deadline=None)
@given(seed=st.integers(0, 10**6), k=st.integers(1, 4), l=st.integers(1, 4))
def test_shares_depend_on_spans_only_and_are_those_of_the_angles(seed: int, k: int, l: int) -> None:
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    found, target, turn = draw(6, k), draw(6, l), torch.linalg.qr(draw(6, 6)).Q
    mixed = found @ (torch.linalg.qr(draw(k, k)).Q * 3.0)
    assert recall(mixed, target) == pytest.approx(recall(found, target))
    assert precision(turn @ found, turn @ target) == pytest.approx(precision(found, target))
    squares = principal_angles(found, target).cos().square().sum().item()
    assert recall(found, target) == pytest.approx(squares / l)
    assert precision(found, target) == pytest.approx(squares / k)


def test_rank_is_that_of_the_span() -> None:
    assert span_rank(torch.cat((E[:, :2], E[:, :2] @ torch.ones(2, 2)), dim=1)) == 2


def test_subspaces_of_different_widths_and_nan_are_refused() -> None:
    with pytest.raises(ScoreError, match=r"subspaces of shapes \(5, 2\) and \(4, 2\)"):
        recall(E[:, :2], torch.eye(4)[:, :2])
    with pytest.raises(ScoreError, match="one subspace has entries that are not finite"):
        recall(E * math.nan, E)
