"""A network that computes nothing: of a model's shape, with weights drawn at random."""

from dataclasses import replace

import torch
from torch import Tensor

from groundtruth.compiled.forward import Weights, logits
from groundtruth.compiled.torch_module import CompiledTransformer
from groundtruth.model import CompiledModel
from mib.featurization import FeaturizationTask


def random_weights(weights: Weights, seed: int) -> Weights:
    """Independent normal weights of the same shapes, scaled by the square root of what each sum runs over.

    Args:
        weights: Whose shapes to take.
        seed: Seed of the draw.
    """
    generator = torch.Generator().manual_seed(seed)
    sums = {"W_E": 1, "W_pos": 1, "W_O": weights.d_head, "W_out": weights.d_mlp}
    drawn: dict[str, Tensor] = {}
    for name in ("W_E", "W_pos", "W_Q", "W_K", "W_V", "W_O", "W_in", "W_out", "W_U"):
        shape = getattr(weights, name).shape
        normal = torch.randn(shape, generator=generator, dtype=torch.float64)
        drawn[name] = normal / sums.get(name, weights.d_model) ** 0.5
    return replace(weights, **drawn)


def on_a_random_network(task: FeaturizationTask, weights: Weights, seed: int) -> FeaturizationTask:
    """The same pairs and predictions, of a network with random weights, held to them at the changed positions only.

    Args:
        task: Task on a compiled model.
        weights: Weights of that model.
        seed: Seed of the network.
    """
    changed = torch.zeros_like(task.mask).scatter(1, task.pairs.base_positions, True)
    model = CompiledTransformer(random_weights(weights, seed))
    return replace(task, model=model, mask=task.mask & changed)


def share_right(model: CompiledModel, weights: Weights) -> float:
    """Share of outputs that some weights give as a model does, over all positions of its domain's inputs.

    Args:
        model: The model.
        weights: Weights of its shape.
    """
    right = total = 0
    by_length: dict[int, list[tuple[object, ...]]] = {}
    for tokens in model.domain.inputs(limit=4_000):
        by_length.setdefault(len(tokens), []).append(tokens)
    for inputs in by_length.values():
        ids = model.encode(inputs)
        ours, theirs = (model.decoder.codes(logits(w, ids)[:, 1:]) for w in (weights, model.weights))
        right += int((~model.decoder.differ(ours, theirs)).sum())
        total += ours.numel()
    return right / total
