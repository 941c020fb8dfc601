"""A program on numbers that stand for its values, so that it can be re-run from the middle on many inputs at once.

An intervened program meets values that it never meets on its domain. There it means what its compiled model can mean:
a function that fails gives ``None``, a selector selects nothing at ``None``, a numerical expression without a value
is 0. Some things it cannot hold, and they have no value at all (``UNDEFINED``), nor has anything that reads them: a
categorical Aggregate that selects different values, and an Aggregate that selects nothing where what it moves is also
written at BOS, which its head then reads instead of the default (Tracr writes all that is computed from numbers there);
and a Map over a number that its neurons take for another one, since Tracr lists only some of the numbers that occur.
"""

import bisect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from tracr.rasp import rasp

from groundtruth.errors import ProgramError
from groundtruth.rasp.annotations import is_clean_at_bos
from groundtruth.rasp.expressions import Value, Values, canonical, children_first
from groundtruth.rasp.infer_values import tabulate

Codes: TypeAlias = NDArray[np.int64]
"""Numbers that stand for values [row, position]."""

Columns: TypeAlias = Mapping[str, Codes]
"""The codes of expressions, by label."""

UNEMBEDDING = "logits"
"""The reader of a program's output, beside the expressions that may read it."""

_UNDEFINED, _NONE = 0, 1


class Undefined:
    """No value: what an intervened program was asked for is nothing that a compiled model can hold."""

    def __repr__(self) -> str:
        return "UNDEFINED"


UNDEFINED = Undefined()


@dataclass(frozen=True, eq=False)
class Replacement:
    """Values that stand in for those of one expression.

    Attributes:
        codes: What is put there [row, position].
        where: At which positions [row, position].
        readers: Labels of the expressions that see it, ``UNEMBEDDING`` among them; ``None`` = all.
    """

    codes: Codes
    where: NDArray[np.bool_]
    readers: Collection[str] | None = None

    def seen_by(self, reader: str) -> bool:
        """Tell whether an expression reads this and not the original."""
        return self.readers is None or reader in self.readers


class Numbers:
    """The values of one expression, numbered in the order in which they are met; equal values share a number."""

    def __init__(self) -> None:
        self.values: list[Value] = [UNDEFINED, None]
        self._codes: dict[Value, int] = {}

    def code(self, value: Value) -> int:
        """The number of a value."""
        if value is UNDEFINED or value is None:
            return _UNDEFINED if value is UNDEFINED else _NONE
        if value not in self._codes:
            self._codes[value] = len(self.values)
            self.values.append(value)
        return self._codes[value]

    def encode(self, rows: Sequence[Values]) -> Codes:
        """The numbers of many values."""
        return np.array([[self.code(value) for value in row] for row in rows], dtype=np.int64)

    def decode(self, row: Codes) -> list[Value]:
        """The values of one row of numbers."""
        return [self.values[code] for code in row.tolist()]


