"""Whether a model is still what was loaded, without keeping a second one to compare it with."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mib.errors import shorten
from mib.models.loaded_model import LoadedModel

CHUNK = 2**26
"""Bytes that are brought to the CPU at a time."""

_LENS = ("fwd_hooks", "bwd_hooks")
"""Attribute in which TransformerLens keeps what was hooked onto a module."""

_TORCH = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
"""Attributes in which torch does."""


@dataclass(frozen=True)
class Fingerprint:
    """What tells a model from one whose weights, layout or hooks were changed.

    Attributes:
        tensors: By name, each parameter's and buffer's and each part's layout (shape, strides, dtype, device) and
            the SHA-256 of the memory it lies in.
        modules: The type of each module.
        hooks: Names of the modules that hooks are on.
    """

    tensors: Mapping[str, tuple[str, str]]
    modules: Mapping[str, type]
    hooks: frozenset[str]

    @classmethod
    def of(cls, loaded: LoadedModel) -> "Fingerprint":
        """Look at every byte of a model once; tensors that share memory are hashed together, once."""
        known: dict[tuple[str, int, int], str] = {}
        found: dict[str, tuple[str, str]] = {}
        for name, tensor in _tensors(loaded):
            storage = tensor.untyped_storage()
            place = (str(tensor.device), storage.data_ptr(), storage.nbytes())
            if place not in known:
                known[place] = _sha256(tensor)
            layout = f"{[*tensor.shape]} {tensor.stride()} {tensor.storage_offset()} {tensor.dtype} {tensor.device}"
            found[name] = (layout, known[place])
        modules = {name: type(module) for name, module in loaded.model.named_modules()}
        return cls(found, modules, frozenset(hooks_on(loaded.model)))

    def changes(self, now: "Fingerprint") -> str:
        """Give what is different now, in words; empty if nothing is."""
        tensors: dict[str, str] = {}  # by content: of names for the same memory the first is enough
        for name, (_, content) in {**now.tensors, **self.tensors}.items():
            if self.tensors.get(name) != now.tensors.get(name):
                tensors.setdefault(content, _shown(name))
        modules = [name for name in {**self.modules, **now.modules} if self.modules.get(name) != now.modules.get(name)]
        hooks = sorted(now.hooks ^ self.hooks)
        told = [(tensors.values(), "changed"), ([*map(_shown, modules)], "exchanged"), (hooks, "hooked")]
        return "; ".join(f"{shorten(names)} {what}" for names, what in told if names)


def hooks_on(model: nn.Module) -> Iterator[str]:
    """Names of the modules that hooks of TransformerLens or torch are on, without those that the libraries need."""
    for name, module in model.named_modules():
        inside = vars(module)
        if any(inside.get(kind) for kind in _LENS) or any(map(_is_somebodys, _torch_hooks(inside))):
            yield _shown(name) or "the model"


def _torch_hooks(inside: Mapping[str, Any]) -> Iterator[Any]:
    for kind in _TORCH:
        yield from inside.get(kind, {}).values()


def _is_somebodys(hook: object) -> bool:
    """Not one by which a library catches its own outputs, which may come with the first run."""
    return not str(getattr(hook, "__module__", "")).startswith(("transformer_lens.", "transformers."))


def _shown(name: str) -> str:
    """A module's name without those that TransformerLens wraps it in."""
    return ".".join(part for part in name.split(".") if part != "_original_component")


def _tensors(loaded: LoadedModel) -> Iterator[tuple[str, Tensor]]:
    """Yield what a run can read: the module's tensors, then those of the parts that the engine runs."""
    yield from loaded.model.named_parameters(remove_duplicate=False)
    yield from loaded.model.named_buffers(remove_duplicate=False)
    yield from _inside(loaded.anatomy, "anatomy")


def _inside(value: object, name: str) -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, tuple):
        for number, item in enumerate(value):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            yield from _inside(item, f"{name}.{number}")  # pyright: ignore[reportUnknownArgumentType]
    elif is_dataclass(value):
        for field in fields(value):
            yield from _inside(getattr(value, field.name), f"{name}.{field.name}")


def _sha256(tensor: Tensor) -> str:
    """Hash the memory that a tensor lies in, all of it, whatever the tensor shows of it."""
    storage = tensor.untyped_storage()
    whole = torch.empty(0, dtype=torch.uint8, device=tensor.device).set_(storage)
    digest = hashlib.sha256()
    for part in whole.split(CHUNK):
        digest.update(part.cpu().numpy().data)
    return digest.hexdigest()
