"""Scores by position: they add up, they are exact where the model is linear, and a cut is where it is said to be."""

from typing import Any

import numpy as np
import pytest
import torch

import mib
from mib.localization import get
from mib.localization.position_scores import PositionScores, attribute_positions, cut_positions
from tests.mib.localization.test_methods import make_task
from tests.mib.small_models import random_model


@pytest.mark.parametrize("memory", [2**31, 1])
@pytest.mark.parametrize("ablation", ["resample", "zero", "mean"])
def test_estimates_add_up_to_those_of_whole_edges(ablation: Any, memory: int) -> None:
    task = make_task(ablation=ablation, memory=memory)
    for steps, name, parameters in ((None, "eap", {}), (3, "eap-ig-inputs", {"steps": 3})):
        whole = get(name)(task, **parameters)
        assert isinstance(whole, mib.EdgeScores)
        np.testing.assert_allclose(attribute_positions(task, steps=steps).total.flat, whole.flat, atol=1e-12)


def test_edges_into_the_logits_are_estimated_exactly_at_every_position() -> None:
    """Without a norm the logits are linear in each source, and the metric in the logits."""
    task = make_task()
    estimated, measured = (found.values[:, -1] for found in (attribute_positions(task), cut_positions(task)))
    assert np.count_nonzero(measured.round(9)) > task.clean.shape[1]
    np.testing.assert_allclose(estimated, measured, atol=1e-9)


def test_a_cut_at_a_position_changes_what_is_read_there_and_nowhere_else() -> None:
    """The embedding's edge into the first MLP, patched by hand."""
    model, position = random_model(), 2
    task = make_task(model=model)
    clean, other = (model.embed.W_E[tokens] for tokens in (task.clean, task.counterfactual))
    stream = clean + model.pos_embed.W_pos
    block, after = model.blocks[0], model.blocks[1]
    stream = stream + model._attention(block.attn, stream)

    def lead(change: torch.Tensor | float) -> float:
        hidden = torch.relu((stream + change) @ block.mlp.W_in + block.mlp.b_in)
        later = stream + hidden @ block.mlp.W_out + block.mlp.b_out
        later = later + model._attention(after.attn, later)
        later = later + torch.relu(later @ after.mlp.W_in + after.mlp.b_in) @ after.mlp.W_out + after.mlp.b_out
        logits = later @ model.unembed.W_U + model.unembed.b_U
        return float(task.metric(logits, task.everything.examples).mean())

    change = torch.zeros_like(clean)
    change[:, position] = (other - clean)[:, position]
    found = cut_positions(task)
    assert found.at(position)["input->m0"] == pytest.approx(lead(0.0) - lead(change), abs=1e-12)
    assert found.at(position)["input->m0"] != pytest.approx(found.at(1)["input->m0"], abs=1e-3)


def test_the_best_are_edges_at_positions() -> None:
    graph = mib.Graph(1, 1, 4)
    values = np.zeros((*graph.edge_mask.shape, 3))
    values[graph.index("a0.h0->m0")][1], values[graph.index("m0->logits")][2] = -2.0, 1.0
    scores = PositionScores(graph, values)
    assert [(str(edge), where, score) for edge, where, score in scores.top(2)] == [
        ("a0.h0->m0", 1, -2.0),
        ("m0->logits", 2, 1.0),
    ]


def test_wrong_shapes_and_positions_are_refused() -> None:
    graph = mib.Graph(1, 1, 4)
    with pytest.raises(mib.ScoreError, match=r"shape \(3, 5\); expected \[3, 5, position\]"):
        PositionScores(graph, np.zeros(graph.edge_mask.shape))
    task = make_task()
    pairs = task.everything
    with pytest.raises(mib.TaskError, match="position=6; the inputs have positions 0 to 5"):
        task.engine.measure_single_cuts(task.metric, pairs.clean, pairs.counterfactual, position=6)
