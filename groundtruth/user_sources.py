"""Which sources a user's file or a plug-in stands on: all that it imports from outside site-packages."""

import ast
import hashlib
import importlib
import importlib.util
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from groundtruth.errors import GroundTruthError
from groundtruth.guarded_run import guard_process
from mib.errors import MibError
from mib.user_files import (
    OWN_PACKAGES,
    forget_user_file,
    is_file_or_member,
    place_in_package,
    require_name,
    run_user_file,
    split_spec,
)

_INSTALLED = ("site-packages", "dist-packages")


@dataclass(frozen=True)
class UserFile:
    """A file of a user's that was run.

    Attributes:
        path: The file.
        module: Module that running it made.
        imported: Modules that running it imported and whose source lies outside site-packages, with that source.
        sha256: SHA-256 of the file, as it was run, and of every source outside site-packages that it imports.
    """

    path: Path
    module: ModuleType
    imported: tuple[tuple[str, Path], ...]
    sha256: str


_files: dict[Path, UserFile] = {}
"""The files that this process has run."""


def load_user_file(path: Path, *, error: type[ValueError]) -> UserFile:
    """Run a user's file, and tell which sources it stands on.

    It is run once a process: a checkpoint that it loads is loaded once, however many methods and programs it holds. If
    it or what it imports has changed since, it is run again.

    Args:
        path: The file.
        error: The error to raise if it fails, or ends the process.

    Raises:
        error: Naming the file and the reason.
        GroundTruthError: If the file raises one itself.
        MibError: Likewise.
    """
    known = _files.get(path)
    if known is not None and _sha256(path, known.imported) == known.sha256:
        return known
    if known is not None:
        forget_user_file(path)  # with its package, whose other modules hold what the file was
        for name, _ in known.imported:
            sys.modules.pop(name, None)  # else the changed file would import what it imported before
        for name in [name for name in sys.modules if _is_beside(name, known)]:
            del sys.modules[name]
    before = set(sys.modules)
    with guard_process(restore=False):
        module = run_user_file(path, error=error, passing=(GroundTruthError, MibError))
    imported = tuple(
        (name, source)
        for name in sorted(set(sys.modules) - before - {module.__name__})
        if (source := _source_of(name)) is not None
    )
    _files[path] = UserFile(path, module, imported, _sha256(path, imported))
    return _files[path]


GENERATED = "gen:"
"""Prefix of a generated program's code where a model is named."""


def is_own_spec(name: str) -> bool:
    """Tell whether a name is meant as ``FILE.py``, ``FILE.py:NAME`` or ``MODULE:NAME``, none of them ``gen:CODE``."""
    return is_file_or_member(name) and not name.startswith(GENERATED)


def load_member(spec: str, *, kind: str, error: type[ValueError]) -> tuple[UserFile, Path, str]:
    """Run the file of ``FILE.py:NAME`` or ``MODULE:NAME``; give it, its path and the name.

    Args:
        spec: The text that a user gave.
        kind: The kind of thing that it should name, such as ``task``.
        error: The error to raise.

    Raises:
        error: If it names no file or module that runs, or nothing in it.
    """
    path, name = split_spec(spec, kind=kind, error=error)
    require_name(name, spec, path, kind=kind, error=error)
    return load_user_file(path, error=error), path, name


def _sha256(path: Path, imported: Iterable[tuple[str, Path]]) -> str:
    return sources_sha256([path, *(source for _, source in imported if source.is_file())])


def _is_beside(name: str, file: UserFile) -> bool:
    """Tell whether a loaded module is of the package that a file was run in."""
    package = file.module.__name__.partition(".")[0]
    return "." in file.module.__name__ and (name == package or name.startswith(f"{package}."))


def sources_sha256(roots: list[Path]) -> str:
    """SHA-256 of source files and of all that they import, directly or not, from outside site-packages.

    Imports are read from the source, so that one inside a function counts too; what code imports by a name that it
    makes up counts if it was imported while the file was run.
    """
    found = _sources_from(_with_package(roots))
    digest = hashlib.sha256()
    for name in sorted(found):
        digest.update(name.encode() + b"\0" + found[name] + b"\0")
    return digest.hexdigest()


