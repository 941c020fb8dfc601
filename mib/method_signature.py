"""Signature and hyper-parameters of a method: a plain function of a task, checked before it ever runs."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, get_origin

from mib.errors import MethodError, did_you_mean
from mib.hyperparameters import annotations_of, check_value


def check_signature(function: Callable[..., Any], *, kind: str, name: str) -> None:
    """Refuse a function whose signature is not ``(task, *, name=default, ...)``.

    Args:
        function: The method.
        kind: Its name in the error, such as ``localizer``.
        name: The method's name.

    Raises:
        MethodError: Naming the parameter, and how to write it.
    """
    parameters = list(inspect.signature(function).parameters.values())
    where, call = f"{kind} '{name}'", name.replace("-", "_")
    if not parameters or parameters[0].kind not in (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
    ):
        raise MethodError(f"{where} takes no task: write it as def {call}(task, *, ...).")
    for parameter in parameters[1:]:
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY or parameter.default is inspect.Parameter.empty:
            raise MethodError(
                f"{where}: parameter '{parameter.name}' must be keyword-only with a default: "
                f"def {call}(task, *, {parameter.name}=...)."
            )
    annotations = annotations_of(function)
    for parameter in parameters[1:]:
        # A plain annotation may be looser or stricter than its default, as None often is.
        if get_origin(annotations.get(parameter.name)) is Annotated:
            check_value(f"{where}, default", parameter.name, parameter.default, annotations[parameter.name])


def parameters_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Hyper-parameters of a method and their defaults: all but its task."""
    parameters = list(inspect.signature(function).parameters.values())[1:]
    return {parameter.name: parameter.default for parameter in parameters}


def check_names(name: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Refuse hyper-parameters that a method does not have.

    Raises:
        MethodError: Naming the first, and those that there are.
    """
    known = list(known)
    for parameter in given:
        if parameter not in known:
            raise MethodError(
                f"{name} has no parameter '{parameter}'.{did_you_mean(parameter, known)} "
                f"It has: {', '.join(known) or 'none'}."
            )


def check_parameters(name: str, function: Callable[..., Any], given: Mapping[str, object]) -> None:
    """Refuse hyper-parameters that a method does not have, or values that its signature does not allow.

    Args:
        name: The method's name.
        function: The method.
        given: Its hyper-parameters and their values.

    Raises:
        MethodError: Naming the first, and what is allowed.
    """
    defaults, annotations = parameters_of(function), annotations_of(function)
    check_names(name, given, defaults)
    for parameter, value in given.items():
        if parameter in annotations and value is not defaults[parameter]:
            check_value(name, parameter, value, annotations[parameter])


def description_of(function: Callable[..., Any]) -> str:
    """The first line of a method's docstring."""
    return (inspect.getdoc(function) or "").partition("\n")[0]
