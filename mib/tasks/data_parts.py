"""Which part of its data a task's example belongs to: a function of the example alone, so that parts never overlap."""

import hashlib
from typing import Literal, get_args

from mib.errors import TaskError, did_you_mean

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = get_args(Part)


def part_of(*key: object) -> Part:
    """The part of an example: 80 % train, 10 % validation, 10 % test, by a hash of what it is about.

    Args:
        key: Subject of the example, without what its counterfactuals of one meaning change.
    """
    digest = hashlib.sha256("\x1f".join(map(str, key)).encode()).digest()
    return {8: "validation", 9: "test"}.get(int.from_bytes(digest[:4], "big") % 10, "train")  # pyright: ignore[reportReturnType]


def check_part(name: str) -> Part:
    """The part of a name.

    Raises:
        TaskError: If there is none.
    """
    if name not in PARTS:
        raise TaskError(f"unknown split '{name}'.{did_you_mean(name, PARTS)} Known: {', '.join(PARTS)}.")
    return name
