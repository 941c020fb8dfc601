"""The type checker that tests run under; a module of its own, since jaxtyping imports it by name."""

from collections.abc import Callable
from typing import Any

from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeDecorHintException

_beartype = beartype(conf=BeartypeConf(is_pep484_tower=True))  # an int is a float, as in PEP 484


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """beartype for the functions that state shapes; the others have to answer wrong arguments themselves."""
    if "jaxtyping" not in str([getattr(function, "__annotations__", {})]):
        return function
    try:
        return _beartype(function)
    except BeartypeDecorHintException:  # types that nobody can check at run time, such as protocols
        return function
