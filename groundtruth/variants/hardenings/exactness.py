"""Comparison of a changed model with the model itself: the same outputs on the whole domain."""

from dataclasses import replace

import torch
from torch import Tensor

from groundtruth.compiled.forward import Weights, logits
from groundtruth.compiler.pad_safety import is_pad_safe
from groundtruth.model import CompiledModel
from groundtruth.rasp.evaluate import batches_of_one_length


class Exactness:
    """Compares changed models with one model, in float64 and in float32, in which methods see it.

    Args:
        model: Model with the outputs that are wanted.
    """

    def __init__(self, model: CompiledModel) -> None:
        inputs = model.domain.inputs(limit=max(model.check.inputs, 1), seed=model.check.seed).tokens
        self._padded = model.pad_safe
        self._batches = [model.encode([inputs[i] for i in indices]) for indices in batches_of_one_length(inputs)]
        self._codes = [_codes(model, model.weights, batch) for batch in self._batches]

    def __call__(self, changed: CompiledModel) -> bool:
        """Tell if a model decodes to the same on every input, and padding disturbs it only if it disturbs the model."""
        for kind in (torch.float32, torch.float64):
            weights = _cast(changed.weights, kind)
            for batch, codes in zip(self._batches, self._codes, strict=True):
                if bool(changed.decoder.differ(_codes(changed, weights, batch), codes).any()):
                    return False
        return not self._padded or is_pad_safe(changed)


def _codes(model: CompiledModel, weights: Weights, batch: Tensor) -> Tensor:
    return model.decoder.codes(logits(weights, batch)[:, 1:])


def _cast(weights: Weights, kind: torch.dtype) -> Weights:
    return replace(weights, **{name: getattr(weights, name).to(kind) for name in weights.arrays()})
