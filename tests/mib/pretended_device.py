"""A device that is only pretended: tensors on it lie in this machine's memory, but do not mix with those on the CPU.

A mode for torch functions marks tensors. What is computed from a marked tensor is marked, ``.to`` and ``.cpu`` set and
take away the mark, and whatever a GPU would refuse is an error: an operation on marked and unmarked tensors of one
dimension and more, ``numpy()`` of a marked one, an index that is marked where the indexed tensor is not.
Parameters and modules, which torch makes and moves without a torch function, are followed while the mode is on.
"""

import contextlib
from collections.abc import Iterator
from typing import Any, Self
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

DEVICE = torch.device("cuda:0")

_MARK = "is_on_pretended_device"
_CPU = torch.device("cpu")
_INDEX = (Tensor.__getitem__, Tensor.__setitem__)
_COPIES = (Tensor.copy_, Tensor.__setitem__)


class WrongDeviceError(RuntimeError):
    """Tensors of two devices in one operation."""


class PretendedDevice(TorchFunctionMode):
    """Pretends that marked tensors are on ``DEVICE``."""

    def __enter__(self) -> Self:
        self._patches = contextlib.ExitStack()
        self._patches.enter_context(patch.object(nn.Parameter, "__new__", _marked_parameter(nn.Parameter.__new__)))
        self._patches.enter_context(patch.object(nn.Module, "to", _move_module(nn.Module.to)))
        super().__enter__()
        return self

    def __exit__(self, *raised: Any) -> None:
        super().__exit__(*raised)
        self._patches.close()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = dict(kwargs or {})
        if func == Tensor.device.__get__:  # type: ignore[attr-defined]
            return DEVICE if is_marked(args[0]) else _CPU
        if func in (Tensor.cpu, Tensor.cuda):
            return mark(args[0].clone(), on=func is Tensor.cuda)
        if func is Tensor.to:
            return _moved(args, given)
        if func is torch.autograd.grad:  # a gradient is where its input is, wherever the output was computed
            return _gradients(*args, **given)
        if func == Tensor.data.__set__:  # type: ignore[attr-defined]
            func(*args)
            mark(args[0], on=is_marked(args[1]))
            return None
        tensors = [*_tensors(args), *_tensors(given)]
        target = given.pop("device", None)
        _require_one_device(func, getattr(func, "__name__", str(func)), args, tensors)
        result = func(*args, **given)
        follows = any(map(is_marked, tensors)) if target is None else torch.device(target).type != "cpu"
        if func is Tensor.__getitem__:
            follows = is_marked(args[0])
        if func not in _COPIES:  # what is written into stays where it is
            for leaf in _tensors(result):
                mark(leaf, on=follows)
        return result


def mark(tensor: Tensor, *, on: bool = True) -> Tensor:
    """Put a tensor on the device, or take it away."""
    setattr(tensor, _MARK, on)
    return tensor


def is_marked(tensor: Tensor) -> bool:
    """Tell whether a tensor is on the device."""
    return getattr(tensor, _MARK, False)


def _marked_parameter(make: Any) -> Any:
    """Make a parameter where its data is."""

    def made(cls: Any, data: Any = None, requires_grad: bool = True) -> Any:
        return mark(make(cls, data, requires_grad), on=data is not None and is_marked(data))

    return made


def _move_module(move: Any) -> Any:
    """Move a module to where a tensor is, rather than to where its memory is."""

    def moved(module: nn.Module, *places: Any, **given: Any) -> nn.Module:
        whole = [part for place in places for part in _place_of(place)]
        return move(module, *whole, **given)

    return moved


def _place_of(place: Any) -> tuple[Any, ...]:
    return (DEVICE if is_marked(place) else _CPU, place.dtype) if isinstance(place, Tensor) else (place,)


def _tensors(values: Any) -> Iterator[Tensor]:
    return (leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor))


def _gradients(outputs: Any, inputs: Any, *more: Any, **given: Any) -> Any:
    found = torch.autograd.grad(outputs, inputs, *more, **given)
    for gradient, of in zip(found, _tensors(inputs), strict=True):
        if gradient is not None:
            mark(gradient, on=is_marked(of))
    return found


def _moved(args: tuple[Any, ...], given: dict[str, Any]) -> Tensor:
    tensor, *rest = args
    on, dtype = is_marked(tensor), given.pop("dtype", None)
    for value in (*rest, given.pop("device", None), given.pop("other", None)):
        if isinstance(value, Tensor):
            on, dtype = is_marked(value), value.dtype
        elif isinstance(value, torch.dtype):
            dtype = value
        elif isinstance(value, str | torch.device):
            on = torch.device(value).type != "cpu"
    if (dtype is None or dtype == tensor.dtype) and on == is_marked(tensor):
        return tensor
    moved = tensor.type(dtype) if dtype is not None and dtype != tensor.dtype else tensor.clone()
    return mark(moved, on=on)


def _require_one_device(func: Any, name: str, args: Any, tensors: list[Tensor]) -> None:
    if func is Tensor.numpy or name in ("numpy", "__array__"):
        if is_marked(args[0]):
            raise WrongDeviceError(f"{name} of a tensor on the device")
        return
    if func in _INDEX:
        if not is_marked(args[0]) and any(is_marked(index) for index in _tensors(args[1]) if index.ndim):
            raise WrongDeviceError(f"{name} of a CPU tensor by an index on the device")
        return
    if func is Tensor.copy_ or name == "_has_compatible_shallow_copy_type":  # what ``Module.to`` asks
        return
    places = {is_marked(tensor) for tensor in tensors if tensor.ndim}
    if len(places) > 1:
        raise WrongDeviceError(f"{name} of tensors on the device and on the CPU")
