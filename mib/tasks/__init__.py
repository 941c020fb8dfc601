"""Tasks: prompts, counterfactuals and hypotheses, generated offline or read from MIB's data sets."""

from typing import TYPE_CHECKING

from mib.lazy_names import lazy_names

if TYPE_CHECKING:
    from mib.tasks.example import Example, Prompt
    from mib.tasks.registry import get, names, register
    from mib.tasks.string_pairs import task_of_strings
    from mib.tasks.task import Task
    from mib.tasks.task_causal_model import CausalModel
    from mib.tasks.word_pieces import PIECE, pieces

_HOMES = {
    "PIECE": "mib.tasks.word_pieces",
    "CausalModel": "mib.tasks.task_causal_model",
    "Example": "mib.tasks.example",
    "Prompt": "mib.tasks.example",
    "Task": "mib.tasks.task",
    "get": "mib.tasks.registry",
    "names": "mib.tasks.registry",
    "pieces": "mib.tasks.word_pieces",
    "register": "mib.tasks.registry",
    "task_of_strings": "mib.tasks.string_pairs",
}
"""Module of each public name."""

__all__ = ["PIECE", "CausalModel", "Example", "Prompt", "Task", "get", "names", "pieces", "register", "task_of_strings"]

# Where examples come from is part of a cell, which is read where no model is run: without torch.
__getattr__, __dir__ = lazy_names(__name__, _HOMES)