class NumberedProgram:
    """A program whose functions are looked up: each is called once for each distinct argument, ever.

    Args:
        program: With canonical labels.
        causal: True if attention sees only the past.
        vocab: The tokens of its domain.
        max_seq_len: The length of its longest input.
        defaults: True if an Aggregate that selects nothing gives its default whatever it moves, as in RASP.
    """

    def __init__(
        self, program: rasp.SOp, *, causal: bool, vocab: tuple[Any, ...], max_seq_len: int, defaults: bool = False
    ) -> None:
        self.output = program.label
        self.sops = {e.label: e for e in children_first(program) if isinstance(e, rasp.SOp)}
        self.numbers = {label: Numbers() for label in self.sops}
        self.operands = {label: _operands(sop) for label, sop in self.sops.items()}
        self._causal = causal
        self._at_bos = set[str]() if defaults else written_at_bos(self.sops)
        self._held: dict[str, Callable[[Value], Value]] = {}
        over_numbers = [e for e in self.sops.values() if isinstance(e, rasp.Map) and rasp.is_numerical(e.inner)]
        if over_numbers:
            listed = tabulate(canonical(program), vocab, max_seq_len)
            self._held = {e.label: _discretised(e.f, listed[e.inner.label]) for e in over_numbers}
        self._tables: dict[str, _Table] = {}

    def run(self, inputs: Sequence[Values]) -> Columns:
        """The values of every expression on inputs of one length.

        Args:
            inputs: Sequences of tokens, without BOS.
        """
        given = {
            "tokens": lambda: self.numbers["tokens"].encode(inputs),
            "indices": lambda: self.numbers["indices"].encode([range(len(row)) for row in inputs]),
        }
        found: dict[str, Codes] = {}
        patterns: dict[Any, NDArray[np.int8]] = {}
        for label in self.sops:
            if label in given:
                found[label] = given[label]()
            else:
                found[label] = self._computed(label, lambda operand: found[operand], patterns)
        return found

    def rerun(self, base: Columns, replacements: Mapping[str, Replacement]) -> Columns:
        """The values of every expression where some are replaced and all that is downstream is computed again.

        Args:
            base: The values without replacements, one row a run.
            replacements: By label.

        Returns:
            The values by label. Of a replaced expression: what is put there if all its readers see it, else its own;
            of the program's output: what the unembedding reads.
        """
        own = dict(base)
        seen: dict[str, Codes] = {}
        changed = self.recomputed({label: item.readers for label, item in replacements.items()})
        patterns: dict[Any, NDArray[np.int8]] = {}
        for label in self.sops:
            if label in changed:

                def view(operand: str, reader: str = label) -> Codes:
                    replaced = operand in seen and replacements[operand].seen_by(reader)
                    return seen[operand] if replaced else own[operand]

                own[label] = self._computed(label, view, patterns)
            if (item := replacements.get(label)) is not None:
                seen[label] = np.where(item.where, item.codes, own[label])
        for label, item in replacements.items():
            # The unembedding reads the output beside the expressions, and may be the one reader that sees what is put.
            if item.readers is None or (label == self.output and item.seen_by(UNEMBEDDING)):
                own[label] = seen[label]
        return own

    def recomputed(self, replaced: Mapping[str, Collection[str] | None]) -> set[str]:
        """The expressions downstream of replaced ones: those that read one, or read what is downstream.

        Args:
            replaced: The readers that see the replacement, by label; ``None`` = all.
        """
        found: set[str] = set()
        for label, operands in self.operands.items():
            reads = (o in replaced and ((readers := replaced[o]) is None or label in readers) for o in operands)
            if any(reads) or not found.isdisjoint(operands):
                found.add(label)
        return found

    def _computed(self, label: str, view: Callable[[str], Codes], patterns: dict[Any, NDArray[np.int8]]) -> Codes:
        sop = self.sops[label]
        match sop:
            case rasp.Map():
                return self._table(label).look_up(view(sop.inner.label), None)
            case rasp.SequenceMap():
                return self._table(label).look_up(view(sop.fst.label), view(sop.snd.label))
            case rasp.SelectorWidth() | rasp.Aggregate() if isinstance(sop.selector, rasp.Select):
                keys, queries = view(sop.selector.keys.label), view(sop.selector.queries.label)
                # Identity is enough: the arrays are held by the columns as long as `patterns` lives, so that no other
                # has their id.
                place = (sop.selector.label, id(keys), id(queries))
                if place not in patterns:
                    patterns[place] = self._pattern(sop.selector, keys, queries)
                if isinstance(sop, rasp.SelectorWidth):
                    return self._counted(label, patterns[place])
                moved = view(sop.sop.label)
                average = self._means if rasp.is_numerical(sop) else self._moved
                return np.where((patterns[place] > 1).any(-1), _UNDEFINED, average(sop, patterns[place] == 1, moved))
            case _:
                raise ProgramError(
                    f"'{sop.name}' ({type(sop).__name__}) has no causal model, since it is not compiled."
                )

    def _table(self, label: str) -> "_Table":
        if label not in self._tables:
            sop = self.sops[label]
            own, absent = self.numbers[label], _NONE
            if rasp.is_numerical(sop):
                absent = own.code(0)
            operands = [self.numbers[operand].values for operand in _mapped(sop)]
            f = cast(Callable[..., Value], sop.f)  # pyright: ignore[reportAttributeAccessIssue]

            def code(left: int, right: int) -> int:
                given = [values[i] for values, i in zip(operands, (left, right), strict=False)]
                if any(value is UNDEFINED for value in given):
                    return _UNDEFINED
                value = None if None in given else _tried(f, *given)
                # What a compiled neuron makes of a number that Tracr does not list is no value of the program.
                if label in self._held and self._held[label](given[0]) != value:
                    return _UNDEFINED
                return absent if value is None else own.code(value)

            self._tables[label] = _Table(code)
        return self._tables[label]

    def _pattern(self, select: rasp.Select, keys: Codes, queries: Codes) -> NDArray[np.int8]:
        """What is selected [row, query, key]: 0 no, 1 yes, 2 there is no saying."""
        if select.label not in self._tables:
            k_values, q_values = self.numbers[select.keys.label].values, self.numbers[select.queries.label].values

            def chosen(query: int, key: int) -> int:
                if _UNDEFINED in (query, key):
                    return 2
                return _NONE not in (query, key) and bool(_tried(select.predicate, k_values[key], q_values[query]))

            self._tables[select.label] = _Table(chosen)
        shape = (*keys.shape, keys.shape[1])
        left = np.broadcast_to(queries[:, :, None], shape)
        found = self._tables[select.label].look_up(left, np.broadcast_to(keys[:, None, :], shape)).astype(np.int8)
        return np.tril(found) if self._causal else found

    def _counted(self, label: str, pattern: NDArray[np.int8]) -> Codes:
        codes = np.array([self.numbers[label].code(width) for width in range(pattern.shape[-1] + 1)])
        return np.where((pattern > 1).any(-1), _UNDEFINED, codes[(pattern == 1).sum(-1)])

    def _moved(self, sop: rasp.Aggregate[Any], chosen: NDArray[np.bool_], moved: Codes) -> Codes:
        """The one value that is selected."""
        own, others = self.numbers[sop.label], self.numbers[sop.sop.label].values
        high = np.where(chosen, moved[:, None, :], -1).max(-1)
        low = np.where(chosen, moved[:, None, :], len(others)).min(-1)
        translated = np.array([own.code(value) for value in others] + [self._default(sop)])
        # One value, however often it is selected, is no mixture. Where nothing is selected high is -1, which takes the
        # default at the end.
        return np.where((low == high) | (high < 0), translated[high], _UNDEFINED)

    def _means(self, sop: rasp.Aggregate[Any], chosen: NDArray[np.bool_], moved: Codes) -> Codes:
        """The mean of the numbers that are selected: one computation for each distinct row of them."""
        own, others = self.numbers[sop.label], self.numbers[sop.sop.label].values
        rows = np.where(chosen, moved[:, None, :], -1)
        # Rows keep their order, so that floats add up as in RASP.
        distinct, inverse = _distinct_rows(rows.reshape(-1, rows.shape[-1]), len(others))
        selected = [[others[code] for code in row if code >= 0] for row in distinct.tolist()]
        codes = np.array([own.code(_mean(values)) if values else self._default(sop) for values in selected])
        return codes[inverse].reshape(rows.shape[:2])

    def _default(self, sop: rasp.Aggregate[Any]) -> int:
        """The number of what an Aggregate gives that selects nothing."""
        return _UNDEFINED if sop.sop.label in self._at_bos else self.numbers[sop.label].code(sop.default)


