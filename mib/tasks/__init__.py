"""Tasks: prompts, counterfactuals and hypotheses, generated offline or read from MIB's data sets."""

from mib.tasks.example import Example, Prompt
from mib.tasks.registry import get, names, register
from mib.tasks.string_pairs import task_of_strings
from mib.tasks.task import Task
from mib.tasks.task_causal_model import CausalModel
from mib.tasks.word_pieces import PIECE, pieces

__all__ = ["PIECE", "CausalModel", "Example", "Prompt", "Task", "get", "names", "pieces", "register", "task_of_strings"]
