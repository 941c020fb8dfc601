"""A model's parts with the entries of every tensor shuffled: the same weights, and nothing that it learned."""

from dataclasses import fields, is_dataclass, replace
from typing import Any

import torch
from torch import Tensor

from mib.models.adapters import Anatomy


def shuffled_anatomy(anatomy: Anatomy, seed: int) -> Anatomy:
    """A copy whose weights are shuffled, each tensor within itself."""
    return _shuffled(anatomy, torch.Generator().manual_seed(seed))


def n_bytes(anatomy: Anatomy) -> int:
    """Measure how much a copy takes."""
    return _n_bytes(anatomy)


def _shuffled(part: Any, generator: torch.Generator) -> Any:
    if isinstance(part, Tensor):
        # Each tensor within itself: sizes and statistics of every matrix stay.
        order = torch.randperm(part.numel(), generator=generator).to(part.device)
        return part.detach().flatten()[order].reshape(part.shape)
    if isinstance(part, tuple):
        return tuple(_shuffled(item, generator) for item in part)  # pyright: ignore[reportUnknownVariableType]
    if is_dataclass(part) and not isinstance(part, type):
        changed = {field.name: _shuffled(getattr(part, field.name), generator) for field in fields(part)}
        return replace(part, **changed)
    return part


def _n_bytes(part: Any) -> int:
    if isinstance(part, Tensor):
        return part.numel() * part.element_size()
    if isinstance(part, tuple):
        return sum(map(_n_bytes, part))  # pyright: ignore[reportUnknownArgumentType]
    if is_dataclass(part) and not isinstance(part, type):
        return sum(_n_bytes(getattr(part, field.name)) for field in fields(part))
    return 0
