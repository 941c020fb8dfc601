"""A program's values on many inputs at once, each function called once for each distinct argument.

What a program gives on an input is defined by ``rasp.evaluate`` (or ``causal_eval``), which calls its functions at
every position of every input. Few distinct values occur, so here values are numbered and the numbers are looked up.
"""

import itertools
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from tracr.rasp import causal_eval, rasp

from groundtruth.rasp.expressions import Value, Values, children_first

Codes: TypeAlias = NDArray[np.int64]
Pattern: TypeAlias = NDArray[np.bool_]

BATCH = 4096
"""Inputs that are evaluated together: enough to forget Python's overhead, few enough for the memory."""

_PATTERN_LIMIT = 2**22
"""Entries [input, query, key] of the largest pattern that is held at once: long inputs come in smaller batches."""

_EXACT = 2**31
"""Whole numbers below this are added exactly in any order and any number."""


@dataclass(frozen=True)
class Column:
    """The values of one S-Op on inputs of one length.

    Attributes:
        codes: Number in ``values`` of the one that is held [input, position].
        values: The distinct values that occur. Values that are equal but not the same (1, 1.0 and True) are distinct,
            since a function may tell them apart.
    """

    codes: Codes
    values: tuple[Value, ...]

    def rows(self) -> list[list[Value]]:
        """The values of each input."""
        return [[self.values[code] for code in row] for row in self.codes.tolist()]


def evaluate_many(program: rasp.SOp, inputs: Sequence[Values], *, causal: bool = False) -> list[list[Value]]:
    """The program's output on each of many inputs.

    Args:
        program: Any S-Op.
        inputs: Sequences of tokens, without BOS, of any lengths.
        causal: True if attention sees only the past.
    """
    outputs: list[list[Value]] = [[] for _ in inputs]
    for indices in batches_of_one_length(inputs):
        rows = column(program, [inputs[i] for i in indices], causal=causal).rows()
        for index, row in zip(indices, rows, strict=True):
            outputs[index] = row
    return outputs


