"""The effect of a whole stream on a task's metric, where the scale of the final norm stays that of the clean run."""

import torch

from mib import LocalizationTask


def effect_at_constant_scale(task: LocalizationTask, clean: torch.Tensor, other: torch.Tensor) -> float:
    """How much the mean metric is higher with the clean stream than with the other [example, position, d_model]."""
    anatomy = task.engine.anatomy
    norm = anatomy.final_norm
    assert norm is not None and norm.weight is not None
    weight, scale = norm.weight, torch.rsqrt(clean.var(-1, correction=0, keepdim=True) + norm.eps)

    def metric(stream: torch.Tensor) -> torch.Tensor:
        normalised = (stream - stream.mean(-1, keepdim=True)) * scale * weight  # a bias is in both
        return task.metric(normalised @ anatomy.W_U, task.everything.examples).double().mean()

    return float(metric(clean) - metric(other))
