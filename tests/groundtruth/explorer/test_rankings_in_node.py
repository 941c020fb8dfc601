"""CPR, CMD, AUROC and average precision in the page are those of Python, ties and doubtful edges included."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from groundtruth import load
from groundtruth.evaluation.circuits.localization_tasks import localization_task
from groundtruth.evaluation.circuits.ranking_scores import best_match
from groundtruth.explorer.page_data import model_data
from groundtruth.explorer.rankings_data import N_PAIRS, rankings_data
from groundtruth.model import CompiledModel
from mib.errors import MethodError
from mib.graph import EdgeScores
from mib.metrics.faithfulness import areas
from tests.groundtruth.explorer.node import run_script

SCRIPT = Path(__file__).with_name("run_rankings.mjs")


def with_random_rankings(model: CompiledModel) -> dict[str, Any]:
    """What a page holds, with random rankings beside EAP's: with both signs, and with many ties."""
    data = model_data(model) | rankings_data(model, ["eap"])
    rng = np.random.default_rng(0)
    drawn = rng.normal(size=len(model.graph.edges))
    data["rankings"] += [{"method": "random", "scores": drawn.tolist()}]
    data["rankings"] += [{"method": "ties", "scores": np.round(drawn).tolist()}]
    return data


@pytest.mark.parametrize("name", ["frac_prevs", "contains_x@redundancy", "hist@votes", "hist@cancelling"])
def test_areas_and_scores_against_the_truth_are_those_of_python(name: str, tmp_path: Path) -> None:
    model = load(name)
    data = with_random_rankings(model)
    path = tmp_path / "model.json"
    path.write_text(json.dumps(data))
    found = run_script(SCRIPT, path)
    task = localization_task(model, n_pairs=N_PAIRS, dtype=torch.float64)
    circuit = model.circuit()
    family = [circuit.mask(edges) for edges in circuit.minimal_circuits]
    for own, ranking in zip(found, data["rankings"], strict=True):
        values = np.zeros(circuit.graph.edge_mask.shape)
        values[circuit.graph.edge_index] = ranking["scores"]
        scores = EdgeScores(circuit.graph, values)
        expected = areas(task, scores, n_bootstrap=0)
        member, truth = best_match(scores, family, circuit.mask(circuit.doubtful))
        assert truth is not None
        assert (member == family[own["member"]]).all() and own["exact"] == truth.exact
        assert own["cpr"] == pytest.approx(expected.cpr.value, abs=1e-9)
        assert own["cmd"] == pytest.approx(expected.cmd.value, abs=1e-9)
        assert own["auroc"] == pytest.approx(truth.auroc, abs=1e-12)
        assert own["averagePrecision"] == pytest.approx(truth.average_precision, abs=1e-12)


def test_a_method_of_the_users_own_is_ranked_and_one_of_nodes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "import numpy as np\nimport mib\n\n\n"
        "def last_first(task: mib.LocalizationTask) -> mib.EdgeScores:\n"
        "    mask = task.graph.edge_mask\n"
        "    return mib.EdgeScores(task.graph, np.cumsum(mask.ravel()).reshape(mask.shape) * 1.0)\n\n\n"
        "def nodes(task: mib.LocalizationTask) -> mib.NodeScores:\n"
        "    return mib.NodeScores(task.graph, np.ones(len(task.graph.sources)))\n"
    )
    data = rankings_data(load("hist"), [f"{path}:last_first"])
    assert data["rankings"][0]["scores"] == list(range(1, 14))
    with pytest.raises(MethodError, match="unknown"):
        rankings_data(load("hist"), ["eapp"])
    with pytest.raises(MethodError):
        rankings_data(load("hist"), [f"{path}:nodes"])
