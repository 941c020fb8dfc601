"""``HookedRootModule`` and ``HookPoint`` of TransformerLens, without what the package loads beside them.

``import transformer_lens`` loads transformers, datasets, pandas and pyarrow: half of the start of every command. These
two classes stand on four small modules, which are loaded here by themselves. Whoever imports the package later gets all
of it, with these same classes in it.
"""

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

_PACKAGES = ("utilities", "conversion_utils", "conversion_utils.conversion_steps")
"""Packages of TransformerLens on the way to the two classes, whose ``__init__`` is left out."""

_UTILITIES = {"Slice": "slice", "SliceInput": "slice", "remove_batch_dim": "tensors", "warn_if_mps": "devices"}
"""Names that ``HookedRootModule`` takes from ``utilities``, and the module there that has them."""


class _LoadedModules(MetaPathFinder, Loader):
    """Modules that were loaded ahead of their package.

    They are handed over when the package is imported, through the import system, which binds them as its attributes.
    """

    def __init__(self, modules: dict[str, ModuleType]) -> None:
        self._modules = modules
        self._specs = {name: module.__spec__ for name, module in modules.items()}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module that was loaded ahead."""
        return ModuleSpec(fullname, self) if fullname in self._modules else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Hand over the module, once: to reload it is the usual loader's task."""
        return self._modules.pop(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Leave the module as it is, but for its specification, which the import system has replaced."""
        module.__spec__ = self._specs[module.__name__]


def _load_ahead() -> tuple[type, type]:
    """Load the two classes behind stand-ins for the packages that hold them, and take the stand-ins away again."""
    package = importlib.util.find_spec("transformer_lens")
    if package is None or not package.submodule_search_locations:
        raise ImportError("transformer_lens is not installed")
    before, root = set(sys.modules), Path(package.submodule_search_locations[0])
    stand_ins = ["transformer_lens", *(f"transformer_lens.{name}" for name in _PACKAGES)]
    try:
        for name in stand_ins:
            sys.modules[name] = ModuleType(name)
            sys.modules[name].__path__ = [str(root.joinpath(*name.split(".")[1:]))]
        for name, home in _UTILITIES.items():
            module = importlib.import_module(f"transformer_lens.utilities.{home}")
            setattr(sys.modules["transformer_lens.utilities"], name, getattr(module, name))
        hooked = importlib.import_module("transformer_lens.HookedRootModule")
        classes = hooked.HookedRootModule, hooked.HookPoint
    finally:
        # Taken away also after an error: a stand-in that stays would be taken for the package by whoever imports it
        # next.
        loaded = {name: sys.modules.pop(name) for name in set(sys.modules) - before if _is_of_lens(name)}
    ahead = {name: module for name, module in loaded.items() if name not in stand_ins}
    sys.meta_path.insert(0, _LoadedModules(ahead))
    return classes


def _is_of_lens(name: str) -> bool:
    return name.partition(".")[0] == "transformer_lens"


if TYPE_CHECKING:
    from transformer_lens import HookedRootModule as HookedRootModule
    from transformer_lens.hook_points import HookPoint as HookPoint
else:
    try:
        if "transformer_lens" in sys.modules:
            raise ImportError("the package is loaded already")
        HookedRootModule, HookPoint = _load_ahead()
    except (ImportError, AttributeError):  # loaded already, or a release that keeps them elsewhere
        from transformer_lens import HookedRootModule  # noqa: F401, for those who import this module
        from transformer_lens.hook_points import HookPoint  # noqa: F401
