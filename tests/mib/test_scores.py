"""Scores are taken from whatever a method computed them in: any dtype, any device, arrays, lists and mappings."""

from typing import Any

import numpy as np
import pytest
import torch

from mib.errors import ScoreError
from mib.graph import EdgeScores, Graph, NeuronScores, NodeScores

GRAPH = Graph(n_layers=1, n_heads=2, d_model=3)
DTYPES = [torch.bfloat16, torch.float16, torch.float32, torch.float64, torch.int64, torch.bool]
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_tensors_of_any_dtype_and_device(dtype: torch.dtype, device: str) -> None:
    n, shape = len(GRAPH.edges), GRAPH.edge_mask.shape
    table = (torch.arange(shape[0] * shape[1]).reshape(shape) % 2).to(device, dtype)
    expected = table.cpu().double().numpy()[GRAPH.edge_index]
    weights = table.clone().float().requires_grad_() if dtype in (torch.int64, torch.bool) else table.requires_grad_()
    assert np.array_equal(EdgeScores(GRAPH, weights).flat, expected)
    flat = torch.from_numpy(expected).to(device, dtype)
    assert np.array_equal(EdgeScores(GRAPH, flat).flat, expected)
    named = dict(zip(map(str, GRAPH.edges), flat, strict=True))
    assert np.array_equal(EdgeScores(GRAPH, named).flat, expected)  # type: ignore[arg-type]
    nodes = flat[:4]
    assert np.array_equal(NodeScores(GRAPH, nodes).values, expected[:4])
    assert np.array_equal(NodeScores(GRAPH, dict(zip(GRAPH.sources, nodes, strict=True))).values, expected[:4])  # type: ignore[arg-type]
    neurons = torch.ones(4, 3).to(device, dtype)
    assert np.array_equal(NeuronScores(GRAPH, neurons).values, np.ones((4, 3)))
    assert n == len(flat)


def test_scores_are_a_copy() -> None:
    given = torch.zeros(len(GRAPH.edges), dtype=torch.float64)
    scores = EdgeScores(GRAPH, given)
    given += 1
    assert not scores.flat.any()


@pytest.mark.parametrize("wrong", [["a"], [[1.0], [1.0, 2.0]], None, object()])
def test_what_holds_no_numbers_is_refused(wrong: Any) -> None:
    for kind, name in ((EdgeScores, "edge"), (NodeScores, "node"), (NeuronScores, "neuron")):
        with pytest.raises(ScoreError, match=f"{name} scores (are a|have shape)"):
            kind(GRAPH, wrong)
