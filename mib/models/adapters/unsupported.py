"""Why an architecture cannot be taken apart: what its configuration and code say that ``Anatomy`` has no part for."""

import sys
from collections.abc import Iterable, Iterator
from typing import Any

import torch

from mib.errors import shorten

SCALES = {
    "residual_multiplier": "scales what each block adds to the residual stream",
    "embedding_multiplier": "scales its embeddings",
    "logits_scaling": "scales its logits",
    "logit_scale": "scales its logits",
    "lm_head_multiplier": "scales its logits",
}
"""Numbers of a configuration that are 1 where they change nothing, and what they do otherwise."""

MIXTURES = ("num_local_experts", "num_experts", "n_routed_experts")

LAYER_TYPES = ("full_attention", "sliding_attention")
"""Kinds of attention layers that ``Anatomy`` knows."""


def reasons(config: Any, bridge: Any) -> list[str]:
    """Name everything about a model that ``Anatomy`` is known not to express; empty if nothing is known.

    Args:
        config: The model's Hugging Face configuration.
        bridge: The model, as TransformerLens presents it.
    """
    attention = [getattr(block, "attn", None) for block in bridge.blocks]
    originals = [getattr(attn, "original_component", None) for attn in attention]
    return [*_from_config(config), *_from_layers(config, len(originals)), *_from_code(originals)]


def _from_config(config: Any) -> Iterator[str]:
    for key, does in SCALES.items():
        factor = getattr(config, key, None)
        if isinstance(factor, int | float) and factor != 1:
            yield f"it {does} ({key}={factor})"
    for key in MIXTURES:
        if (n := getattr(config, key, None)) and n > 1:
            yield f"its MLPs are mixtures of {n} experts"
            break
    if getattr(config, "alibi", False) or config.model_type in ("bloom", "mpt"):
        yield "it adds ALiBi to its attention scores"


def _from_layers(config: Any, n_layers: int) -> Iterator[str]:
    types = getattr(config, "layer_types", None) or ()
    if other := sorted({kind for kind in types if kind not in LAYER_TYPES}):
        yield f"it has layers of the kinds {shorten(other)}"
    rope: Any = getattr(config, "rope_parameters", None) or {}
    if isinstance(rope, dict) and any(isinstance(value, dict) for value in rope.values()):
        yield "its kinds of layers have rotary embeddings of their own"
    rotated: Any = getattr(config, "no_rope_layers", None)  # 1 where a layer has a rotary embedding
    if isinstance(rotated, list) and len(rotated) == n_layers and not all(rotated):
        yield f"its layers {shorten(i for i, has in enumerate(rotated) if not has)} have no rotary embedding"


def _from_code(attention: Iterable[Any]) -> Iterator[str]:
    originals = [module for module in attention if module is not None]
    if not originals:
        yield "it has layers without attention"
        return
    code = sys.modules.get(type(originals[0]).__module__)
    rotate: Any = getattr(code, "rotate_half", None)
    if rotate is not None and rotate(torch.arange(4.0)).tolist() != [-2, -3, 0, 1]:
        yield "its rotary embedding turns neighbouring dimensions, not the two halves of a head"
    norm, width = getattr(originals[0], "q_norm", None), getattr(originals[0], "head_dim", None)
    weight = getattr(norm, "weight", None)
    if weight is not None and tuple(weight.shape) != (width,):
        yield "it norms the queries of all heads together"
