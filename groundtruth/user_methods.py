"""Methods of a user's own: a file or a module, and the name of a function in it."""

import inspect
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar

from groundtruth.user_sources import UserFile, is_own_spec, load_member
from mib import featurization, localization
from mib.errors import MethodError, did_you_mean
from mib.featurization import FeaturizerMethod, as_featurizer
from mib.levels import Level
from mib.localization import Localizer, as_localizer
from mib.user_files import require_name, split_spec

MethodT = TypeVar("MethodT", Localizer, FeaturizerMethod)


def is_own_method(name: str) -> bool:
    """Tell whether the name of a method is meant as ``my_file.py:my_method`` or ``my_pkg.my_mod:my_method``."""
    return ":" in name or is_own_spec(name)


def find_method_file(spec: str) -> tuple[Path, str]:
    """Find the file of a method, and the name of the function in it; nothing is run.

    Args:
        spec: ``my_file.py:my_method``, or ``my_pkg.my_mod:my_method`` for a module that lies below the working
            directory or is installed.

    Raises:
        MethodError: If it is neither, or there is no such file or module.
    """
    path, name = split_spec(spec, kind="method", error=MethodError)
    require_name(name, spec, path, kind="method", error=MethodError)
    return path, name


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
    """Load a user's localization method; its file is run once a process.

    Args:
        spec: As ``find_method_file`` takes it.
        level: Parts that the method is to score, unless it says so itself by ``@mib.localization.localizer``.

    Raises:
        MethodError: If the file or the function does not exist, or what is there is no method.
    """
    found, name, file = _function(spec, "(task: mib.LocalizationTask) -> mib.EdgeScores")
    if _is_of(found, FeaturizerMethod, "Featuriz"):
        raise MethodError(
            f"'{spec}' is a featurizer: give it to --track variables, of pytest to --groundtruth-featurizer."
        )
    return UserMethod(as_localizer(found, name=_label(found, name), levels=(level,)), file.sha256)


def load_featurizer(spec: str) -> UserMethod[FeaturizerMethod]:
    """Load a user's featurization method; its file is run once a process.

    Args:
        spec: As ``find_method_file`` takes it.

    Raises:
        MethodError: If the file or the function does not exist, or what is there is no method.
    """
    found, name, file = _function(spec, "(task: mib.FeaturizationTask) -> mib.Featurizer")
    if _is_of(found, Localizer, "Localiz"):
        raise MethodError(
            f"'{spec}' is a localization method: leave out --track variables, of pytest give it to "
            "--groundtruth-method."
        )
    return UserMethod(as_featurizer(found, name=_label(found, name)), file.sha256)


def find_localizer(name: str, *, level: Level = "edge") -> Localizer:
    """Find a localization method by what a user calls it: a registered name, or one as ``load_localizer`` takes it.

    Args:
        name: Name, or file or module and function.
        level: As for ``load_localizer``.

    Raises:
        MethodError: If there is none.
    """
    return load_localizer(name, level=level).method if is_own_method(name) else localization.get(name)


def find_featurizer(name: str) -> FeaturizerMethod:
    """Find a featurizer by what a user calls it; see ``find_localizer``.

    Raises:
        MethodError: If there is none.
    """
    return load_featurizer(name).method if is_own_method(name) else featurization.get(name)


def _function(spec: str, signature: str) -> tuple[Any, str, UserFile]:
    """A function of a file, its name and the file."""
    file, path, name = load_member(spec, kind="method", error=MethodError)
    return _member(file.module, name, path, signature), name, file


def _is_of(found: Any, kind: type, theirs: str) -> bool:
    """Tell whether a function is of a kind of methods, by its class or by what its annotations name."""
    return isinstance(found, kind) or theirs in str(getattr(found, "__annotations__", ""))


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