def batches_of_one_length(inputs: Sequence[Values], *, like: int = 0) -> Iterator[list[int]]:
    """Indices of inputs that are equally long, at most ``BATCH`` together, fewer of long ones; shortest first.

    Args:
        inputs: Inputs of any lengths.
        like: As few together as if they were at least this long.
    """
    by_length: dict[int, list[int]] = {}
    for index, tokens in enumerate(inputs):
        by_length.setdefault(len(tokens), []).append(index)
    for length in sorted(by_length):
        indices = by_length[length]
        size = max(1, min(BATCH, _PATTERN_LIMIT // max(1, length, like) ** 2))
        for start in range(0, len(indices), size):
            yield indices[start : start + size]


def column(program: rasp.SOp, inputs: Sequence[Values], *, causal: bool = False) -> Column:
    """The program's output on inputs of one length; the arguments are those of ``evaluate_many``."""
    return columns(program, inputs, causal=causal)[id(program)]


def columns(program: rasp.SOp, inputs: Sequence[Values], *, causal: bool = False) -> dict[int, Column]:
    """The values of every S-Op of a program on inputs of one length, by the ``id`` of the expression."""
    found: dict[int, Column] = {}
    patterns: dict[int, Pattern] = {}
    for expression in children_first(program):
        if isinstance(expression, rasp.SOp):
            found[id(expression)] = _column(expression, inputs, found, patterns, causal)
        else:
            pattern = _pattern(expression, inputs, found, causal)
            # Masked after the predicate, as `causal_eval` does: the predicate itself may not know of positions.
            patterns[id(expression)] = np.tril(pattern) if causal else pattern
    return found


def _column(
    sop: rasp.SOp, inputs: Sequence[Values], known: dict[int, Column], patterns: dict[int, Pattern], causal: bool
) -> Column:
    match sop:
        case rasp.TokensType():
            return _numbered(inputs)
        case rasp.IndicesType():
            length = len(inputs[0])
            return Column(np.tile(np.arange(length, dtype=np.int64), (len(inputs), 1)), tuple(range(length)))
        case rasp.Map():
            return _mapped(sop.f, known[id(sop.inner)])
        case rasp.SequenceMap():
            return _zipped(sop.f, known[id(sop.fst)], known[id(sop.snd)])
        case rasp.SelectorWidth():
            return _counted(patterns[id(sop.selector)])
        case rasp.Aggregate():
            return _averaged(patterns[id(sop.selector)], known[id(sop.sop)], sop.default)
        case _:
            evaluate = causal_eval.evaluate if causal else rasp.evaluate
            return _numbered([evaluate(sop, tokens) for tokens in inputs])


def _pattern(selector: rasp.RASPExpr, inputs: Sequence[Values], known: dict[int, Column], causal: bool) -> Pattern:
    """Return what is selected [input, query, key], before any causal mask."""
    if not isinstance(selector, rasp.Select):
        evaluate = causal_eval.evaluate if causal else rasp.evaluate
        return np.array([evaluate(selector, tokens) for tokens in inputs], dtype=bool)
    keys, queries = known[id(selector.keys)], known[id(selector.queries)]
    shape = (*queries.codes.shape, keys.codes.shape[1])
    if isinstance(selector.keys, rasp.IndicesType) and isinstance(selector.queries, rasp.IndicesType):
        keys, queries = (
            Column(column.codes[:1], column.values) for column in (keys, queries)
        )  # one row stands for all
    # A predicate is called once for each pair of values that occurs, since a program may fail on pairs that do not.
    pairs = queries.codes[:, :, None] * len(keys.values) + keys.codes[:, None, :]
    present = np.flatnonzero(np.bincount(pairs.ravel()))
    selected = np.zeros(len(queries.values) * len(keys.values), dtype=bool)
    for pair in present.tolist():
        query, key = divmod(pair, len(keys.values))
        selected[pair] = bool(selector.predicate(keys.values[key], queries.values[query]))
    return np.broadcast_to(selected[pairs], shape)


class _Numbering:
    """Distinct values in the order of their appearance."""

    def __init__(self) -> None:
        self.values: list[Value] = []
        self._codes: dict[Hashable, int] = {}

    def code(self, value: Value) -> int:
        key = _identity(value)
        if key not in self._codes:
            self._codes[key] = len(self.values)
            self.values.append(value)
        return self._codes[key]


def _identity(value: Value) -> Hashable:
    """Return what tells a value from others, also from those that Python calls equal."""
    match value:
        case float():
            # -0.0 equals 0.0 and NaN no number at all, and a function may tell; the text says which it is.
            return float, value.hex()
        case tuple():
            return tuple, tuple(_identity(item) for item in value)
        case Hashable():
            return type(value), value
        case _:
            return type(value), id(value)


def _numbered(rows: Sequence[Values]) -> Column:
    """A column of given values."""
    given = list(itertools.chain.from_iterable(rows))
    shape = (len(rows), len(rows[0]))
    # Exact types: booleans are ints to Python, and 1 and True would share a code.
    if {*map(type, given)} in ({int}, {str}):  # no two that are equal and yet not the same: a plain dictionary will do
        known = {value: code for code, value in enumerate(dict.fromkeys(given))}
        codes = np.array([known[value] for value in given], dtype=np.int64)
        return Column(codes.reshape(shape), tuple(known))
    numbering = _Numbering()
    codes = np.fromiter(map(numbering.code, given), dtype=np.int64)
    return Column(codes.reshape(shape), tuple(numbering.values))


def _renumbered(codes: Codes, values: Callable[[int], Value]) -> Column:
    """A column of what each code that occurs stands for."""
    if not codes.size:
        return Column(codes, ())
    present = np.flatnonzero(np.bincount(codes.ravel()))
    numbering = _Numbering()
    new = np.zeros(int(present[-1]) + 1, dtype=np.int64)
    new[present] = [numbering.code(values(code)) for code in present.tolist()]
    return Column(new[codes], tuple(numbering.values))


def _mapped(f: Callable[[Value], Value], inner: Column) -> Column:
    def value(code: int) -> Value:
        x = inner.values[code]
        return None if x is None else f(x)

    return _renumbered(inner.codes, value)


def _zipped(f: Callable[[Value, Value], Value], fst: Column, snd: Column) -> Column:
    def value(code: int) -> Value:
        x, y = fst.values[code // len(snd.values)], snd.values[code % len(snd.values)]
        # RASP gives None without asking the function where an argument is None.
        return None if None in [x, y] else f(x, y)

    return _renumbered(fst.codes * len(snd.values) + snd.codes, value)


def _counted(pattern: Pattern) -> Column:
    return _renumbered(_widths(pattern), lambda width: width)


def _widths(pattern: Pattern) -> Codes:
    """Count how many keys each query selects [input, query]."""
    if pattern.strides[0]:
        return pattern.sum(-1, dtype=np.int64)
    return np.tile(pattern[0].sum(-1, dtype=np.int64), (len(pattern), 1))  # the same for every input


def _totals(pattern: Pattern, numbers: Codes) -> Codes:
    """The sum of the whole numbers that each query selects [input, query]; exact, since they are small."""
    held = numbers.astype(np.float64)
    if pattern.strides[0]:
        return np.matmul(pattern.astype(np.float64), held[:, :, None])[:, :, 0].astype(np.int64)
    return (held @ pattern[0].T.astype(np.float64)).astype(np.int64)  # the same for every input


def _averaged(pattern: Pattern, sop: Column, default: Value) -> Column:
    """The mean of the selected values.

    A row that selects nothing gives the default, one that selects one value gives that. The mean of several is computed
    once for each total and width where all values are whole numbers, whose sum does not depend on the order, else once
    for each distinct row of selected values.
    """
    n_values = len(sop.values)
    widths = _widths(pattern)
    codes = _totals(pattern, sop.codes)  # where one is selected, that is its code
    # After the sum, which is 0 there and would be taken for the first value.
    codes[widths == 0] = n_values
    several = widths > 1
    if not several.any():
        return _renumbered(codes, [*sop.values, default].__getitem__)
    if all(type(value) in (int, bool) and abs(value) < _EXACT for value in sop.values):
        numbers = np.array([int(value) for value in sop.values], dtype=np.int64)
        # Whole numbers below 2**31 add exactly in float64 up to 2**22 of them, whatever the order; a mean is then one
        # division, as in RASP.
        totals = _totals(pattern, numbers[sop.codes])[several]
        base = pattern.shape[-1] + 1
        sums, which = np.unique(totals * base + widths[several], return_inverse=True)
        means = [(total // base) / (total % base) for total in sums.tolist()]
    else:
        selected = np.where(pattern, sop.codes[:, None, :], -1)[several]
        # Sums of other numbers depend on the order, so that each distinct row is added up in its own order, as RASP
        # does.
        rows, which = _distinct_rows(selected, n_values)
        means = [_mean([sop.values[code] for code in row if code >= 0]) for row in rows.tolist()]
    codes[several] = n_values + 1 + which.reshape(-1)
    return _renumbered(codes, [*sop.values, default, *means].__getitem__)


def _distinct_rows(rows: Codes, n_values: int) -> tuple[Codes, Codes]:
    """The distinct rows of codes (-1 for none), and which of them each row is; as one number a row where it fits."""
    base = n_values + 1
    # Python multiplies without overflow; an int64 product would wrap and join rows that differ.
    if base ** rows.shape[1] >= 2**63:
        distinct, inverse = np.unique(rows, axis=0, return_inverse=True)
        return distinct, inverse.reshape(-1)
    numbers = (rows + 1) @ base ** np.arange(rows.shape[1], dtype=np.int64)
    _, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    return rows[first], inverse


def _mean(values: Sequence[Value]) -> Value:
    """The mean of several values as RASP takes it: they must be numbers."""
    if not all(isinstance(value, int | float) for value in values):
        raise ValueError(f"only numbers can be averaged, not {', '.join(map(repr, values))}")
    return sum(values) / len(values)
