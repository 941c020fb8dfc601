"""The golden models as localization tasks."""

import json
from functools import cache
from typing import Any

from safetensors.torch import load_file
from torch import Tensor, nn

from mib.graph import EdgeScores
from mib.localization.task import LocalizationTask
from mib.metrics.answer_metrics import LogitDifference
from tests.mib.small_models import GOLDEN, golden_relu

MODELS = ("gpt2-random", "relu-bidirectional")


@cache
def numbers(model: str) -> dict[str, Any]:
    return json.loads((GOLDEN / model / "golden.json").read_text())


@cache
def tensors(model: str) -> dict[str, Tensor]:
    return load_file(GOLDEN / model / "golden.safetensors")


@cache
def load(model: str) -> nn.Module:
    if model == "relu-bidirectional":
        return golden_relu()
    from transformer_lens.model_bridge import TransformerBridge

    bridge = TransformerBridge.boot_transformers(str(GOLDEN / model / "checkpoint"), device="cpu")
    bridge.enable_compatibility_mode(no_processing=True)
    return bridge.eval()


@cache
def task_of(model: str) -> LocalizationTask:
    data = tensors(model)
    correct, incorrect = data["labels"].unbind(1)
    metric = LogitDifference.at_position(correct, incorrect, n_positions=data["clean"].shape[1])
    return LocalizationTask(model=load(model), clean=data["clean"], counterfactual=data["corrupted"], metric=metric)


def scores_of(model: str, method: str) -> EdgeScores:
    return EdgeScores(task_of(model).graph, tensors(model)[f"edge_scores.{method}"].numpy())


def methods(model: str) -> list[str]:
    return list(numbers(model)["evaluation"])
