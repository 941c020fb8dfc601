"""Planned passes are those that the engine counts, or above them where they depend on the data."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch

import mib
from mib import LocalizationTask, localization
from mib.engine.ablations import Ablation
from mib.localization.planned_passes import RunSizes, plan_passes
from mib.metrics import LogitDifference
from mib.models.adapters import decompose
from tests.mib.small_models import random_model

N, LENGTH = 4, 3

PLENTY, LITTLE = 2**31, 2**11

FEW: dict[str, dict[str, Any]] = {
    "acdc": {"thresholds": (0.01,), "examples": 2},
    "eap-optimal": {"steps": 2, "examples": 4},
    "edge-pruning": {"steps": 2, "examples": 3},
    "ensemble-hybrid": {"steps": 2, "ig_steps": 2},
    "ensemble-parallel": {"steps": 2},
    "ensemble-sequential": {"steps": 2, "ig_steps": 3, "examples": 4},
    "optimal-ablation": {"steps": 2, "examples": 4},
    "subnetwork-probing": {"steps": 3, "examples": 50},
    "ugs": {"steps": 2, "examples": 3, "samples": 3},
}

EXACT = {
    "activation-norm", "atp-star", "bootstrap-ilp", "clean-corrupted", "direct-logit-attribution", "eap",
    "eap-ig-activations", "eap-ig-inputs", "eap-mean", "edge-pruning", "ensemble-hybrid", "ensemble-parallel",
    "ensemble-sequential", "gim", "hisp", "ifr", "logit-lens", "nap", "nap-ig", "random", "relp", "subnetwork-probing",
    "weight-norm",
}  # fmt: skip


@pytest.fixture(scope="module")
def task() -> LocalizationTask:
    anatomy = decompose(
        random_model(n_layers=2, n_heads=1, d_model=8, d_head=4, d_mlp=8, n_context=LENGTH, causal=True)
    )
    inputs = torch.randint(7, (2 * N, LENGTH), generator=torch.Generator().manual_seed(0))
    metric = LogitDifference.at_position(torch.zeros(N).long(), torch.ones(N).long(), n_positions=LENGTH)
    return LocalizationTask(model=anatomy, clean=inputs[:N], counterfactual=inputs[N:], metric=metric)


def cases() -> Iterator[Any]:
    """Every method where all fits; where it does not, or under other ablations, one of each kind."""
    for name in localization.names():
        if name != "cpr-gaming":
            yield pytest.param(name, "resample", PLENTY, id=name)
    for name in ("clean-corrupted", "eap-ig-activations", "activation-norm", "nap-ig", "atp-star", "edge-pruning"):
        yield from (pytest.param(name, other, PLENTY, id=f"{name}-{other}") for other in ("zero", "mean"))
    for name in ("eap", "eap-ig-activations", "nap", "activation-norm", "ifr", "exact", "edge-pruning"):
        yield pytest.param(name, "resample", LITTLE, id=f"{name}-streaming")
    for name in ("eap-ig-inputs", "eap-mean", "optimal-ablation", "atp-star"):
        yield pytest.param(name, "mean", LITTLE, id=f"{name}-mean-streaming")


@pytest.mark.parametrize(("name", "ablation", "memory"), list(cases()))
def test_planned_passes_are_those_counted(task: LocalizationTask, name: str, ablation: Ablation, memory: int) -> None:
    method = localization.get(name)
    asked = replace(task, level=method.levels[0], ablation=ablation, memory=memory)
    engine = asked.engine
    assert engine.must_stream == (memory == LITTLE)
    sizes = RunSizes(
        asked.graph,
        N,
        ablation,
        streaming=engine.must_stream,
        cached=not engine.must_stream,
        at_once=engine.rows_at_once("gradients"),
    )
    planned = plan_passes(name, sizes, FEW.get(name))
    method(asked, **FEW.get(name, {}))
    counted = engine.cost.forward / N, engine.cost.backward / N
    assert planned is not None
    if planned.certainty == "exact":
        assert counted == pytest.approx((planned.forward, planned.backward), abs=1e-9)
    else:
        assert counted[0] <= planned.forward + 1e-9 and counted[1] <= planned.backward + 1e-9
    assert (planned.certainty == "exact") == (name in EXACT) or memory == LITTLE


def test_of_what_it_does_not_know_it_says_nothing(task: LocalizationTask) -> None:
    assert plan_passes("cpr-gaming", RunSizes(task.graph, N)) is None
    with pytest.raises(mib.MethodError, match="unknown localizer 'eep'"):
        plan_passes("eep", RunSizes(task.graph, N))
