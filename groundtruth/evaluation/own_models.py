"""Language models and tasks in files of a user's own: ``my_model.py:make`` and ``my_task.py:task``."""

import inspect
from pathlib import Path
from typing import Any

import torch

import mib
from groundtruth.errors import DomainError, ProgramError
from groundtruth.user_sources import UserFile, load_user_file
from mib.errors import did_you_mean
from mib.tasks import Task


def makes_model(spec: str) -> bool:
    """Tell whether my_model.py:make names a function that is annotated to give a ``mib.LoadedModel``.

    The file is run. A name that leads nowhere makes none: as a program it is refused where it is looked for.
    """
    try:
        found, _ = _member(spec)
    except ProgramError:
        return False
    if not inspect.isfunction(found):
        return False
    given = found.__annotations__.get("return")
    return given is mib.LoadedModel or str(given).rpartition(".")[2] == "LoadedModel"


def load_own_model(spec: str, device: str, dtype: torch.dtype) -> mib.LoadedModel:
    """Make the model of my_model.py:make.

    Args:
        spec: A function that ``makes_model`` accepts; it is called without arguments.
        device: Where the model must be.
        dtype: Type that its weights must have.

    Raises:
        DomainError: If it gives something else than a ``mib.LoadedModel`` there, of that type.
        ProgramError: If the file or the function is not there.
    """
    found, _ = _member(spec)
    model = found()
    if not isinstance(model, mib.LoadedModel):
        raise DomainError(
            f"{spec} gave a {type(model).__name__}, not a mib.LoadedModel. "
            "Return mib.models.wrap_model(model, tokenizer)."
        )
    if model.dtype != dtype or model.device.type != torch.device(device).type:
        has = f"{str(model.dtype).removeprefix('torch.')} on {model.device}"
        raise DomainError(
            f"{spec} gave a model of {has}, and {str(dtype).removeprefix('torch.')} on {device} is asked for. Make it "
            "so, or ask for what it is by --dtype and --device."
        )
    return model


def load_own_task(spec: str) -> Task:
    """Give the task of my_task.py:task, a ``mib.tasks.Task`` or a function that makes one.

    Raises:
        DomainError: If it is none.
        ProgramError: If the file or the name is not there.
    """
    found, _ = _member(spec)
    task = found() if inspect.isfunction(found) else found
    if not isinstance(task, Task):
        raise DomainError(
            f"{spec} is a {type(task).__name__}, not a mib.tasks.Task. "
            "Make one with mib.tasks.task_of_strings(name, pairs)."
        )
    return task


def own_sha256(spec: str) -> str:
    """SHA-256 of a file and of all that it imports from outside site-packages; not of what it reads as it runs."""
    return _member(spec)[1].sha256


def _member(spec: str) -> tuple[Any, UserFile]:
    path_text, _, name = spec.rpartition(":")
    path = Path(path_text).expanduser().resolve()
    if not path_text.endswith(".py") or not path.is_file():
        raise ProgramError(f"'{spec}': there is no such Python file. Write my_file.py:name.")
    file = load_user_file(path, error=ProgramError)
    known = {key: value for key, value in vars(file.module).items() if not key.startswith("_")}
    if name not in known:
        raise ProgramError(f"{path} has no '{name}'.{did_you_mean(name, known)}")
    return known[name], file
