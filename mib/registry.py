"""The registry that every kind of named thing is kept in: methods, tasks, programs, pitfalls.

An entry is checked when it is registered, not when it is used: it has a docstring, the signature of its kind and a
name of its own. It comes from the package, from an installed one that names a module in an entry-point group, or from
a user's file.
"""

import importlib
import importlib.metadata
import inspect
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar

from mib.errors import did_you_mean
from mib.user_files import public_names, run_user_file, split_spec

T = TypeVar("T")
Function = TypeVar("Function", bound=Callable[..., Any])
Origin = Callable[..., Any] | None
"""The function that an entry was made of; None for an entry that was made otherwise, as a task is."""


def list_known(names: Sequence[str]) -> str:
    """The usual end of an error about an unknown name: all names that there are."""
    return f"Known: {', '.join(names) or 'none'}."


class Registry(Generic[T]):
    """Entries of one kind, by name.

    Args:
        kind: Name of an entry in errors, such as ``localizer``.
        error: The error that bad input raises.
        builtins: A module, or a package of modules, that registers the entries that come with it; it is imported when
            the first entry is looked up, so that importing the registry imports no method.
        plugins: An entry-point group: modules that installed packages name there are imported then, too.
        hint: Ends the error about an unknown name, given all names; default: lists them.
    """

    def __init__(
        self,
        kind: str,
        *,
        error: type[ValueError],
        builtins: str | None = None,
        plugins: str | None = None,
        hint: Callable[[Sequence[str]], str] = list_known,
    ) -> None:
        self.kind = kind
        self.error = error
        self.plugins = plugins
        self._builtins = builtins
        self._hint = hint
        self._entries: dict[str, tuple[T, Origin]] = {}
        self._has_builtins = self._has_plugins = False

    def register(self, make: Callable[[Function], T], *, name: str | None = None) -> Callable[[Function], T]:
        """Decorate a function so that what is made of it becomes an entry.

        Args:
            make: Makes the entry, and checks the function's signature.
            name: Name of the entry; default: the function's.
        """

        def decorate(function: Function) -> T:
            label = function.__name__ if name is None else name
            self._check_name(label, function)
            entry = make(function)
            if not inspect.getdoc(function):
                raise self.error(f"{self.kind} '{label}' has no docstring; its first line is shown as the description.")
            return self.add(label, entry, origin=function)

        return decorate

    def add(self, name: str, entry: T, *, origin: Origin = None) -> T:
        """Add an entry that is already made.

        Args:
            name: Name of the entry.
            entry: The entry.
            origin: The function that it was made of. A file that is run again may register its functions again.

        Raises:
            error: If the name is empty or taken.
        """
        self._check_name(name, origin)
        self._entries[name] = entry, origin
        return entry

    def get(self, name: str) -> T:
        """The entry of a name.

        Raises:
            error: If there is none; the message offers the closest names.
        """
        self._load()
        if name not in self._entries:
            known = self.names()
            raise self.error(f"unknown {self.kind} '{name}'.{did_you_mean(name, known)} {self._hint(known)}")
        return self._entries[name][0]

    def names(self) -> tuple[str, ...]:
        """Names of all entries, sorted."""
        return tuple(sorted(self.entries()))

    def entries(self) -> Mapping[str, T]:
        """All entries by name, in the order in which they were registered."""
        self._load()
        return {name: entry for name, (entry, _) in self._entries.items()}

    def load_file(self, spec: str, *, passing: tuple[type[Exception], ...] = ()) -> tuple[object, str]:
        """Run a user's file, and return what a name stands for in it.

        Args:
            spec: ``FILE.py:NAME`` or ``MODULE:NAME``; the name is a variable's or a registered entry's. It can be
                left out if the file has one entry.
            passing: Errors of the file that are fit for a user as they are.

        Returns:
            The value, which need not be an entry, and the name.

        Raises:
            error: If the file does not run, or has no such name; the message offers the closest ones.
        """
        path, name = split_spec(spec, kind=self.kind, error=self.error)
        return self.find_in(run_user_file(path, error=self.error, passing=passing), name, path)

    def find_in(self, module: ModuleType, name: str, path: Path) -> tuple[object, str]:
        """Return what a name stands for in a user's file that was run; as ``load_file``.

        Args:
            module: The module that the file became.
            name: The name; may be empty if the file has one entry.
            path: The file.

        Raises:
            error: If there is no such name; the message offers the closest ones.
        """
        values = vars(module)
        labels = {id(entry): label for label, (entry, _) in self._entries.items()}
        declared = {key: value for key, value in values.items() if id(value) in labels}
        by_label = {labels[id(value)]: value for value in declared.values()}
        if name in values or name in by_label:
            return values.get(name, by_label.get(name)), name
        if name:
            others = [key for key in public_names(path) if key not in declared]
            listed = f"It declares: {', '.join(declared) or 'none'}." + (
                f" It has: {', '.join(others)}." if others else ""
            )
            raise self.error(f"{path} has no {self.kind} '{name}'.{did_you_mean(name, [*declared, *others])} {listed}")
        if len(declared) != 1:
            shown = ", ".join(f"{path.name}:{key}" for key in declared or public_names(path)) or "none"
            has = f"({shown})" if declared else f"and has {shown}"
            raise self.error(
                f"{path} declares {len(declared)} {self.kind}s {has}; name one: {path.name}:my_{self.kind}."
            )
        ((name, value),) = declared.items()
        return value, name

    def _check_name(self, name: str, origin: Origin) -> None:
        if not name:
            raise self.error(f"a {self.kind} has no name; give it one.")
        if not self._is_builtin(origin):
            self._load_builtins()  # else a built-in that nobody has looked up yet would lose its name to this entry
        if name not in self._entries or _same_definition(origin, self._entries[name][1]):
            return
        known = self._entries[name][1]
        code = getattr(known, "__code__", None)
        place = "" if code is None else f" by {code.co_filename}"
        raise self.error(f"a {self.kind} named '{name}' is registered already{place}: choose another name.")

    def _is_builtin(self, origin: Origin) -> bool:
        module = getattr(origin, "__module__", None) or ""
        return self._builtins is not None and module.startswith(self._builtins)

    def _load(self) -> None:
        self._load_builtins()
        if self.plugins is not None and not self._has_plugins:
            self._has_plugins = True
            for point in importlib.metadata.entry_points(group=self.plugins):
                point.load()

    def _load_builtins(self) -> None:
        if self._builtins is None or self._has_builtins:
            return
        self._has_builtins = True  # before the imports: what they register is checked against this registry
        package = importlib.import_module(self._builtins)
        for module in pkgutil.iter_modules(getattr(package, "__path__", ())):
            importlib.import_module(f"{self._builtins}.{module.name}")


def _same_definition(one: Origin, other: Origin) -> bool:
    """Tell whether two functions come from the same lines of one file, which was run twice."""
    if one is None or other is None:
        return False
    code, known = getattr(one, "__code__", None), getattr(other, "__code__", None)
    if code is None or known is None or "<lambda>" in one.__qualname__:
        return one is other
    return (code.co_filename, one.__qualname__) == (known.co_filename, other.__qualname__)
