"""Checks of tensors that a user gives, whose errors name the argument."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mib.errors import TaskError


def require_tensor(value: object, name: str, expected: str) -> Tensor:
    """Refuse what is no tensor: a list has no shape, and the error of a missing attribute names no argument.

    Args:
        value: The argument.
        name: Its name.
        expected: Expected entries, in words.

    Raises:
        TaskError: If it is no tensor.
    """
    if not isinstance(value, Tensor):
        raise TaskError(
            f"{name} is a {type(value).__name__}; expected a torch tensor of {expected}, such as torch.tensor({name})."
        )
    return value


def require_integers(value: object, name: str, expected: str) -> Tensor:
    """Refuse what is no tensor of integers (int64 or int32).

    Raises:
        TaskError: Naming the dtype.
    """
    tensor = require_tensor(value, name, expected)
    if tensor.dtype not in (torch.int64, torch.int32):
        raise TaskError(f"{name} has dtype {tensor.dtype}; expected {expected} as integers, int64 or int32.")
    return tensor


def as_mask(value: object, name: str, shape: Sequence[int] | None = None) -> Tensor:
    """A mask as bools. Tokenizers give masks of 0 and 1 in int64, which are taken; other numbers are no mask.

    Args:
        value: The argument.
        name: Its name.
        shape: Shape that it must have; None to leave that to the caller.

    Raises:
        TaskError: If it is no tensor, has another shape, or holds anything but 0 and 1.
    """
    mask = require_tensor(value, name, "True for real tokens and False for padding")
    if shape is not None and tuple(mask.shape) != tuple(shape):
        raise TaskError(f"{name} has shape {tuple(mask.shape)}; expected that of the inputs, {tuple(shape)}.")
    if mask.dtype == torch.bool:
        return mask
    other = mask[(mask != 0) & (mask != 1)]
    if len(other):
        raise TaskError(
            f"{name} holds {other[0].item()} ({mask.dtype}); expected 1 or True for real tokens, 0 or False for "
            "padding. A mask of 0 and -inf that is added to attention scores is no mask of tokens."
        )
    return mask.bool()


def require_whole_number(value: object, name: str, *, least: int) -> None:
    """Refuse what is no integer from ``least`` on.

    Raises:
        TaskError: Naming the argument and what it is.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise TaskError(f"{name}={value!r}; expected an integer from {least} on.")
