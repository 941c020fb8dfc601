"""Find what a user names: a model, or a method in a file of theirs."""

import glob
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar

from groundtruth.compiler.compile_program import compile
from groundtruth.errors import ArtifactError
from groundtruth.generated import from_code
from groundtruth.model import CompiledModel, load
from groundtruth.programs import get, load_program, names
from groundtruth.store.catalog import stored
from groundtruth.store.write import MODEL
from groundtruth.user_sources import UserFile, load_user_file
from groundtruth.variants.tiers import variant_of
from mib.errors import MethodError, did_you_mean
from mib.featurization import FeaturizerMethod, as_featurizer
from mib.localization import Localizer, as_localizer
from mib.localization.task import Level

MethodT = TypeVar("MethodT", Localizer, FeaturizerMethod)

GENERATED = "gen:"
"""What the code of a generated program follows where a model is named."""


def find_model(name: str) -> CompiledModel:
    """A model by what a user would call it.

    Args:
        name: A shipped model, the folder of a stored one, a program of the library, a program of one's own as
            ``my_file.py:my_program``, or a generated one as ``gen:CODE``; programs are compiled. Any of these with
            ``@`` and a tier, or transformations joined by ``+``, is that variant, made now unless it ships.

    Raises:
        ArtifactError: If it is none of these; the message offers the closest names.
        ProgramError: If a file does not hold the program.
        VariantError: If there is no such tier or transformation, or the model does not allow it.
    """
    base, at, variant = name.rpartition("@")
    if at and base and stored(name) is None and not Path(name).is_dir() and not is_file_spec(variant):
        return variant_of(find_model(base), variant)
    if name.startswith(GENERATED):
        return compile(from_code(name.removeprefix(GENERATED)).program)
    if stored(name) is None and not Path(name).is_dir():
        if is_file_spec(name):
            return compile(load_program(name))
        if name in names():
            return compile(get(name))
    return load(name)


def models_in(names: Sequence[str]) -> list[str]:
    """Names of models as they are, and in the place of a folder of models, such as a generated suite, all of these.

    Raises:
        ArtifactError: If a pattern with ``*`` matches no stored model.
    """
    found: list[str] = []
    for name in names:
        folder = Path(name)
        inside = sorted(str(path.parent) for path in folder.glob(f"*/{MODEL}")) if folder.is_dir() else []
        if "*" in name:
            inside = sorted(path for path in glob.glob(name) if (Path(path) / MODEL).is_file())
            if not inside:
                raise ArtifactError(f"'{name}' matches no stored model.")
        found += inside or [name]
    return found


def is_file_spec(name: str) -> bool:
    """Whether a name is meant as ``FILE.py`` or ``FILE.py:NAME``."""
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
