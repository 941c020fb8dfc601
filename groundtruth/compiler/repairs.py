"""Repairs of a program that Tracr's own lists of values do not compile exactly.

Tracr lists 1/k and not j/k as the values of a mean, so that neurons that read the mean have thresholds in the wrong
places. It writes what is computed from a number also at BOS, where a head then finds it. And it counts values that
never occur, of which there can be too many. A repaired program computes the same; what differs is noted in its
annotations and in its functions, which give ``None`` for arguments that cannot occur. Programs that compile without
repairs get none, so that their weights stay Tracr's.
"""

from collections.abc import Sequence
from typing import Any, cast

from tracr.rasp import rasp

from groundtruth.compiled.domain import Domain, Tokens
from groundtruth.rasp.annotations import clean_at_bos, leave_unlisted, list_numbers
from groundtruth.rasp.compiled_program import written_at_bos
from groundtruth.rasp.expressions import Value, canonical, children_first
from groundtruth.rasp.possible_values import (
    leaf_arguments,
    merge_numbers,
    possible_values,
    reached_arguments,
    reached_numbers,
    try_function,
)

_LISTED = 1024
"""More numbers than this are not told apart: each takes two neurons."""

_LEAVES = 250_000
"""Functions of more combinations of leaves than this are not tabulated."""

_GAP = 1e-6
"""Numbers closer than this are not told apart: the slope of the neurons would blow rounding up."""


def repair(program: rasp.SOp, domain: Domain, *, causal: bool, limit: int) -> rasp.SOp | None:
    """A program that computes the same and can be compiled better, or ``None`` if there is nothing to repair.

    Args:
        program: A canonical program; it is left as it is.
        domain: Its declared inputs.
        causal: True if attention sees only the past.
        limit: Domains up to this size are run to find out which values occur.
    """
    own = canonical(program)
    exhaustive = domain.size is not None and domain.size <= limit
    inputs = domain.inputs(limit=limit).tokens if exhaustive else None
    listed = _list_numbers(own, domain, inputs, causal=causal)
    cleaned = _clean_at_bos(own)
    return own if listed or cleaned else None


def prune(program: rasp.SOp, domain: Domain, *, causal: bool, limit: int) -> rasp.SOp | None:
    """A program whose functions give ``None`` for arguments that do not occur, or ``None`` if there are no such.

    On a domain that can be run whole, arguments that do not occur on it; on a larger one, those that cannot come about
    at one position, whatever tokens, indices and the results of heads are there.

    Args:
        program: A canonical program; it is left as it is.
        domain: Its declared inputs.
        causal: True if attention sees only the past.
        limit: Domains up to this size are run.
    """
    own = canonical(program)
    if domain.size is not None and domain.size <= limit:
        # Whole domain only: what a sample does not show may occur.
        tables = reached_arguments(own, domain.inputs(limit=limit).tokens, causal=causal)
    else:
        tables = leaf_arguments(own, possible_values(own, domain.vocab, domain.max_seq_len), _LEAVES)
    for e in children_first(own):
        if (
            isinstance(e, rasp.Map | rasp.SequenceMap)
            and e.label in tables
            and not isinstance(e, rasp.LinearSequenceMap)
        ):
            e.f = _Table(tables[e.label])
    return own if tables else None


class _Table:
    """A function that is looked up, and ``None`` elsewhere."""

    def __init__(self, known: dict[tuple[Value, ...], Value]) -> None:
        self._known = known

    def __call__(self, *given: Value) -> Value:
        return self._known.get(given)


def _list_numbers(own: rasp.SOp, domain: Domain, inputs: Sequence[Tokens] | None, *, causal: bool) -> bool:
    """List the numbers of means and of weighted sums, of which Tracr lists the wrong ones."""
    expressions = [e for e in children_first(own) if isinstance(e, rasp.SOp)]
    computed = [
        e for e in expressions if rasp.is_numerical(e) and isinstance(e, rasp.Aggregate | rasp.LinearSequenceMap)
    ]
    readers = {e.label: [m for m in expressions if isinstance(m, rasp.Map) and m.inner is e] for e in computed}
    possible = possible_values(own, domain.vocab, domain.max_seq_len)
    reached = reached_numbers(own, inputs, causal=causal) if computed and inputs is not None else {}
    for e in computed:
        if not readers[e.label]:
            list_numbers(e, (0.0, 1.0))  # neurons read none of them
            continue
        numbers: Any = possible.get(e.label)
        # What may occur first: it holds of inputs that were not run. Only where that is too much, what does occur on
        # the whole domain.
        if numbers is None or _complaint(e, numbers, readers[e.label]):
            numbers = reached.get(e.label)
        if complaint := _complaint(e, numbers, readers[e.label]):
            leave_unlisted(e, complaint)
        else:
            # One of each group: thresholds between numbers that rounding sets apart would be steeper than any neuron.
            list_numbers(e, [group[0] for group in merge_numbers(numbers)])
    return bool(computed)


def _complaint(e: rasp.SOp, numbers: Sequence[Value] | set[Value] | None, readers: Sequence[rasp.Map]) -> str:
    """Why neurons cannot tell the numbers of an expression apart, or an empty string."""
    if numbers is None:
        return "it can be any of too many numbers to list, on a domain too large to run whole"
    groups = merge_numbers(numbers)
    if len(groups) > _LISTED:
        return f"it can be any of {len(groups):,} numbers, and neurons tell apart {_LISTED:,}"
    # A category jumps between two numbers however close they are; a number computed from them moves as little as they
    # do.
    categorical = [reader for reader in readers if rasp.is_categorical(reader)]
    for group in groups:
        if any(len({repr(try_function(reader.f, number)) for number in group}) > 1 for reader in categorical):
            return f"it can be {group[0]!r} and {group[-1]!r}, which rounding alone sets apart, with different results"
    close = next(((a[-1], b[0]) for a, b in zip(groups, groups[1:], strict=False) if b[0] - a[-1] < _GAP), None)
    return "" if close is None else f"it can be {close[0]!r} and {close[1]!r}, too close for neurons to tell apart"


def _clean_at_bos(own: rasp.SOp) -> bool:
    """Have all that is computed from numbers taken away at BOS, if a head would find some of it there."""
    sops = {e.label: e for e in children_first(own) if isinstance(e, rasp.SOp)}
    written = written_at_bos(sops)
    heads = [e for e in sops.values() if isinstance(e, rasp.Aggregate | rasp.SelectorWidth)]
    # Only heads look at BOS; what MLPs compute there is read by no position of the input.
    found = [read for e in heads for read in _read_by_head(e) if read in written]
    if not found:
        return False
    for e in sops.values():
        if isinstance(e, rasp.Map) and rasp.is_numerical(e.inner) and e.label in written:
            clean_at_bos(e)
    return True


def _read_by_head(head: rasp.Aggregate[Any] | rasp.SelectorWidth) -> list[str]:
    selector = cast(rasp.Select, head.selector)
    read = [selector.keys.label, selector.queries.label]
    return [*read, head.sop.label] if isinstance(head, rasp.Aggregate) else read
