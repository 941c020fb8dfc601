"""Python files of a user's own, run as modules: once a process, as long as their text stays the same."""

import ast
import hashlib
import importlib
import importlib.util
import re
import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib.machinery import PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

OWN_PACKAGES = {"groundtruth", "mib", "compiled_models"}
"""Packages that come with this one: their code is no user's."""

_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")

_modules: dict[tuple[Path, str], ModuleType] = {}
"""Modules by resolved path and SHA-256 of the text, so that a file that was edited is run anew, and no other twice."""


def is_file_or_member(text: str) -> bool:
    """Tell whether a text is written as ``FILE.py``, ``FILE.py:NAME`` or ``MODULE:NAME``."""
    if text.endswith(".py") or ".py:" in text:
        return True
    place, colon, name = text.rpartition(":")
    return bool(colon) and name.isidentifier() and _MODULE.fullmatch(place) is not None


def split_spec(spec: str, *, kind: str, error: type[ValueError]) -> tuple[Path, str]:
    """Find the file of ``FILE.py:NAME`` or ``MODULE:NAME``, and the name, which is empty for ``FILE.py``.

    Nothing is run.

    Args:
        spec: The text that a user gave; a module lies below the working directory or is installed.
        kind: The kind of thing that it should name, such as ``program``.
        error: The error to raise.

    Raises:
        error: If it is written otherwise, or the file or the module does not exist.
    """
    place, colon, name = spec.rpartition(":")
    if not colon or name.endswith(".py"):
        place, name = spec, ""
    if place.endswith(".py"):
        path = Path(place).expanduser().resolve()
        if not path.is_file():
            wanted = f"my_file.py:{name or f'my_{kind}'}"
            raise error(f"no file {path}. Write {wanted}, from {Path.cwd()} or with the whole path.")
        return path, name
    if not name.isidentifier() or not _MODULE.fullmatch(place):
        raise error(f"'{spec}' names no {kind}. Write my_file.py:my_{kind}, or by module my_pkg.my_mod:my_{kind}.")
    return _module_file(place, kind=kind, error=error), name


def _module_file(dotted: str, *, kind: str, error: type[ValueError]) -> Path:
    """Find the source of a module, such as ``my_pkg.my_mod``."""
    top, *below = dotted.split(".")
    if top in OWN_PACKAGES:
        raise error(f"'{dotted}' comes with this package. Name what is registered, as groundtruth {kind}s lists it.")
    importlib.invalidate_caches()  # a file that was written a moment ago may not be known yet
    try:
        spec = PathFinder.find_spec(top, [str(Path.cwd())]) or importlib.util.find_spec(top)
    except (ImportError, ValueError):  # such as __main__, which has no spec
        spec = None
    folders = [Path(place) for place in (spec and spec.submodule_search_locations) or ()]
    if not below and spec is not None and spec.origin is not None and spec.origin.endswith(".py"):
        return Path(spec.origin).resolve()
    for folder in folders if below else []:
        place = folder.joinpath(*below)
        for path in (place / "__init__.py", place.with_name(f"{place.name}.py")):
            if path.is_file():
                return path.resolve()
    inside = f"in {folders[0]}" if folders else "there"
    where = f"below {Path.cwd()} or among what is installed" if spec is None else inside
    raise error(f"no module '{dotted}' {where}. Write my_pkg.my_mod:my_{kind}, or the file: my_file.py:my_{kind}.")


def public_names(path: Path, *, callable_only: bool = False) -> list[str]:
    """List what a Python file defines at its top level under names without an underscore; nothing is run.

    Args:
        path: The file. One that is no Python has no names.
        callable_only: True leaves variables out.
    """
    try:
        body = ast.parse(path.read_bytes()).body
    except (SyntaxError, ValueError):
        return []
    names: list[str] = []
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.append(node.name)
        elif not callable_only and isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names += [target.id for target in targets if isinstance(target, ast.Name)]
    return list(dict.fromkeys(name for name in names if not name.startswith("_")))


def require_name(name: str, spec: str, path: Path, *, kind: str, error: type[ValueError]) -> None:
    """Refuse a file without the name of something in it, and list what it has.

    Args:
        name: The name that ``split_spec`` found.
        spec: The text that a user gave.
        path: The file.
        kind: The kind of thing that it should name.
        error: The error to raise.

    Raises:
        error: If the name is empty.
    """
    if name:
        return
    known = public_names(path, callable_only=kind == "method")
    example = known[0] if known else f"my_{kind}"
    raise error(f"'{spec}' names no {kind} in the file. It has: {', '.join(known) or 'none'}. Write {spec}:{example}.")


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
