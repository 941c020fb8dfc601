"""Which values each expression of a program can take, and its functions as tables of them.

The value sets are those of Tracr's basis inference, in an order that depends on nothing but the program, so that the
same one of several equal values (1 and True) is always kept. As there, impossible combinations of values are counted
in, and a function that fails on one is taken never to see it; the check on the domain finds out if it does. Each
function is called twice: one that remembers its calls is no function of its arguments.
"""

import itertools
import math
from collections.abc import Callable, Iterable
from numbers import Real
from typing import Any, TypeAlias

from tracr.rasp import rasp

from groundtruth.errors import ProgramError, UnsupportedProgram
from groundtruth.rasp.annotations import listed_numbers, why_unlisted
from groundtruth.rasp.expressions import Value, children_first
from groundtruth.rasp.validate import value_kind

ValueSets: TypeAlias = dict[str, tuple[Value, ...]]
_Table: TypeAlias = dict[tuple[Value, ...], Value]

WEIGHTS_LIMIT = 2**26
"""More weights of neurons than this are refused before they are made: as numbers of 8 bytes, half a gigabyte."""


class TooManyValues(UnsupportedProgram):
    """A program whose expressions are taken to have more values than a model can hold."""


def tabulate(program: rasp.SOp, vocab: tuple[Any, ...], max_seq_len: int) -> ValueSets:
    """Find the values of every S-Op, and replace each function and predicate by a table of its results.

    Args:
        program: A canonical copy of the caller's own: its functions are replaced.
        vocab: Its tokens, without BOS and PAD.
        max_seq_len: Longest input, without BOS.

    Returns:
        The distinct values by label.

    Raises:
        UnsupportedProgram: With every expression whose values Tracr cannot encode.
        TooManyValues: If two operands have too many combinations of values.
        ProgramError: If a function gives another value when it is called again.
    """
    known: ValueSets = {}
    reasons: list[str] = []
    for expression in children_first(program):
        if not all(child.label in known for child in _operands(expression)):
            continue  # an operand has been complained about
        if isinstance(expression, rasp.Select):
            _tabulate_predicate(expression, known)
        elif isinstance(expression, rasp.SOp):
            values, complaint = _values(expression, known, vocab, max_seq_len)
            if (listed := listed_numbers(expression)) is not None:
                values, complaint = listed, ""
            elif complaint and (why := why_unlisted(expression)):
                complaint = f"Tracr averages only 0 and 1, and {why}."
            if complaint := complaint or _complaint(expression, values):
                reasons.append(f"'{expression.name}': {complaint}")
            else:
                known[expression.label] = values
    if reasons:
        raise UnsupportedProgram(reasons)
    _require_few_weights(program, known)
    return known


def _operands(expression: rasp.RASPExpr) -> Iterable[rasp.RASPExpr]:
    """Return what an expression reads, through its selector."""
    for child in expression.children:
        yield from child.children if isinstance(child, rasp.Selector) else (child,)


def _values(sop: rasp.SOp, known: ValueSets, vocab: tuple[Any, ...], max_seq_len: int) -> tuple[tuple[Value, ...], str]:
    """The values of an S-Op, and what is wrong with them, if that shows while they are found."""
    match sop:
        case rasp.TokensType():
            return vocab, ""
        case rasp.IndicesType():
            return tuple(range(max_seq_len)), ""
        case rasp.SelectorWidth():
            return tuple(range(max_seq_len + 1)), ""
        case rasp.Map():
            table, failure = _table(sop.f, known[sop.inner.label])
            # A number that never occurs is written as 0, since None cannot be written as a number.
            never = 0 if rasp.is_numerical(sop) and rasp.is_categorical(sop.inner) else None
            sop.f = lambda x: never if table.get((x,)) is None else table[x,]
            return _distinct(table.values(), failure)
        case rasp.SequenceMap():
            _require_few_combinations(sop, known)
            table, failure = _table(sop.f, known[sop.fst.label], known[sop.snd.label])
            sop.f = lambda x, y: table.get((x, y))
            return _distinct(table.values(), failure)
        case rasp.Aggregate() if rasp.is_categorical(sop):
            return known[sop.sop.label], ""
        case rasp.Aggregate():
            return _means(known[sop.sop.label], max_seq_len)
        case _:
            return (), f"a {type(sop).__name__} is not compiled."


