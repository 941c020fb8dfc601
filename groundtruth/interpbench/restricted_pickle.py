"""Unpickle plain values and the few classes that configurations of models hold; everything else is refused by name.

A pickle is a program: it may call whatever it can name. Here it can name what ``KNOWN`` lists and nothing more, so a
file that names ``os.system`` is refused before anything is called. Pickles' own instructions build containers, numbers
and strings without naming anything.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any, NoReturn

import torch

from groundtruth.errors import ArtifactError

LARGEST = 2**20
"""No configuration or list of edges has more bytes; a larger file is not opened."""

CONFIG_CLASS = "HookedTransformerConfig"

_CONFIG_MODULES = (
    "transformer_lens.HookedTransformerConfig",
    "transformer_lens.config.HookedTransformerConfig",
    "transformer_lens.config.hooked_transformer_config",
)
"""Modules in which versions of TransformerLens keep the class."""

KNOWN: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch", "device"): torch.device,
    ("torch", "float16"): torch.float16,
    ("torch", "bfloat16"): torch.bfloat16,
    ("torch", "float32"): torch.float32,
    ("torch", "float64"): torch.float64,
}
"""Names that a pickle may hold, besides TransformerLens's configuration, which is read as the dictionary of its
fields."""


def unpickle_plain(path: Path) -> Any:
    """The value in a pickle of plain values, dtypes, devices and TransformerLens's configuration.

    Args:
        path: The file.

    Returns:
        The value; a configuration as the dictionary of its fields.

    Raises:
        ArtifactError: If the file is too large, is no pickle, or names anything else. Nothing of it was run.
    """
    try:
        with path.open("rb") as file:
            # One byte more than is allowed shows that there are too many, without reading a file of any size.
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror}.") from error
    if len(content) > LARGEST:
        raise ArtifactError(f"{path} has more than {LARGEST:,} bytes; no configuration or list of edges has.")
    try:
        return _plain(_Reader(path, content).load())
    except ArtifactError:
        raise
    except Exception as error:  # A broken pickle raises whatever its broken instructions lead to.
        raise ArtifactError(f"{path} is not a pickle that can be read: {type(error).__name__}: {error}.") from error


class _Reader(pickle.Unpickler):
    def __init__(self, path: Path, content: bytes) -> None:
        super().__init__(io.BytesIO(content))
        self._path = path
        # A class of this reading's own: what a pickle writes onto the class itself is gone with it.
        self._config = type(CONFIG_CLASS, (_Fields,), {})

    def find_class(self, module: str, name: str, /) -> Any:
        if name == CONFIG_CLASS and module in _CONFIG_MODULES:
            return self._config
        if (module, name) in KNOWN:
            return KNOWN[module, name]
        raise ArtifactError(
            f"{self._path} names '{module}.{name}', which is refused: a pickle may call what it names. Only "
            f"{CONFIG_CLASS}, torch's dtypes and device, and plain values are read. Write the file as JSON instead."
        )

    def persistent_load(self, pid: Any, /) -> NoReturn:
        raise ArtifactError(f"{self._path} refers to {pid!r} outside of itself, which is refused.")


class _Fields:
    """Stands for a configuration: holds the fields that a pickle gives it, and does nothing."""

    fields: dict[str, Any]

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, dict):
            raise TypeError(f"a configuration's state is a dictionary, not {type(state).__name__}")
        self.fields = state


def _plain(value: Any) -> Any:
    return getattr(value, "fields", {}) if isinstance(value, _Fields) else value
