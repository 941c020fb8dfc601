"""What code stands on: the modules of our packages that it imports, read from the source, and one hash of them."""

import ast
import hashlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGES = ("groundtruth", "mib")
"""Packages whose modules count; others count by their version."""

_MODULE = re.compile(rf"({'|'.join(PACKAGES)})(\.[a-z_]\w*)+")

_QUOTED = re.compile(rf"[\"']({'|'.join(PACKAGES)})\.".encode())

_ROOT = Path(__file__).resolve().parent.parent


@cache
def import_closure(*roots: str) -> tuple[str, ...]:
    """Name the modules that some modules import, directly or not, with the packages that hold them; sorted.

    Imports inside functions count; those under ``if TYPE_CHECKING`` do not, for they are never run. A text that is the
    name of a module counts as its import, with all modules of a package: so registries name their built-in entries.

    Args:
        roots: Names of modules, such as ``groundtruth.evaluation.circuits.circuit_evaluator``.
    """
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name in found or _file_of(name) is None:
            continue
        found.add(name)
        parent = name.rpartition(".")[0]
        waiting += [*_imported_by(name), *([parent] if parent else [])]
    return tuple(sorted(found))


@cache
def source_sha256(*roots: str) -> str:
    """SHA-256 of the source of modules and of all of ours that they import."""
    digest = hashlib.sha256()
    for name in import_closure(*roots):
        path = _file_of(name)
        digest.update(name.encode() + b"\0" + (path.read_bytes() if path else b"") + b"\0")
    return digest.hexdigest()


def _file_of(name: str) -> Path | None:
    """The source of a module of ours; ``None`` if there is none of that name."""
    if name.partition(".")[0] not in PACKAGES:
        return None
    base = _ROOT.joinpath(*name.split("."))
    return next((path for path in (base / "__init__.py", base.with_suffix(".py")) if path.is_file()), None)


@cache
def _imported_by(name: str) -> tuple[str, ...]:
    path = _file_of(name)
    if path is None:
        return ()
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    source = path.read_bytes()
    tree = ast.parse(source)
    # What a user fetches from groundtruth by a public name is nothing that an evaluator runs. The search looks at every
    # expression, so only where the text can hold a name: this is on the way of every command that scores.
    named = _named_in(tree) if name != "groundtruth" and _QUOTED.search(source) else ()
    return (*_imports(tree, package), *named)


def _named_in(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _MODULE.fullmatch(node.value):
            yield node.value
            yield from _inside(node.value)


def _inside(package: str) -> Iterator[str]:
    """The modules of a package; none if it is no package of ours."""
    path = _file_of(package)
    if path is not None and path.name == "__init__.py":
        yield from (f"{package}.{file.stem}" for file in sorted(path.parent.glob("*.py")) if file != path)


def _imports(tree: ast.AST, package: str) -> Iterator[str]:
    for node in _statements_in(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
            base = ".".join(filter(None, (above, node.module)))
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)  # a name may be a module of the package
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for other in node.orelse:
                yield from _imports(ast.Module([other], []), package)
        else:
            yield from _imports(node, package)


def _statements_in(node: ast.AST) -> Iterator[ast.AST]:
    """The statements of a block, and what holds further blocks; expressions hold no import."""
    for block in ("body", "orelse", "handlers", "finalbody", "cases"):
        yield from getattr(node, block, ())
