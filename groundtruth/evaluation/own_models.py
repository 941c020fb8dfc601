"""Language models and tasks of a user's own: ``my_model.py:make``, ``my_task.py:task``, ``my_pkg.my_mod:name``."""

import inspect
from typing import Any

import torch

import mib
from groundtruth.errors import DomainError, ProgramError
from groundtruth.user_sources import UserFile, load_member
from mib.errors import did_you_mean
from mib.tasks import Task
from mib.user_files import public_names


def makes_model(spec: str) -> bool:
    """Tell whether my_model.py:make names a function that is annotated to give a ``mib.LoadedModel``.

    The file is run. A name that leads nowhere makes none: as a program it is refused where it is looked for.
    """
    try:
        found, _ = _member(spec, "model")
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
        device: Device that the model must be on.
        dtype: Type that its weights must have.

    Raises:
        DomainError: If it gives something else than a ``mib.LoadedModel`` there, of that type.
        ProgramError: If the file or the function is not there.
    """
    found, _ = _member(spec, "model")
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
    found, _ = _member(spec, "task")
    task = found() if inspect.isfunction(found) else found
    if not isinstance(task, Task):
        raise DomainError(
            f"{spec} is a {type(task).__name__}, not a mib.tasks.Task. "
            "Make one with mib.tasks.task_of_strings(name, pairs)."
        )
    return task


def own_sha256(spec: str, kind: str) -> str:
    """SHA-256 of a file and of all that it imports from outside site-packages; not of what it reads as it runs.

    Args:
        spec: ``my_file.py:name`` or ``my_pkg.my_mod:name``.
        kind: The kind of thing that it names, ``model`` or ``task``.
    """
    return _member(spec, kind)[1].sha256


def _member(spec: str, kind: str) -> tuple[Any, UserFile]:
    file, path, name = load_member(spec, kind=kind, error=ProgramError)
    known = {key: value for key, value in vars(file.module).items() if not key.startswith("_")}
    if name not in known:
        listed = ", ".join(public_names(path)) or "none"
        raise ProgramError(f"{path} has no '{name}'.{did_you_mean(name, known)} It has: {listed}.")
    return known[name], file
