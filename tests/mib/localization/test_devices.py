"""No method mixes tensors of its own, made on the CPU, with those of a task on another device."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import mib
from mib import LocalizationTask, localization
from mib.metrics import LogitDifference
from mib.models.adapters import decompose
from tests.mib.pretended_device import PretendedDevice, WrongDeviceError, is_marked, mark
from tests.mib.small_models import random_model

N, LENGTH = 3, 3

FEW: dict[str, dict[str, Any]] = {
    "acdc": {"thresholds": (0.01,), "examples": 2},
    "edge-pruning": {"steps": 1, "examples": 2},
    "ensemble-hybrid": {"steps": 1, "ig_steps": 1},
    "ensemble-parallel": {"steps": 1},
    "ensemble-sequential": {"steps": 1, "ig_steps": 1, "examples": 2},
    "cpr-gaming": {"rounds": 1, "proposals": 1, "sizes": 2, "examples": 2, "share": 0.9},
    "eap-optimal": {"steps": 1, "examples": 2},
    "optimal-ablation": {"steps": 1, "examples": 2},
    "subnetwork-probing": {"steps": 1, "examples": 2},
    "ugs": {"steps": 1, "examples": 2, "samples": 2},
}


def task() -> LocalizationTask:
    """A task whose model and examples are on the device."""
    model: Any = random_model(n_layers=1, n_heads=1, d_model=8, d_head=4, d_mlp=8, n_context=LENGTH, causal=True)
    for tensor in (*model.parameters(), *model.buffers()):
        mark(tensor)
    inputs = torch.randint(7, (2 * N, LENGTH), generator=torch.Generator().manual_seed(0)).to("cuda")
    right, wrong = (torch.full((N,), answer).to("cuda") for answer in (0, 1))
    metric = LogitDifference.at_position(right, wrong, n_positions=LENGTH)
    return LocalizationTask(model=decompose(model), clean=inputs[:N], counterfactual=inputs[N:], metric=metric)


@pytest.mark.parametrize("name", localization.names())
def test_methods_make_no_tensor_on_another_device(name: str) -> None:
    with PretendedDevice():
        asked = task()
        assert is_marked(asked.engine.logits())
        method = localization.get(name)
        method(replace(asked, level=method.levels[0]), **FEW.get(name, {}))


def test_a_tensor_without_a_device_is_found() -> None:
    def careless(task: LocalizationTask) -> mib.EdgeScores:
        logits = task.engine.logits()
        logits += torch.zeros(logits.shape[-1])
        return mib.EdgeScores(task.graph, np.zeros(len(task.graph.edges)))

    with PretendedDevice(), pytest.raises(WrongDeviceError, match="__iadd__|add_"):
        careless(task())
