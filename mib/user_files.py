"""Python files of a user's own, run as modules: once a process, as long as their text stays the same."""

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

_modules: dict[tuple[Path, str], ModuleType] = {}
"""Modules by resolved path and SHA-256 of the text, so that a file that was edited is run anew, and no other twice."""


def split_spec(spec: str, *, kind: str, error: type[ValueError]) -> tuple[Path, str]:
    """Split ``FILE.py:NAME`` into a resolved path and a name, which is empty for ``FILE.py``.

    Args:
        spec: The text that a user gave.
        kind: The kind of thing that it should name, such as ``program``.
        error: The error to raise.

    Raises:
        error: If it names no Python file, or the file does not exist.
    """
    path_text, colon, name = spec.rpartition(":")
    if not colon or name.endswith(".py"):
        path_text, name = spec, ""
    path = Path(path_text).expanduser().resolve()
    if path.suffix != ".py":
        raise error(f"'{spec}' names no Python file; write my_file.py:my_{kind}.")
    if not path.is_file():
        raise error(f"no file {path}.")
    return path, name


def place_in_package(path: Path) -> tuple[Path, str]:
    """Find the folder that a file is imported from, and its dotted name there: /src and pkg.mod for /src/pkg/mod.py.

    A file that lies in no package is imported from its own folder.
    """
    names = [] if path.name == "__init__.py" else [path.stem]
    folder = path.parent
    while (folder / "__init__.py").is_file() and folder.name.isidentifier():
        names.insert(0, folder.name)
        folder = folder.parent
    return folder, ".".join(names)


def run_user_file(path: Path, *, error: type[ValueError], passing: tuple[type[Exception], ...] = ()) -> ModuleType:
    """Run a Python file as a module of its own; it can import the files beside it.

    One that lies in a package is a module of that package, so that its relative imports work; the package is imported
    first, as Python does. If the process has another package of that name already, the file is run by itself.

    Args:
        path: Path of the file.
        error: The error to raise if it fails.
        passing: Further errors that are fit for a user as they are, such as a registration's.

    Raises:
        error: If the file cannot be imported, naming it and the reason.
    """
    path = path.resolve()
    source = path.read_bytes()
    key = (path, hashlib.sha256(source).hexdigest())
    if key in _modules:
        return _modules[key]
    root, dotted = place_in_package(path)
    is_module = root != path.parent and not _is_taken(dotted.partition(".")[0], root)
    # Two files of one name in two folders are two modules; pickles of one process are read by the next.
    name = dotted if is_module else f"user_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    folders = [str(root), str(path.parent)] if is_module else [str(path.parent)]
    sys.path[:0] = folders
    try:
        with _no_compiled_files():
            module = _run_in_package(name, path, source) if is_module else _run_text(name, path, source)
    except (error, *passing):
        raise
    except SystemExit as cause:  # a file that ends the process would decide our exit code
        raise error(f"{path} fails when it is imported: it ends the process (exit code {cause.code}).") from cause
    except Exception as cause:
        raise error(f"{path} fails when it is imported: {type(cause).__name__}: {cause}") from cause
    finally:
        for folder in folders:
            sys.path.remove(folder)
    _modules[key] = module
    return module


def _is_taken(package: str, root: Path) -> bool:
    """Tell whether this process has imported a package or module of a name from elsewhere."""
    known = sys.modules.get(package)
    file = getattr(known, "__file__", None)
    return known is not None and (file is None or Path(file).resolve() != root / package / "__init__.py")


def _run_in_package(name: str, path: Path, source: bytes) -> ModuleType:
    """Import the packages above a module, then the module unless these, or anybody else, have imported it."""
    importlib.invalidate_caches()  # a folder that was written a moment ago may be known as empty
    above, _, last = name.rpartition(".")
    if above:
        importlib.import_module(above)
    if name in sys.modules:
        return sys.modules[name]
    module = _run_text(name, path, source)
    if above:
        setattr(sys.modules[above], last, module)
    return module


def _run_text(name: str, path: Path, source: bytes) -> ModuleType:
    """Run the text of a file as a module of a name; none is left behind if it fails."""
    folders = [str(path.parent)] if path.name == "__init__.py" else None
    loader = _TextLoader(name, path, source)
    spec = importlib.util.spec_from_file_location(name, path, loader=loader, submodule_search_locations=folders)
    if spec is None or spec.loader is None:
        raise ImportError("it cannot be imported as a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


class _TextLoader(SourceFileLoader):
    """A loader that runs the text that was hashed, whatever became of the file or lies compiled beside it.

    Python takes a compiled file for current if the source has its size and its time in whole seconds: a digit edited
    within the second of the last run would change nothing.
    """

    def __init__(self, name: str, path: Path, source: bytes) -> None:
        super().__init__(name, str(path))
        self._source = source

    def get_code(self, fullname: str) -> CodeType:
        """Compile the text."""
        return self.source_to_code(self._source, self.path)


@contextmanager
def _no_compiled_files() -> Generator[None]:
    """Write no compiled file of the modules that a user's file imports, for these change as quickly as it does."""
    before = sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def forget_user_file(path: Path) -> None:
    """Have a file run anew when it is next asked for, as where a module that it imports has changed."""
    for key in [key for key in _modules if key[0] == path.resolve()]:
        sys.modules.pop(_modules.pop(key).__name__, None)