def sources_beside(path: Path) -> dict[str, bytes]:
    """Read a user's file and the sources that it imports from its own folder, each by its place below that folder.

    Args:
        path: A file that this process has run, so that what it imports by names that it makes up is known.
    """
    known = _files.get(path)
    roots = [path, *(source for _, source in known.imported if source.is_file())] if known else [path]
    found = _sources_from(_with_package(roots))
    return {name: content for name, content in found.items() if not Path(name).is_absolute()}


def _with_package(roots: list[Path]) -> list[Path]:
    """Add the whole package of the first file: any module of it may be what the file imports, under any name."""
    base, dotted = place_in_package(roots[0])
    return roots if base == roots[0].parent else [*roots, *sorted((base / dotted.partition(".")[0]).rglob("*.py"))]


def _sources_from(roots: list[Path]) -> dict[str, bytes]:
    """Read source files and all that they import, each by the name that its hash is made with."""
    found: dict[str, bytes] = {}
    waiting = list(roots)
    base = place_in_package(roots[0])[0]
    # Of an installed package the folder around it holds all that is installed, which counts by its version.
    folders = [folder for folder in dict.fromkeys((base, roots[0].parent)) if _is_user_source(folder)]
    while waiting:
        path = waiting.pop()
        # By its place below the folder that the first file is imported from: a moved project keeps its hashes.
        name = path.relative_to(base).as_posix() if path.is_relative_to(base) else str(path)
        if name not in found:
            found[name] = path.read_bytes()
            waiting += [source for module in _imports(found[name]) for source in _sources(module, folders)]
    return found


def package_sha256(module: ModuleType) -> str:
    """SHA-256 of a plug-in: of its module, the package that holds it, and all that these import from elsewhere."""
    file = getattr(module, "__file__", None)
    if file is None:
        return hashlib.sha256(module.__name__.encode()).hexdigest()
    top = sys.modules.get(module.__name__.partition(".")[0], module)
    roots = [Path(folder) for folder in getattr(top, "__path__", ())]
    return sources_sha256([Path(file), *(path for folder in roots for path in sorted(folder.rglob("*.py")))])


@lru_cache(maxsize=4096)
def _imports(source: bytes) -> set[str]:
    """The top-level names of the modules that a source file imports."""
    names: set[str] = set()
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # a package may hold templates, or code for another version of Python
        return names
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {(node.module or "").partition(".")[0], *(alias.name for alias in node.names if node.level)}
    return names - OWN_PACKAGES - {""}


def _sources(module: str, folders: list[Path]) -> Iterator[Path]:
    """The source files of a top-level module or package; none of one that is installed or comes with Python."""
    for folder in folders:
        if (folder / f"{module}.py").is_file():
            yield folder / f"{module}.py"
            return
        if (folder / module / "__init__.py").is_file():
            yield from sorted((folder / module).rglob("*.py"))
            return
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return  # such as __main__, which has no spec
    if spec is None:
        return
    for place in spec.submodule_search_locations or ():
        if _is_user_source(Path(place)):
            yield from sorted(Path(place).rglob("*.py"))
    if spec.origin is not None and spec.origin.endswith(".py") and _is_user_source(Path(spec.origin)):
        yield Path(spec.origin)


def _source_of(name: str) -> Path | None:
    """The source of a loaded module, unless it is installed, comes with Python or is ours."""
    file = getattr(sys.modules.get(name), "__file__", None)
    if name.partition(".")[0] in OWN_PACKAGES or not isinstance(file, str) or not file.endswith(".py"):
        return None
    return Path(file) if _is_user_source(Path(file)) and Path(file).is_file() else None


def _is_user_source(path: Path) -> bool:
    standard = {Path(sysconfig.get_path(kind)).resolve() for kind in ("stdlib", "platstdlib")}
    found = path.resolve()
    inside = any(found.is_relative_to(root) for root in standard)
    return not inside and not any(part in _INSTALLED for part in found.parts)
