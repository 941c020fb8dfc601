"""Which values the expressions of a program can take: all that may occur, or those that do occur on some inputs.

Tracr's own lists (``groundtruth.rasp.infer_values``) are too short, since of a mean they have 1/k and not j/k; and they
are too long, since what is computed from one token in two ways is counted as if the two were unrelated.
"""

import itertools
import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from numbers import Real
from typing import Any, TypeAlias, cast

from tracr.rasp import rasp

from groundtruth.rasp.evaluate import batches_of_one_length, columns
from groundtruth.rasp.expressions import Value, Values, children_first

MOST = 4096
"""More values than this are not listed."""

_SAME = 1e-9
"""Numbers that are this close, relative to their size, differ by rounding."""

Arguments: TypeAlias = dict[str, dict[tuple[Value, ...], Value]]
"""Value of each function of a program by its arguments, by label."""


def possible_values(program: rasp.SOp, vocab: Sequence[Any], max_seq_len: int) -> dict[str, tuple[Value, ...]]:
    """The values that each S-Op may take, none left out; expressions with more than ``MOST`` are missing.

    Args:
        program: A canonical program.
        vocab: Its tokens.
        max_seq_len: Its longest input.
    """
    known: dict[str, tuple[Value, ...]] = {}
    for sop in children_first(program):
        if isinstance(sop, rasp.SOp) and (values := _possible(sop, known, vocab, max_seq_len)) is not None:
            known[sop.label] = values
    return known


def reached_arguments(program: rasp.SOp, inputs: Sequence[Values], *, causal: bool) -> Arguments:
    """Return what each Map and SequenceMap is given on some inputs, and gives.

    Args:
        program: A canonical program.
        inputs: Sequences of tokens.
        causal: True if attention sees only the past.
    """
    mapped = [e for e in children_first(program) if isinstance(e, rasp.Map | rasp.SequenceMap)]
    found: Arguments = {e.label: {} for e in mapped}
    for indices in batches_of_one_length(inputs):
        held = columns(program, [inputs[i] for i in indices], causal=causal)
        for e in mapped:
            of = [held[id(operand)] for operand in ((e.fst, e.snd) if isinstance(e, rasp.SequenceMap) else (e.inner,))]
            codes = of[0].codes if len(of) == 1 else of[0].codes * len(of[1].values) + of[1].codes
            for code in sorted({*codes.ravel().tolist()}):
                places = (code,) if len(of) == 1 else divmod(code, len(of[1].values))
                given = tuple(column.values[place] for column, place in zip(of, places, strict=True))
                # The functions of a RASP program never see None.
                if None not in given and given not in found[e.label]:
                    found[e.label][given] = cast(Callable[..., Value], e.f)(*given)
    return found


def reached_numbers(program: rasp.SOp, inputs: Sequence[Values], *, causal: bool) -> dict[str, set[Value]]:
    """The numbers that each numerical S-Op takes on some inputs, by label; the arguments are as above."""
    numerical = [e for e in children_first(program) if isinstance(e, rasp.SOp) and rasp.is_numerical(e)]
    found: dict[str, set[Value]] = {e.label: set() for e in numerical}
    for indices in batches_of_one_length(inputs):
        held = columns(program, [inputs[i] for i in indices], causal=causal)
        for e in numerical:
            found[e.label].update(value for value in held[id(e)].values if value is not None)
    return found


def leaf_arguments(program: rasp.SOp, known: Mapping[str, tuple[Value, ...]], limit: int) -> Arguments:
    """Return what each Map and SequenceMap can be given, seeing what is computed at one position from the same leaves.

    Leaves are tokens, indices and whatever a head computes; they are taken to be unrelated to each other.

    Args:
        program: A canonical program.
        known: The values of leaves, by label.
        limit: Functions of more combinations of leaves than this are left out.
    """
    functions = [e for e in children_first(program) if isinstance(e, rasp.Map | rasp.SequenceMap)]
    local = {e.label: e for e in functions}
    found: Arguments = {}
    for e in functions:
        leaves = _leaves(e, local)
        sets = [known.get(leaf, ()) for leaf in leaves]
        # A leaf with too many values is missing in `known`; then nothing is known of what stands on it.
        if all(sets) and math.prod(map(len, sets)) <= limit:
            found[e.label] = {}
            for values in itertools.product(*sets):
                held = dict(zip(leaves, values, strict=True))
                given = _evaluate(e, local, held)
                if None not in given:
                    found[e.label][given] = held[e.label]
    return found