def _table(function: Callable[..., Value], *arguments: tuple[Value, ...]) -> tuple[_Table, str]:
    """The results of a function on every combination of arguments, and how it failed where it did."""
    table: _Table = {}
    failure = ""
    for given in itertools.product(*arguments):
        try:
            table[given] = function(*given)
        except Exception as error:
            failure = failure or f"its function fails on {_shown(given)} ({type(error).__name__}: {error})"
    # A second pass, after all first calls: a function that remembers differs now, where one called twice in a row may
    # not.
    for given, value in table.items():
        try:
            again = function(*given)
        except Exception as error:
            again = error
        if repr(again) != repr(value):  # by their text, since NaN is not itself, and 1 is True
            raise ProgramError(
                f"a function of the program gives {value!r} for {_shown(given)} and {again!r} when it is called again. "
                "What it gives must depend on its arguments alone: let it keep no state and draw nothing."
            )
    return table, failure


def _shown(given: tuple[Value, ...]) -> str:
    return ", ".join(map(repr, given))


def _require_few_combinations(sop: rasp.SequenceMap, known: ValueSets) -> None:
    """A SequenceMap takes a neuron for each combination of two values, and each reads all of these values."""
    fst, snd = sop.fst, sop.snd
    n_fst, n_snd = len(known[fst.label]), len(known[snd.label])
    # Before anything is tabulated, which would take as long and as much memory.
    weights = n_fst * n_snd * (n_fst + n_snd)
    if weights > WEIGHTS_LIMIT:
        raise TooManyValues(
            [
                f"'{sop.name}' combines {n_fst:,} values of '{fst.name}' with {n_snd:,} of '{snd.name}', which takes "
                f"{n_fst * n_snd:,} neurons and {weights:,} weights, more than {WEIGHTS_LIMIT:,}. Map one of them to "
                "fewer values first, or declare a domain small enough to be run whole, so that only values that occur "
                "are counted."
            ]
        )


def _require_few_weights(program: rasp.SOp, known: ValueSets) -> None:
    """All neurons of a program read a residual stream that holds all of its values."""
    combined = [e for e in children_first(program) if isinstance(e, rasp.SequenceMap) and rasp.is_categorical(e)]
    width = sum(map(len, known.values()))
    weights = width * sum(len(known[e.fst.label]) * len(known[e.snd.label]) for e in combined)
    if weights > WEIGHTS_LIMIT:
        largest = max(combined, key=lambda e: len(known[e.label]))
        raise TooManyValues(
            [
                f"its expressions have {width:,} values, '{largest.name}' alone {len(known[largest.label]):,}, and the "
                f"neurons that combine them {weights:,} weights, more than {WEIGHTS_LIMIT:,}. Map to fewer."
            ]
        )


def _tabulate_predicate(select: rasp.Select, known: ValueSets) -> None:
    table, _ = _table(select.predicate, known[select.keys.label], known[select.queries.label])
    select.predicate = lambda key, query: bool(table.get((key, query)))


def _distinct(values: Iterable[Value], failure: str) -> tuple[tuple[Value, ...], str]:
    """Values without ``None``, each once."""
    try:
        distinct = tuple(dict.fromkeys(value for value in values if value is not None))
    except TypeError as error:
        return (), f"its values cannot be told apart ({error}). Use numbers, strings or tuples of them."
    return (distinct, "") if distinct else ((), f"it has no value: {failure or 'it is None on every input'}.")


def _means(values: tuple[Value, ...], max_seq_len: int) -> tuple[tuple[Value, ...], str]:
    """The values that Tracr lists for a mean: those of one selected 0 or 1 among others that are 0."""
    # By `int`, as Tracr asks: 0.5 passes here as it does there, and the check on the domain finds out.
    if not all(int(value) in (0, 1) for value in values):
        shown = ", ".join(map(str, values))
        return (), f"a numerical Aggregate can average only 0 and 1, not {shown}."
    return tuple(dict.fromkeys(value / n for value in values for n in range(1, max_seq_len + 1))), ""


def _complaint(sop: rasp.SOp, values: tuple[Value, ...]) -> str:
    """Why Tracr cannot encode these values, or an empty string."""
    kinds = sorted({value_kind(value) for value in values})
    if len(kinds) > 1:
        return (
            f"its values mix {' and '.join(kinds)}, which Tracr cannot put in an order that does not depend on the "
            "hash seed. Map them to one type."
        )
    if rasp.is_numerical(sop):
        wrong = next((value for value in values if not isinstance(value, Real) or not math.isfinite(value)), None)
        return "" if wrong is None else f"it is numerical, but can be {wrong!r}. Make it a finite number."
    wrong = next((value for value in values if not _has_order(value)), None)
    return "" if wrong is None else f"it can be {wrong!r}, which has no order. Use numbers, strings or tuples of them."


def _has_order(value: Value) -> bool:
    if isinstance(value, tuple):
        items: tuple[Value, ...] = value
        return all(_has_order(item) for item in items)
    return isinstance(value, str) or (isinstance(value, Real) and not math.isnan(value))