class _Table:
    """A function of two numbers, computed where it is first asked for and looked up ever after."""

    def __init__(self, function: Callable[[int, int], int]) -> None:
        self._function = function
        self._known: Codes = np.full((4, 4), -1, dtype=np.int64)

    def look_up(self, left: Codes, right: Codes | None) -> Codes:
        """The results, in the shape of the arguments; a missing second argument is 0."""
        rows, columns = int(left.max(initial=0)) + 1, 1 if right is None else int(right.max(initial=0)) + 1
        if rows > self._known.shape[0] or columns > self._known.shape[1]:
            grow = [(0, max(0, 2 * n - size)) for n, size in zip((rows, columns), self._known.shape, strict=True)]
            # Twice what is asked for, so that a table which grows by one value at a time is copied seldom.
            self._known = np.pad(self._known, grow, constant_values=-1)
        width = self._known.shape[1]
        places = left * width if right is None else left * width + right
        found = self._known.take(places)
        # Only what is asked for is computed: a program may fail on arguments that never come up.
        if found.size and found.min() < 0:
            for place in np.unique(places[found < 0]).tolist():
                self._known.flat[place] = self._function(*divmod(place, width))
            found = self._known.take(places)
        return found


def _operands(sop: rasp.SOp) -> tuple[str, ...]:
    """Labels of the S-Ops that an S-Op reads, through its selector too."""
    direct = [child for child in sop.children if isinstance(child, rasp.SOp)]
    through = [child for s in sop.children if isinstance(s, rasp.Selector) for child in s.children]
    return tuple(dict.fromkeys(child.label for child in (*through, *direct)))


