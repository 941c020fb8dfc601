"""Methods in files of a user's own: a file and the name of a function in it."""

import inspect
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar

from groundtruth.user_sources import UserFile, load_user_file
from mib.errors import MethodError, did_you_mean
from mib.featurization import FeaturizerMethod, as_featurizer
from mib.localization import Localizer, as_localizer
from mib.localization.task import Level

MethodT = TypeVar("MethodT", Localizer, FeaturizerMethod)


def is_file_spec(name: str) -> bool:
    """Tell whether a name is meant as ``FILE.py`` or ``FILE.py:NAME``."""
    return name.endswith(".py") or ".py:" in name


@dataclass(frozen=True)
class UserMethod(Generic[MethodT]):
    """A method from a user's file.

    Attributes:
        method: The method, as a registered one.
        source_sha256: SHA-256 of the file and of every source outside site-packages that it imports.
    """

    method: MethodT
    source_sha256: str


def load_localizer(spec: str, *, level: Level = "edge") -> UserMethod[Localizer]:
    """Load the localization method ``my_file.py:my_method``, from a file anywhere; the file is run once a process.

    Args:
        spec: Path of a Python file, a colon, and the name of a function in it.
        level: What the method is to score, unless it says so itself by ``@mib.localization.localizer``.

    Raises:
        MethodError: If the file or the function does not exist, or what is there is no method.
    """
    found, name, file = _function(spec, "(task: mib.LocalizationTask) -> mib.EdgeScores")
    return UserMethod(as_localizer(found, name=_label(found, name), levels=(level,)), file.sha256)


def load_featurizer(spec: str) -> UserMethod[FeaturizerMethod]:
    """Load the featurization method ``my_file.py:my_method``, from a file anywhere; the file is run once a process.

    Args:
        spec: Path of a Python file, a colon, and the name of a function in it.

    Raises:
        MethodError: If the file or the function does not exist, or what is there is no method.
    """
    found, name, file = _function(spec, "(task: mib.FeaturizationTask) -> mib.Featurizer")
    return UserMethod(as_featurizer(found, name=_label(found, name)), file.sha256)


def _function(spec: str, signature: str) -> tuple[Any, str, UserFile]:
    """A function of a file, its name and the file."""
    path_text, colon, name = spec.rpartition(":")
    if not colon or not path_text.endswith(".py") or not name:
        raise MethodError(f"'{spec}' names no function in a Python file; write my_file.py:my_method.")
    path = Path(path_text).expanduser().resolve()
    if not path.is_file():
        raise MethodError(f"no file {path}.")
    file = load_user_file(path, error=MethodError)
    return _member(file.module, name, path, signature), name, file


def _label(found: Any, name: str) -> str:
    return found.name if isinstance(found, Localizer | FeaturizerMethod) else name


def _member(module: ModuleType, name: str, path: Path, signature: str) -> Any:
    own = {key: value for key, value in vars(module).items() if not key.startswith("_") and _is_own(value, module)}
    if name not in vars(module):
        known = ", ".join(own) or "none"
        raise MethodError(f"{path} has no function '{name}'.{did_you_mean(name, own)} It has: {known}.")
    found = vars(module)[name]
    if not isinstance(found, Localizer | FeaturizerMethod) and not inspect.isfunction(found):
        raise MethodError(
            f"'{name}' in {path} is of type {type(found).__name__}, not a method; write it as a function of a task: "
            f"def {name}{signature}."
        )
    return found


def _is_own(value: Any, module: ModuleType) -> bool:
    if isinstance(value, Localizer | FeaturizerMethod):
        value = value.function
    return inspect.isfunction(value) and value.__module__ == module.__name__
