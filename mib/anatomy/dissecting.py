"""Choose how to take a model apart."""

from torch import nn

from mib.anatomy.anatomy import Anatomy
from mib.anatomy.convention import dissect_convention, follows_convention
from mib.errors import TaskError


def dissect(model: nn.Module | Anatomy) -> Anatomy:
    """Take a model apart into pure functions.

    Args:
        model: A module with weights in the TransformerLens convention (``cfg``, ``embed.W_E``,
            ``blocks[l].attn.W_Q`` [head, d_model, d_head], ...), a ``TransformerBridge``, or an ``Anatomy``.

    Returns:
        The parts. They share the model's weights where the layout allows it; hooks on the model do not run.

    Raises:
        TaskError: If the model is of no known kind.
    """
    if isinstance(model, Anatomy):
        return model
    if follows_convention(model):
        return dissect_convention(model)
    raise TaskError(
        f"cannot take apart a {type(model).__name__}: it has no cfg, embed.W_E, blocks and unembed.W_U in the "
        "TransformerLens convention, and is not a TransformerBridge of a known architecture. Load real models with "
        "TransformerBridge.boot_transformers(...), or build a mib.anatomy.Anatomy of your own."
    )
