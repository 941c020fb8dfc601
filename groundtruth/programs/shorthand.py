"""RASP in few words: each primitive takes the name of the variable that it makes, then what it is made of.

``.named()`` copies an expression, so naming one that is already in use makes two of it; naming at the moment of
making cannot. The functions are those of Tracr (``tracr.rasp.rasp``), whose values have no static type.
"""

from collections.abc import Callable
from typing import Any

from tracr.rasp import rasp
from tracr.rasp.rasp import Comparison, SOp, indices, tokens

EQ, NEQ, TRUE = Comparison.EQ, Comparison.NEQ, Comparison.TRUE
LT, LEQ, GT, GEQ = Comparison.LT, Comparison.LEQ, Comparison.GT, Comparison.GEQ

__all__ = [
    "EQ",
    "GEQ",
    "GT",
    "LEQ",
    "LT",
    "NEQ",
    "TRUE",
    "SOp",
    "aggregate",
    "apply",
    "combine",
    "count",
    "indices",
    "length",
    "linear",
    "mean",
    "number",
    "select",
    "tokens",
]


def select(name: str, keys: SOp, queries: SOp, predicate: Callable[..., Any]) -> rasp.Select:
    """``Select``: each query attends to the keys for which ``predicate(key, query)`` holds."""
    return rasp.Select(keys, queries, predicate).named(name)


def aggregate(name: str, selector: rasp.Selector, values: SOp) -> SOp:
    """``Aggregate``, categorical: the value at the selected position; all selected values must be equal."""
    return rasp.Aggregate(selector, values).named(name)


def mean(name: str, selector: rasp.Selector, values: SOp) -> SOp:
    """``Aggregate``, numerical: the mean of the selected numbers, each 0 or 1; 0 where nothing is selected."""
    return rasp.numerical(rasp.Aggregate(selector, values, default=0)).named(name)


def count(name: str, selector: rasp.Selector) -> SOp:
    """``SelectorWidth``, categorical: how many positions are selected."""
    return rasp.SelectorWidth(selector).named(name)


def apply(name: str, function: Callable[[Any], Any], values: SOp) -> SOp:
    """``Map`` to a category: the function at each position."""
    return rasp.Map(function, values).named(name)


def number(name: str, function: Callable[[Any], float], values: SOp) -> SOp:
    """``Map`` to a number: the function at each position, held as a magnitude along one direction."""
    return rasp.numerical(rasp.Map(function, values)).named(name)


def combine(name: str, function: Callable[[Any, Any], Any], first: SOp, second: SOp) -> SOp:
    """``SequenceMap``: the function of two categories at each position."""
    return rasp.SequenceMap(function, first, second).named(name)


def linear(name: str, first: SOp, second: SOp, *, factors: tuple[float, float]) -> SOp:
    """``LinearSequenceMap``: a weighted sum of two numbers at each position."""
    return rasp.numerical(rasp.LinearSequenceMap(first, second, *factors)).named(name)


def length() -> SOp:
    """How many tokens there are: everything attends to everything (as in Tracr's ``lib.make_length``)."""
    return count("length", select("everywhere", tokens, tokens, TRUE))
