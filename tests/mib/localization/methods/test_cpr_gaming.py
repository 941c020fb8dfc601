"""A ranking fitted to CPR beats the ranking by exact effects on it."""

import json

import pytest
from safetensors.torch import load_file

from mib.errors import MethodError
from mib.localization import get
from mib.metrics.faithfulness import mib_areas
from tests.mib.localization.test_methods import make_task
from tests.mib.localization.test_reference_scores import Golden
from tests.mib.small_models import GOLDEN, golden_relu


def test_cpr_can_be_raised_above_that_of_exact_effects() -> None:
    folder = GOLDEN / "relu-bidirectional"
    facts = json.loads((folder / "golden.json").read_text())
    task = Golden(golden_relu(), load_file(folder / "golden.safetensors"), facts).task()
    exact, gamed = get("exact")(task), get("cpr-gaming")(task)
    assert mib_areas(task, gamed).cpr > mib_areas(task, exact).cpr + 0.03


def test_scores_are_ranks() -> None:
    task = make_task()
    scores = get("cpr-gaming")(task, rounds=2)
    n = len(task.graph.edges)
    assert sorted(scores.flat) == pytest.approx([k / n for k in range(1, n + 1)])  # type: ignore[union-attr]


def test_parameters_out_of_range_are_refused() -> None:
    with pytest.raises(MethodError, match="cpr-gaming: sizes=1. Expected an integer from 2 on."):
        get("cpr-gaming")(make_task(), sizes=1)
