"""A program on numbers that stand for its values, so that it can be re-run from the middle on many inputs at once.

An intervened program meets values that it never meets on its domain. There it gives what RASP gives; a selector selects
nothing at ``None``, and a numerical Map or SequenceMap without a value is 0. Where RASP has no value, since a function
fails or values are averaged that are no numbers, there is none (``UNDEFINED``), nor has anything that reads it.

A compiled model cannot hold all of that; what it can is in ``groundtruth.rasp.compiled_program``.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from tracr.rasp import rasp

from groundtruth.errors import ProgramError
from groundtruth.rasp.expressions import Value, Values, children_first
from groundtruth.rasp.possible_values import try_function

Codes: TypeAlias = NDArray[np.int64]
"""Numbers that stand for values [row, position]."""

Columns: TypeAlias = Mapping[str, Codes]
"""The codes of expressions, by label."""

UNEMBEDDING = "logits"
"""The reader of a program's output, beside the expressions that may read it."""

_UNDEFINED, _NONE = 0, 1


class Undefined:
    """No value: what an intervened program was asked for is nothing that RASP, or a compiled model, can give."""

    def __repr__(self) -> str:
        return "UNDEFINED"


UNDEFINED = Undefined()


@dataclass(frozen=True, eq=False)
class Replacement:
    """Values that stand in for those of one expression.

    Attributes:
        codes: Codes that are put there [row, position].
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
    """

    def __init__(self, program: rasp.SOp, *, causal: bool) -> None:
        self.output = program.label
        self.sops = {e.label: e for e in children_first(program) if isinstance(e, rasp.SOp)}
        self.numbers = {label: Numbers() for label in self.sops}
        self.operands = {label: operands_of(sop) for label, sop in self.sops.items()}
        self._causal = causal
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
                averaged = self._averaged(sop, patterns[place] == 1, view(sop.sop.label))
                return np.where((patterns[place] > 1).any(-1), _UNDEFINED, averaged)
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

            def code(left: int, right: int) -> int:
                given = [values[i] for values, i in zip(operands, (left, right), strict=False)]
                if any(value is UNDEFINED for value in given):
                    return _UNDEFINED
                value = self._applied(sop, given)
                return absent if value is None else own.code(value)

            self._tables[label] = _Table(code)
        return self._tables[label]

    def _pattern(self, select: rasp.Select, keys: Codes, queries: Codes) -> NDArray[np.int8]:
        """Return what is selected [row, query, key]: 0 no, 1 yes, 2 there is no saying."""
        if select.label not in self._tables:
            k_values, q_values = self.numbers[select.keys.label].values, self.numbers[select.queries.label].values

            def chosen(query: int, key: int) -> int:
                if _UNDEFINED in (query, key):
                    return 2
                return 0 if _NONE in (query, key) else self._selected(select, k_values[key], q_values[query])

            self._tables[select.label] = _Table(chosen)
        shape = (*keys.shape, keys.shape[1])
        left = np.broadcast_to(queries[:, :, None], shape)
        found = self._tables[select.label].look_up(left, np.broadcast_to(keys[:, None, :], shape)).astype(np.int8)
        return np.tril(found) if self._causal else found

    def _counted(self, label: str, pattern: NDArray[np.int8]) -> Codes:
        codes = np.array([self.numbers[label].code(width) for width in range(pattern.shape[-1] + 1)])
        return np.where((pattern > 1).any(-1), _UNDEFINED, codes[(pattern == 1).sum(-1)])

    def _averaged(self, sop: rasp.Aggregate[Any], chosen: NDArray[np.bool_], moved: Codes) -> Codes:
        """Average the values that an Aggregate selects: one computation for each distinct row of them."""
        own, others = self.numbers[sop.label], self.numbers[sop.sop.label].values
        rows = np.where(chosen, moved[:, None, :], -1)
        # Rows keep their order, so that floats add up as in RASP.
        distinct, inverse = _distinct_rows(rows.reshape(-1, rows.shape[-1]), len(others))
        selected = [[others[code] for code in row if code >= 0] for row in distinct.tolist()]
        codes = np.array([own.code(_mean(values)) if values else self._default(sop) for values in selected])
        return codes[inverse].reshape(rows.shape[:2])

    def _default(self, sop: rasp.Aggregate[Any]) -> int:
        """The number of what an Aggregate gives that selects nothing."""
        return self.numbers[sop.label].code(sop.default)

    def _applied(self, sop: rasp.SOp, given: Sequence[Value]) -> Value:
        """The value of a Map or SequenceMap on values of its operands."""
        f = cast(Callable[..., Value], sop.f)  # pyright: ignore[reportAttributeAccessIssue]
        return None if None in given else try_function(f, *given, otherwise=UNDEFINED)

    def _selected(self, select: rasp.Select, key: Value, query: Value) -> int:
        """Tell whether a selector selects: 0 no, 1 yes, 2 there is no saying."""
        chosen = try_function(select.predicate, key, query, otherwise=UNDEFINED)
        return 2 if chosen is UNDEFINED else bool(chosen)


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


def operands_of(sop: rasp.SOp) -> tuple[str, ...]:
    """Labels of the S-Ops that an S-Op reads, through its selector too."""
    direct = [child for child in sop.children if isinstance(child, rasp.SOp)]
    through = [child for s in sop.children if isinstance(s, rasp.Selector) for child in s.children]
    return tuple(dict.fromkeys(child.label for child in (*through, *direct)))


def _mapped(sop: rasp.SOp) -> tuple[str, ...]:
    return (sop.fst.label, sop.snd.label) if isinstance(sop, rasp.SequenceMap) else (cast(rasp.Map, sop).inner.label,)


def _mean(values: Sequence[Value]) -> Value:
    """The mean as RASP takes it: one value stays itself, and only numbers can be averaged."""
    if UNDEFINED in values:
        return UNDEFINED
    if len(values) == 1:
        return values[0]
    if all(isinstance(value, int | float) for value in values):
        return sum(values) / len(values)
    # RASP's evaluator fails here; one value, however often it is selected, is no mixture all the same.
    return values[0] if all(value == values[0] for value in values) else UNDEFINED


def _distinct_rows(rows: Codes, n_values: int) -> tuple[Codes, Codes]:
    """The distinct rows of codes (-1 for none), and which of them each row is; as one number a row where it fits."""
    base = n_values + 1
    if base ** rows.shape[1] >= 2**63:
        distinct, inverse = np.unique(rows, axis=0, return_inverse=True)
        return distinct, inverse.reshape(-1)
    numbers = (rows + 1) @ base ** np.arange(rows.shape[1], dtype=np.int64)
    _, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    return rows[first], inverse.reshape(-1)
