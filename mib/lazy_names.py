"""Public names of a package, each fetched from its module when it is first used (PEP 562)."""

import importlib
import sys
from collections.abc import Callable, Collection, Mapping
from typing import Any


def lazy_names(
    package: str, homes: Mapping[str, str], *, modules: Collection[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make the ``__getattr__`` and ``__dir__`` of a package, so that importing it imports nothing heavy.

    Args:
        package: The package's ``__name__``.
        homes: Module of each public name.
        modules: Modules of the package that are public as they are.
    """
    namespace = vars(sys.modules[package])

    def fetch(name: str) -> Any:
        if name in homes:
            value = getattr(importlib.import_module(homes[name]), name)
        elif name in modules:
            value = importlib.import_module(f"{package}.{name}")
        else:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        namespace[name] = value
        return value

    def names() -> list[str]:
        return sorted({*homes, *modules, *(name for name in namespace if name.startswith("__"))})

    return fetch, names
