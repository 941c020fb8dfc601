"""What a compiled program says of its expressions beyond their values: where its weights are not Tracr's.

Tracr lets an expression carry annotations, and copies keep them. A program that Tracr's own lists of values compile
exactly has none of these.
"""

from collections.abc import Sequence

from tracr.rasp import rasp

from groundtruth.rasp.expressions import Value

NUMBERS = "numbers"
"""The numbers that neurons tell apart where they read a numerical expression, in the place of Tracr's list."""

UNLISTED = "unlisted"
"""Why the numbers of an expression cannot be listed."""

CLEAN_AT_BOS = "clean_at_bos"
"""Annotation of a Map over numbers: a neuron takes away what it writes at BOS, where no token is."""


def listed_numbers(expression: rasp.RASPExpr) -> tuple[Value, ...] | None:
    """The numbers that are listed for an expression; ``None`` = Tracr's list."""
    return expression.annotations.get(NUMBERS)


def list_numbers(expression: rasp.RASPExpr, numbers: Sequence[Value]) -> None:
    """List the numbers of an expression, on the expression itself."""
    expression.annotations = {**expression.annotations, NUMBERS: tuple(numbers)}


def why_unlisted(expression: rasp.RASPExpr) -> str:
    """Why the numbers of an expression cannot be listed; empty if that was not tried, or can be done."""
    return expression.annotations.get(UNLISTED, "")


def leave_unlisted(expression: rasp.RASPExpr, why: str) -> None:
    """Say why the numbers of an expression cannot be listed, on the expression itself."""
    expression.annotations = {**expression.annotations, UNLISTED: why}


def is_clean_at_bos(expression: rasp.RASPExpr) -> bool:
    """Tell whether what an expression writes at BOS is taken away."""
    return bool(expression.annotations.get(CLEAN_AT_BOS))


def clean_at_bos(expression: rasp.RASPExpr) -> None:
    """Have what an expression writes at BOS taken away, on the expression itself."""
    expression.annotations = {**expression.annotations, CLEAN_AT_BOS: True}
