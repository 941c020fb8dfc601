"""A small learned model that ships with the package, how it was trained, and what is measured of it.

It is a GPT-2 with a closed vocabulary, trained on prompts of ``mib.tasks``. Unlike with a compiled model, nobody knows
exactly what it computes: what is stored of it is measured, not true by construction.
"""

from typing import TYPE_CHECKING

from mib.learned.checkpoint_files import CHECKPOINT, NAME, tasks, training_log

if TYPE_CHECKING:
    from mib.models import LoadedModel

__all__ = ["CHECKPOINT", "NAME", "learned_model", "tasks", "training_log"]


def learned_model(*, device: str = "cpu", dtype: str = "float32") -> "LoadedModel":
    """The learned model, ready for tasks; the same as ``mib.load_model("learned")``.

    Args:
        device: Where to put it.
        dtype: Dtype of its weights, which are stored in float32.
    """
    from mib.models import load_model

    return load_model(NAME, device=device, dtype=dtype)
