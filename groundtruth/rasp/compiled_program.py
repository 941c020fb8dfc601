"""A numbered program as its compiled model can hold it.

Where an intervention gives a program values that it never meets on its domain, a function that fails gives ``None`` in
a compiled model. Some things the model cannot hold, and they have no value at all (``UNDEFINED``), nor has anything
that reads them: a categorical Aggregate that selects different values; an Aggregate that selects nothing where what it
moves is also written at BOS, which its head then reads instead of the default (Tracr writes all that is computed from
numbers there); and a Map over a number that its neurons take for another one, since Tracr lists only some of the
numbers that occur. A network that was trained has none of these reasons.
"""

import bisect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tracr.rasp import rasp

from groundtruth.rasp.annotations import is_clean_at_bos
from groundtruth.rasp.expressions import Value, canonical
from groundtruth.rasp.infer_values import tabulate
from groundtruth.rasp.interning import UNDEFINED, Codes, NumberedProgram, operands_of
from groundtruth.rasp.possible_values import try_function


class CompiledProgram(NumberedProgram):
    """A program on numbers, with the values that its compiled model can hold.

    Args:
        program: With canonical labels.
        causal: True if attention sees only the past.
        vocab: The tokens of its domain.
        max_seq_len: The length of its longest input.
    """

    def __init__(self, program: rasp.SOp, *, causal: bool, vocab: tuple[Any, ...], max_seq_len: int) -> None:
        super().__init__(program, causal=causal)
        self.at_bos = frozenset(written_at_bos(self.sops))
        """Labels of the expressions that may be written at BOS."""
        self.bins: dict[str, list[Value]] = {}
        """For each Map over numbers those that its neurons tell apart, in order."""
        over_numbers = [e for e in self.sops.values() if isinstance(e, rasp.Map) and rasp.is_numerical(e.inner)]
        if over_numbers:
            listed = tabulate(canonical(program), vocab, max_seq_len)
            self.bins = {e.label: _told_apart(e.f, listed[e.inner.label]) for e in over_numbers}

    def _averaged(self, sop: rasp.Aggregate[Any], chosen: NDArray[np.bool_], moved: Codes) -> Codes:
        return super()._averaged(sop, chosen, moved) if rasp.is_numerical(sop) else self._moved(sop, chosen, moved)

    def _moved(self, sop: rasp.Aggregate[Any], chosen: NDArray[np.bool_], moved: Codes) -> Codes:
        """The one value that is selected."""
        own, others = self.numbers[sop.label], self.numbers[sop.sop.label].values
        high = np.where(chosen, moved[:, None, :], -1).max(-1)
        low = np.where(chosen, moved[:, None, :], len(others)).min(-1)
        translated = np.array([own.code(value) for value in others] + [self._default(sop)])
        # One value, however often it is selected, is no mixture. Where nothing is selected high is -1, which takes the
        # default at the end.
        return np.where((low == high) | (high < 0), translated[high], own.code(UNDEFINED))

    def _default(self, sop: rasp.Aggregate[Any]) -> int:
        return self.numbers[sop.label].code(UNDEFINED) if sop.sop.label in self.at_bos else super()._default(sop)

    def _applied(self, sop: rasp.SOp, given: Sequence[Value]) -> Value:
        value = super()._applied(sop, given)
        value = None if value is UNDEFINED else value
        if isinstance(sop, rasp.Map) and sop.label in self.bins:
            # What a neuron makes of a number that Tracr does not list is no value of the program.
            return value if _discretised(sop.f, self.bins[sop.label], given[0]) == value else UNDEFINED
        return value

    def _selected(self, select: rasp.Select, key: Value, query: Value) -> int:
        return bool(try_function(select.predicate, key, query))


def written_at_bos(sops: Mapping[str, rasp.SOp]) -> set[str]:
    """Labels of the expressions that the model may write at BOS, where no token is: what is computed from numbers."""
    found: set[str] = set()
    for label, sop in sops.items():
        match sop:
            case rasp.Map() if rasp.is_numerical(sop.inner):
                nothing = (None, 0) if rasp.is_numerical(sop) else (None,)
                silent = is_clean_at_bos(sop) or try_function(sop.f, 0) in nothing
                written = sop.inner.label in found or not silent
            case rasp.SequenceMap() if rasp.is_categorical(sop):
                # Its neurons fire on two values at once: one that is written at BOS does nothing alone.
                written = {sop.fst.label, sop.snd.label} <= found
            case rasp.Aggregate() if isinstance(sop.selector, rasp.Select):
                written = not found.isdisjoint((sop.sop.label, sop.selector.queries.label))
            case rasp.SelectorWidth() if isinstance(sop.selector, rasp.Select):
                written = sop.selector.queries.label in found
            case _:
                written = not found.isdisjoint(operands_of(sop))
        if written:
            found.add(label)
    return found


def _told_apart(f: Callable[[Value], Value], listed: Sequence[Value]) -> list[Value]:
    """The listed numbers that have neurons of their own."""
    # Tracr leaves out numbers on which the function fails or gives None, so that thresholds stand between the others.
    return sorted({number for number in listed if try_function(f, number) is not None})


def _discretised(f: Callable[[Value], Value], known: Sequence[Value], number: Value) -> Value:
    """Return what the neurons of a Map over numbers give: its value on the known number in whose bin a number falls.

    Thresholds are half way between known numbers (tracr.craft.chamber.numerical_mlp).
    """
    thresholds = [(low + high) / 2 for low, high in zip(known, known[1:], strict=False)]
    return try_function(f, known[bisect.bisect_right(thresholds, number)]) if known else None