def _mapped(sop: rasp.SOp) -> tuple[str, ...]:
    return (sop.fst.label, sop.snd.label) if isinstance(sop, rasp.SequenceMap) else (cast(rasp.Map, sop).inner.label,)


def _tried(function: Callable[..., Value], *given: Value) -> Value:
    """The value of a function, ``None`` where it fails: it is not meant for these arguments."""
    try:
        return function(*given)
    except Exception:  # whatever a program's own function raises
        return None


def _discretised(f: Callable[[Value], Value], listed: Sequence[Value]) -> Callable[[Value], Value]:
    """What the neurons of a Map over numbers give: its value on the listed number in whose bin a number falls.

    Thresholds are half way between listed numbers (tracr.craft.chamber.numerical_mlp).
    """
    # Tracr leaves out numbers on which the function fails or gives None, so that thresholds stand between the others.
    known = sorted({number for number in listed if _tried(f, number) is not None})
    thresholds = [(low + high) / 2 for low, high in zip(known, known[1:], strict=False)]
    return lambda number: _tried(f, known[bisect.bisect_right(thresholds, number)]) if known else None


def _mean(values: Sequence[Value]) -> Value:
    """The mean as RASP takes it: one value stays itself."""
    if UNDEFINED in values:
        return UNDEFINED
    return values[0] if len(values) == 1 else sum(values) / len(values)


def written_at_bos(sops: Mapping[str, rasp.SOp]) -> set[str]:
    """Labels of the expressions that the model may write at BOS, where no token is: what is computed from numbers."""
    found: set[str] = set()
    for label, sop in sops.items():
        match sop:
            case rasp.Map() if rasp.is_numerical(sop.inner):
                silent = is_clean_at_bos(sop) or _tried(sop.f, 0) in ((None, 0) if rasp.is_numerical(sop) else (None,))
                written = sop.inner.label in found or not silent
            case rasp.SequenceMap() if rasp.is_categorical(sop):
                # Its neurons fire on two values at once: one that is written at BOS does nothing alone.
                written = {sop.fst.label, sop.snd.label} <= found
            case rasp.Aggregate() if isinstance(sop.selector, rasp.Select):
                written = not found.isdisjoint((sop.sop.label, sop.selector.queries.label))
            case rasp.SelectorWidth() if isinstance(sop.selector, rasp.Select):
                written = sop.selector.queries.label in found
            case _:
                written = not found.isdisjoint(_operands(sop))
        if written:
            found.add(label)
    return found


def _distinct_rows(rows: Codes, n_values: int) -> tuple[Codes, Codes]:
    """The distinct rows of codes (-1 for none), and which of them each row is; as one number a row where it fits."""
    base = n_values + 1
    if base ** rows.shape[1] >= 2**63:
        distinct, inverse = np.unique(rows, axis=0, return_inverse=True)
        return distinct, inverse.reshape(-1)
    numbers = (rows + 1) @ base ** np.arange(rows.shape[1], dtype=np.int64)
    _, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    return rows[first], inverse.reshape(-1)
