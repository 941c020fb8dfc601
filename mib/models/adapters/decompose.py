"""Choose how to take a model apart, and check that the parts compute what the model computes."""

from typing import Protocol, TypeAlias, runtime_checkable

import torch
from torch import Tensor, nn

from mib.errors import TaskError
from mib.models.adapters.anatomy import Anatomy
from mib.models.adapters.bridge import decompose_bridge, is_bridge
from mib.models.adapters.lens_convention import decompose_convention, follows_convention

TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-3}  # of the largest logit; half precision: 5e-2


@runtime_checkable
class Decomposed(Protocol):
    """What knows its parts already, such as a ``mib.LoadedModel``."""

    @property
    def anatomy(self) -> Anatomy:
        """The parts."""
        ...


Model: TypeAlias = nn.Module | Anatomy | Decomposed
"""All that ``decompose`` takes apart."""


def decompose(model: Model) -> Anatomy:
    """Take a model apart into pure functions, and compare them with the model on one short input.

    Args:
        model: A module with weights in the TransformerLens convention (``cfg``, ``embed.W_E``,
            ``blocks[l].attn.W_Q`` [head, d_model, d_head], ...), a ``TransformerBridge``, an ``Anatomy``, or what has
            one (a ``mib.LoadedModel``).

    Returns:
        The parts. They share the model's weights where the layout allows it; hooks on the model do not run.

    Raises:
        TaskError: If the model is of no known kind, or its parts do not compute what it computes.
    """
    if isinstance(model, Anatomy):
        return model
    if not isinstance(model, nn.Module):
        return _given(model)
    if is_bridge(model):
        return _verified(model, decompose_bridge(model))
    if follows_convention(model):
        return _verified(model, decompose_convention(model))
    raise TaskError(
        f"cannot take apart a {type(model).__name__}: it has no cfg, embed.W_E, blocks and unembed.W_U in the "
        "TransformerLens convention, and is no TransformerBridge. Load real models with "
        "mib.load_model(...), or build a mib.models.adapters.Anatomy of your own."
    )


def _given(model: object) -> Anatomy:
    anatomy = getattr(model, "anatomy", None)
    if not isinstance(anatomy, Anatomy):
        raise TaskError(f"model is a {type(model).__name__}; expected a torch module, an Anatomy or a LoadedModel.")
    return anatomy


@torch.no_grad()
def _verified(model: nn.Module, anatomy: Anatomy) -> Anatomy:
    tokens = torch.arange(min(8, anatomy.max_positions or 8), device=anatomy.token_embedding.device)[None]
    tokens = (tokens * 7 + 1) % anatomy.n_vocabulary
    expected, got = model(tokens), anatomy.logits(tokens)
    if not isinstance(expected, Tensor):
        raise TaskError(f"{type(model).__name__}(tokens) returned a {type(expected).__name__}; expected logits.")
    if expected.shape != got.shape:
        raise TaskError(
            f"{type(model).__name__}(tokens) has shape {tuple(expected.shape)}, its parts give {tuple(got.shape)}: "
            "expected logits [batch, position, output]."
        )
    error, scale = float((expected - got).abs().max()), float(expected.abs().max())
    summed = float(anatomy.token_embedding.abs().max())  # logits may cancel to 0 but for rounding
    if not error <= TOLERANCE.get(got.dtype, 5e-2) * max(scale, summed, 1e-9):
        raise TaskError(
            f"a {type(model).__name__} taken apart computes something else: its logits are off by {error:.1e} "
            f"(largest logit {scale:.1e}). Is it in eval() mode, without hooks, and of an architecture that "
            "mib.models.adapters knows?"
        )
    return anatomy
