"""Small learned models that ship with the package, how they were trained, and what is measured of the first.

``learned`` is a GPT-2 with a closed vocabulary, trained on prompts of ``mib.tasks``; the panel is smaller ones of two
architectures. Unlike with a compiled model, nobody knows exactly what they compute: what is stored of them is
measured, not true by construction.
"""

from typing import TYPE_CHECKING

from mib.learned.checkpoint_files import CHECKPOINT, NAME, checkpoint_of, names, panel, tasks, training_log

if TYPE_CHECKING:
    from mib.models import LoadedModel

__all__ = ["CHECKPOINT", "NAME", "checkpoint_of", "learned_model", "names", "panel", "tasks", "training_log"]


def learned_model(*, device: str = "cpu", dtype: str = "float32") -> "LoadedModel":
    """The learned model, ready for tasks; the same as ``mib.load_model("learned")``.

    Args:
        device: Where to put it.
        dtype: Dtype of its weights, which are stored in float32.
    """
    from mib.models import load_model

    return load_model(NAME, device=device, dtype=dtype)