def merge_numbers(numbers: Iterable[Value]) -> list[tuple[float, ...]]:
    """Numbers in order, in groups that differ by rounding alone."""
    groups: list[list[float]] = []
    for number in sorted({float(number) for number in numbers if isinstance(number, Real)}):
        # To the last of the group: what rounding sets apart may lie in a chain.
        if groups and number - groups[-1][-1] <= _SAME * max(1.0, abs(number)):
            groups[-1].append(number)
        else:
            groups.append([number])
    return [tuple(group) for group in groups]


def try_function(function: Callable[..., Value], *given: Value, otherwise: Value = None) -> Value:
    """The value of a function, or another where it fails: it is not meant for these arguments."""
    try:
        return function(*given)
    except Exception:  # whatever a program's own function raises
        return otherwise


def _possible(
    sop: rasp.SOp, known: Mapping[str, tuple[Value, ...]], vocab: Sequence[Any], n: int
) -> tuple[Value, ...] | None:
    match sop:
        case rasp.TokensType():
            return tuple(vocab)
        case rasp.IndicesType():
            return tuple(range(n))
        case rasp.SelectorWidth():
            return tuple(range(n + 1))
        case rasp.Map():
            inner = known.get(sop.inner.label)
            return None if inner is None else _few(try_function(sop.f, x) for x in inner)
        case rasp.SequenceMap():
            fst, snd = known.get(sop.fst.label), known.get(sop.snd.label)
            # A bound on calls of a function of the user, about a million, before any is made.
            if fst is None or snd is None or len(fst) * len(snd) > MOST**2 // 16:
                return None
            return _few(try_function(sop.f, x, y) for x, y in itertools.product(fst, snd))
        case rasp.Aggregate():
            inner = known.get(sop.sop.label)
            if inner is None or rasp.is_categorical(sop):
                return inner
            # The default too: what selects nothing gives it, whatever is averaged.
            means = _means([x for x in inner if isinstance(x, Real)], n)
            return None if means is None else _few([sop.default, *means])
        case _:
            return None


def _few(values: Iterable[Value]) -> tuple[Value, ...] | None:
    """Values without ``None``, each once, if they are few and can be told apart."""
    distinct: dict[Value, None] = {}
    for value in values:
        if not isinstance(value, Hashable):
            return None
        if value is not None:
            distinct[value] = None
        if len(distinct) > MOST:
            return None
    return tuple(distinct)


def _means(values: Sequence[Any], n: int) -> list[Value] | None:
    """The means of one to ``n`` of the values; ``None`` if they are too many."""
    found, sums = dict.fromkeys(values), {*values}
    for k in range(2, n + 1):
        if len(sums) * len(values) > MOST**2 // 16:
            return None
        # A set of sums and not of tuples: means depend on the total and the count alone, up to rounding, which
        # `merge_numbers` takes out.
        sums = {total + value for total in sums for value in values}
        found |= dict.fromkeys(total / k for total in sums)
        if len(found) > MOST:
            return None
    return list(found)


def _leaves(e: rasp.SOp, local: Mapping[str, Any]) -> list[str]:
    found: dict[str, None] = {}
    waiting: list[rasp.SOp] = [e]
    while waiting:
        sop = waiting.pop()
        if sop.label in local:
            waiting += [child for child in sop.children if isinstance(child, rasp.SOp)]
        else:
            found[sop.label] = None
    return sorted(found)


def _evaluate(e: Any, local: Mapping[str, Any], held: dict[str, Value]) -> tuple[Value, ...]:
    """Compute an expression from its leaves, whose values are held, and return what its own function is given."""
    given: list[Value] = []
    for operand in (e.fst, e.snd) if isinstance(e, rasp.SequenceMap) else (e.inner,):
        if operand.label not in held:
            _evaluate(operand, local, held)
        given.append(held[operand.label])
    held[e.label] = None if None in given else try_function(e.f, *given)
    return tuple(given)
