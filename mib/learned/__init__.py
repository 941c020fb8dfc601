"""Small learned models that ship with the package, how they were trained, and what is measured of the first.

``learned`` is a GPT-2 with a closed vocabulary, trained on prompts of ``mib.tasks``; the panel is smaller ones of two
architectures. Unlike with a compiled model, nobody knows exactly what they compute: what is stored of them is
measured, not true by construction.
"""

from mib.learned.checkpoint_files import CHECKPOINT, NAME, checkpoint_of, names, panel_members, tasks, training_log

__all__ = ["CHECKPOINT", "NAME", "checkpoint_of", "names", "panel_members", "tasks", "training_log"]
