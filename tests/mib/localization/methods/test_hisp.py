"""HISP: absolute mask gradients of one example at a time, normalised in a layer."""

from typing import Any

import numpy as np
import pytest

import mib
from mib.localization import get
from tests.mib.localization.test_methods import make_task


def one_example(number: int, **changes: Any) -> mib.LocalizationTask:
    """The task of a single example, with the metric told which one."""
    task = make_task()
    rows = slice(number, number + 1)

    def metric(logits: Any, examples: Any) -> Any:
        return task.metric(logits, examples + number)

    return make_task(clean=task.clean[rows], counterfactual=task.counterfactual[rows], metric=metric, **changes)


def test_masks_are_sums_of_edges_over_single_examples() -> None:
    """Masking q is cutting all edges into q, and masking an MLP's output all edges out of it."""
    graph = make_task().graph
    masks = np.zeros(len(graph.destinations) - 1)
    for number in range(len(make_task())):
        into = np.nansum(get("eap")(one_example(number)).values, axis=0)[:-1]
        out = get("nap")(one_example(number, level="node"))
        for layer in range(graph.n_layers):
            into[graph.destination_index[f"m{layer}"]] = out[f"m{layer}"]  # type: ignore[index]
        masks += np.abs(into)
    layers = masks.reshape(graph.n_layers, -1)
    layers /= np.linalg.norm(layers, axis=1, keepdims=True)
    scores = get("hisp")(make_task())
    assert isinstance(scores, mib.EdgeScores)
    q, m0 = graph.destination_index["a1.h0<q>"], graph.destination_index["m0"]
    assert scores["input->a1.h0<q>"] == pytest.approx(layers.ravel()[q])
    assert scores["m0->logits"] == pytest.approx(layers.ravel()[m0])
    assert scores["m0->a1.h0<q>"] == pytest.approx(min(layers.ravel()[q], layers.ravel()[m0]))
    assert scores["input->logits"] == 1


def test_nodes_score_as_their_best_mask() -> None:
    edges, nodes = get("hisp")(make_task()), get("hisp")(make_task(level="node"))
    assert isinstance(edges, mib.EdgeScores) and isinstance(nodes, mib.NodeScores)
    assert nodes["input"] == 1
    assert nodes["a0.h1"] == max(edges[f"input->a0.h1<{x}>"] for x in "qkv") == edges["a0.h1->logits"]
