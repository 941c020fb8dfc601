"""Choose how to take a model apart, and check that the parts compute what the model computes."""

from typing import Protocol, TypeAlias, runtime_checkable

from torch import nn

from mib.errors import TaskError
from mib.models.adapters.anatomy import Anatomy
from mib.models.adapters.bridge import decompose_bridge, is_bridge
from mib.models.adapters.lens_convention import decompose_convention, follows_convention
from mib.models.adapters.verification import verify_bridge, verify_module


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
    """Take a model apart into pure functions, and compare them with the model.

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
        return verify_bridge(model, decompose_bridge(model))
    if follows_convention(model):
        return verify_module(model, decompose_convention(model))
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
