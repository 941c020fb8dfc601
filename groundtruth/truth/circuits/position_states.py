"""What can stand at each position of a model's input, layer by layer, over a whole domain without enumerating it.

A *state* of a position says for each source which of finitely many things it writes there: its class. States of
different positions are treated as independent of each other, so a set of states holds at least those that occur.
Where a source can write too many things its class is ``ANYTHING``: that state stands for all of them. What reads it may
write anything in turn; what does not is followed on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
import torch

from groundtruth.compiled.node_matrices import reading_matrix, writing_rows
from groundtruth.truth.circuits.attention_outcomes import (
    ANY_BAGS,
    ANYTHING,
    Bag,
    Bags,
    TooManyClasses,
    head_bags,
    weights_of,
)
from groundtruth.truth.circuits.patched_runs import TOLERANCE, Runs
from groundtruth.truth.circuits.value_table import Array, Ids, ValueTable, pick_classes
from mib.graph import LETTERS, Edge, Place
from mib.sublayers import split_sublayer

Run: TypeAlias = Literal["full", "cut", "put"]
Column: TypeAlias = tuple[Run, str]
"""A column of a state: the class of what a source writes in the full run, in the cut run, or on a counterfactual."""

STATE_LIMIT = 60_000
"""States of one position before a proof by classes is given up."""


@dataclass
class States:
    """Sets of states before some sublayer.

    Attributes:
        rows: The states of each position [state, column].
        columns: Source and run that each column is of.
        differs: Sources that may write something else in the cut run; the others have no column for it, so that what
            they write is the same in both runs even where it may be anything.
        hulls: For a head that may write anything somewhere, vectors of which all that it writes are means
            [value, d_model].
    """

    rows: list[Ids]
    columns: list[Column]
    differs: set[str] = field(default_factory=set[str])
    hulls: dict[str, Array] = field(default_factory=dict[str, Array])

    def copy(self) -> "States":
        """A copy that can be changed."""
        return States(list(self.rows), list(self.columns), set(self.differs), dict(self.hulls))

    def column(self, run: Run, source: str) -> int:
        """Find where a source's class is; in the cut run that of the full run, where they cannot differ."""
        return self.columns.index((run if run == "put" or source in self.differs else "full", source))


class ValueSpace:
    """The classes of everything that the sources of one model write.

    Args:
        runs: Weights, graph and decoder of the model, and what cut edges carry under zero and mean ablation.
    """

    def __init__(self, runs: Runs) -> None:
        self.runs, self.weights = runs, runs.weights
        self._tables: dict[str, ValueTable] = {}
        self._read: dict[tuple[str, str], tuple[int, Array]] = {}
        self._later: dict[tuple[str, int], bool] = {}

    def table(self, source: str) -> ValueTable:
        """The classes of what a source writes; two are one if nothing after it tells them apart."""
        if source not in self._tables:
            place = self.runs.graph.locate(source)
            sublayer = self.runs.sublayer_after(place) if place.kind in ("head", "mlp") else 0
            self._tables[source] = ValueTable(self.basis(sublayer))
        return self._tables[source]

    def basis(self, sublayer: int) -> Array:
        """Columns that span all that a sublayer and those after it read [d_model, rank]."""
        return self.runs.continuations.basis(sublayer).numpy()

    def read(self, source: str, destination: str) -> Array:
        """Return what a destination reads of each class of a source [class, read]."""
        table, key = self.table(source), (source, destination)
        if key not in self._read or self._read[key][0] != len(table):
            self._read[key] = len(table), self.vectors(source) @ self.matrix(destination)
        return self._read[key][1]

    def vectors(self, source: str) -> Array:
        """Return what each class of a source is [class, d_model]."""
        return self.table(source).vectors(self.weights.W_E.shape[1])

    def matrix(self, destination: str) -> Array:
        """The matrix by which a destination reads the residual stream [d_model, read]."""
        return reading_matrix(self.weights, self.runs.graph.locate(destination)).numpy()

    def could_read(self, source: str, destination: str) -> bool:
        """Tell whether anything that a source could write is read by a destination."""
        return self._reaches(source, self.matrix(destination))

    def read_from(self, source: str, sublayer: int) -> bool:
        """Tell whether anything that a source could write is read by a sublayer or one after it."""
        if (source, sublayer) not in self._later:
            self._later[source, sublayer] = self._reaches(source, self.basis(sublayer))
        return self._later[source, sublayer]

    def _reaches(self, source: str, columns: Array) -> bool:
        written = writing_rows(self.weights, self.runs.graph.locate(source)).numpy()
        return bool(np.abs(written @ columns).max(initial=0.0) > TOLERANCE)

    @cached_property
    def puts(self) -> Mapping[str, Array]:
        """Value on a cut edge of each source at each position, under zero and mean ablation [position, d_model]."""
        return {name: output[0].numpy() for name, output in self.runs.replacement_outputs.items()}

    def start(self, alphabets: Sequence[Sequence[int]]) -> States:
        """The states before the first layer.

        Args:
            alphabets: The token ids that can stand at each position, BOS first.
        """
        rows: list[Ids] = []
        for position, ids in enumerate(alphabets):
            tokens = self.table("input").number(self.weights.W_E[torch.tensor(ids)].numpy())
            place = self.table("pos").number(self.weights.W_pos[position : position + 1].numpy())
            # Every token of the alphabet, whatever a validity rule says: more inputs than there are, which step 2
            # allows.
            rows.append(np.unique(np.stack([tokens, np.repeat(place, len(tokens))], axis=1), axis=0))
        return States(rows, [("full", "input"), ("full", "pos")])


class Passage:
    """One passage through the layers, of the full run and of a run with some edges cut together.

    Args:
        space: The classes of what each source writes.
        cut: The edges that are cut.
        put_classes: Under resample ablation, the classes that a cut source can carry, at each position.
    """

    # ``written``: the classes that each source writes in the full run; ``changed``: the sources that write something
    # else in the cut run, whether or not it is read.

    def __init__(
        self, space: ValueSpace, cut: Sequence[Edge] = (), put_classes: Mapping[str, Sequence[Ids]] | None = None
    ) -> None:
        self._space, self._runs = space, space.runs
        self._puts = put_classes
        self.written: dict[str, list[Ids]] = {}
        self.changed: set[str] = set()
        self._cut: dict[str, set[str]] = {}
        for edge in cut:
            self._cut.setdefault(edge.destination, set()).add(edge.source)

    def through_sublayer(self, states: States, sublayer: int) -> None:
        """Let the heads of a block, or its MLP, write, and merge what is alike from then on.

        Raises:
            TooManyClasses: If there are too many states.
        """
        (layer, is_mlp), weights = split_sublayer(sublayer), self._space.weights
        nodes = [f"m{layer}"] if is_mlp else [f"a{layer}.h{head}" for head in weights.busy_heads[layer]]
        for node in nodes:
            destinations = [node] if is_mlp else [f"{node}<{letter}>" for letter in LETTERS]
            self._add_puts(states, destinations)
            if is_mlp:
                self._write_mlp(states, node)
            else:
                self._write_head(states, self._runs.graph.locate(node), node)
            self._drop_puts(states, destinations)
        self._merge(states, sublayer + 1)

    def logits(self, states: States, position: int) -> tuple[Array, Array]:
        """The logits of the full run and of the cut run in each state of a position [state, output].

        Raises:
            TooManyClasses: If they may be anything.
        """
        self._add_puts(states, ["logits"])
        full, cut = (self.reads(states, position, run, "logits") for run in ("full", "cut"))
        if any(bool((which == ANYTHING).any()) for _, which in (full, cut)):
            raise TooManyClasses
        return full[0][full[1]], cut[0][cut[1]]

    def touches(self, states: States, destinations: Sequence[str]) -> bool:
        """Tell whether a node may read something else in the cut run."""
        if any(self._cut.get(destination) for destination in destinations):
            return True
        return any(self._space.could_read(s, d) for s in states.differs for d in destinations)

    def _add_puts(self, states: States, destinations: Sequence[str]) -> None:
        """Combine each state with all that cut edges can carry to a node from a counterfactual input."""
        if self._puts is None:
            return
        for source in sorted({s for d in destinations for s in self._cut.get(d, ())}):
            # An earlier sublayer has added it for another edge of this source: both carry one counterfactual, and one
            # column keeps them so.
            if ("put", source) in states.columns:
                continue
            for position, rows in enumerate(states.rows):
                options = self._puts[source][position]
                if len(rows) * len(options) > STATE_LIMIT:
                    raise TooManyClasses
                added = np.tile(options, len(rows))[:, None]
                states.rows[position] = np.concatenate([np.repeat(rows, len(options), axis=0), added], axis=1)
            states.columns.append(("put", source))

    def _drop_puts(self, states: States, destinations: Sequence[str]) -> None:
        for destination in destinations:
            self._cut.pop(destination, None)
        needed = {source for sources in self._cut.values() for source in sources}
        self._keep(states, [c for c in states.columns if c[0] != "put" or c[1] in needed])

    def _keep(self, states: States, columns: list[Column]) -> None:
        if columns != states.columns:
            chosen = [states.columns.index(column) for column in columns]
            states.rows = [np.unique(rows[:, chosen], axis=0) for rows in states.rows]
            states.columns = columns

    def reads(self, states: States, position: int, run: Run, destination: str) -> tuple[Array, Ids]:
        """Return what a destination reads in each state: the distinct vectors, and which one each state has.

        A state in which that may be anything has ``ANYTHING`` in place of one.
        """
        total, varying = self._read_columns(states, position, run, destination)
        chosen = states.rows[position][:, [column for column, _, _ in varying]]
        known = (chosen != ANYTHING).all(1)
        states_read, inverse = np.unique(chosen[known], axis=0, return_inverse=True)
        totals = np.repeat(total[None], len(states_read), axis=0)
        for index, (_, read, _) in enumerate(varying):
            totals = totals + read[states_read[:, index]]
        which = np.full(len(chosen), ANYTHING)
        which[known] = inverse.reshape(-1)
        return totals, which

    def _read_columns(
        self, states: States, position: int, run: Run, destination: str
    ) -> tuple[Array, list[tuple[int, Array, Array | None]]]:
        """Return what a destination reads in every state, and the columns on which the rest depends.

        Returns:
            The former, and for each such column what is read of each class, and the hull of what is read where that
            may be anything [value, read]; ``None``: no bound is known.
        """
        cut = self._cut.get(destination, set()) if run == "cut" else set[str]()
        matrix = self._space.matrix(destination)
        total, varying = np.zeros(matrix.shape[1]), list[tuple[int, Array, Array | None]]()
        for source in [source for kind, source in states.columns if kind == "full"]:
            if source in cut and self._puts is None:
                total = total + self._space.puts[source][position] @ matrix
            elif self._space.could_read(source, destination):
                column = states.column("put" if source in cut else run, source)
                # What stands in for a cut edge comes from inputs of any length, and a hull is of those of one.
                hull = None if source in cut else states.hulls.get(source)
                read = self._space.read(source, destination)
                varying.append((column, read, None if hull is None else hull @ matrix))
        return total, varying

    def _bounds(self, states: States, position: int, run: Run, destination: str, row: int) -> tuple[Array, Array]:
        """The least and the most that each number that a destination reads can be in a state."""
        total, varying = self._read_columns(states, position, run, destination)
        low, high = total.copy(), total.copy()
        for column, read, hull in varying:
            known = (which := states.rows[position][row, column]) != ANYTHING
            options = read[which : which + 1] if known else hull
            low += -np.inf if options is None else options.min(0)
            high += np.inf if options is None else options.max(0)
        return low, high

    def _write_mlp(self, states: States, node: str) -> None:
        layer, table = self._runs.graph.locate(node).layer, self._space.table(node)
        w_out = self._space.weights.W_out[layer].numpy()
        matters = (w_out != 0).any(1)

        def written(position: int, run: Run) -> Ids:
            pre, which = self.reads(states, position, run, node)
            ids = pick_classes(table.number(np.maximum(pre, 0.0) @ w_out), which)
            for row in np.nonzero(which == ANYTHING)[0].tolist():
                # Whatever mean a head writes, a neuron that none of its values opens is shut.
                # ReLU is monotone, so that bounds of what is read bound what a neuron gives; where both are equal it is
                # known.
                low, high = np.maximum(self._bounds(states, position, run, node, row), 0.0)
                if bool((low == high)[matters].all()):
                    ids[row] = table.number(np.where(matters, low, 0.0)[None] @ w_out)[0]
            return ids

        positions = range(len(states.rows))
        full = [written(position, "full") for position in positions]
        cut = [written(position, "cut") for position in positions] if self.touches(states, [node]) else None
        self._append(states, node, full, cut)

    def _append(self, states: States, node: str, full: Sequence[Ids], cut: Sequence[Ids] | None) -> None:
        """Add what a node writes; its cut run has a column only if it differs beyond rounding."""
        ids = [full] if cut is None or self._alike(node, full, cut) else [full, cut]
        self.written[node] = [np.unique(own) for own in full]
        for position, rows in enumerate(states.rows):
            states.rows[position] = np.concatenate([rows, *(own[position][:, None] for own in ids)], axis=1)
        states.columns.append(("full", node))
        if len(ids) == 2:
            states.columns.append(("cut", node))
            states.differs.add(node)
            self.changed.add(node)

    def _alike(self, node: str, full: Sequence[Ids], cut: Sequence[Ids]) -> bool:
        vectors = self._space.vectors(node)
        scale = TOLERANCE * max(1.0, float(np.abs(vectors).max(initial=0.0)))
        return all(
            bool((own != ANYTHING).all() and (other != ANYTHING).all())
            and float(np.abs(vectors[own] - vectors[other]).max(initial=0.0)) <= scale
            for own, other in zip(full, cut, strict=True)
        )

    def _write_head(self, states: States, place: Place, node: str) -> None:
        touched = self.touches(states, [f"{node}<{letter}>" for letter in LETTERS])
        bags, values, bounded = self._bags(states, place, node)
        full, cut = list[Ids](), list[Ids]()
        for position, found in enumerate(bags):
            # Giving up this head alone: what does not read it is followed on.
            if sum(map(len, found)) > STATE_LIMIT:
                found = [[ANY_BAGS]] * len(found)
            states.rows[position] = np.repeat(states.rows[position], [len(pairs) for pairs in found], axis=0)
            pairs = [pair for pairs in found for pair in pairs]
            full.append(self._number_bags(node, values, [own for own, _ in pairs]))
            cut.append(self._number_bags(node, values, [other for _, other in pairs]) if touched else full[-1])
        # Weights of a softmax are positive and add up to 1, so that a mean of unknown weights lies between the values
        # all the same.
        if bounded and any(bool((ids == ANYTHING).any()) for ids in [*full, *cut]):
            states.hulls[node] = values
        self._append(states, node, full, cut if touched else None)

    def _bags(self, states: States, place: Place, node: str) -> tuple[list[list[list[Bags]]], Array, bool]:
        """For each state of each position the bags of (score, value) that the head may take the mean of.

        Returns:
            They, the vector of each value, and whether no value may be anything.
        """
        sublayer, weights = self._runs.sublayer_after(place), self._space.weights
        tables = {"q": ValueTable(), "k": ValueTable(), "v": ValueTable(self._space.basis(sublayer))}
        w_o = weights.W_O[place.layer, place.head].numpy()
        offers: dict[str, list[Ids]] = {}
        for letter, table in tables.items():
            for run in ("full", "cut"):
                ids = list[Ids]()
                for position in range(len(states.rows)):
                    read, which = self.reads(states, position, run, f"{node}<{letter}>")
                    ids.append(pick_classes(table.number(read @ w_o if letter == "v" else read), which))
                offers[letter, run] = ids  # pyright: ignore[reportArgumentType]
        d_head, d_model = w_o.shape
        scores = tables["q"].vectors(d_head) @ tables["k"].vectors(d_head).T / weights.attn_scale
        parts = [
            np.stack([offers[letter, run][position] for letter in "qkv" for run in ("full", "cut")], axis=1)  # pyright: ignore[reportArgumentType]
            for position in range(len(states.rows))
        ]
        bounded = all(bool((own[:, 4:] != ANYTHING).all()) for own in parts)
        # Scores that differ by rounding must be one score, or equal bags would count as many; 1e-11 moves a weight by
        # 1e-11 of it. Adding 0 makes -0 equal to 0.
        bags = head_bags(parts, np.round(scores, 11) + 0.0, causal=weights.causal)
        return bags, tables["v"].vectors(d_model), bounded

    def _number_bags(self, node: str, values: Array, bags: Sequence[Bag]) -> Ids:
        names = [bag for bag in dict.fromkeys(bags) if all(value != ANYTHING for (_, value), _ in bag)]
        means = [sum(weight * values[value] for value, weight in weights_of(bag)) for bag in names]
        numbers = self._space.table(node).number(np.array(means).reshape(len(names), -1)) if names else ()
        ids = dict(zip(names, numbers, strict=True))
        return np.array([ids.get(bag, ANYTHING) for bag in bags])

    def _merge(self, states: States, sublayer: int) -> None:
        """Number alike what nothing from a sublayer on tells apart, so that states that differ in it are one."""
        # A source that nothing reads any more has no columns left, whatever it wrote.
        # Its value can reach no output from here on (step 1).
        self._keep(states, [column for column in states.columns if self._space.read_from(column[1], sublayer)])
        states.differs = {source for source in states.differs if self._space.read_from(source, sublayer)}
        basis = self._space.basis(sublayer)
        for index, (_, source) in enumerate(states.columns):
            ids = ValueTable(basis).number(self._space.vectors(source))
            _, first = np.unique(ids, return_index=True)
            for position, rows in enumerate(states.rows):
                merged = rows.copy()
                merged[:, index] = pick_classes(first[ids], rows[:, index])
                states.rows[position] = merged
        # Both runs agree in it for every later reader: one column serves both, and the runs may have met again.
        same = {s for s in states.differs if self._columns_agree(states, s)}
        states.differs -= same
        self._keep(states, [c for c in states.columns if c[0] != "cut" or c[1] not in same])
        states.rows = [np.unique(rows, axis=0) for rows in states.rows]

    def _columns_agree(self, states: States, source: str) -> bool:
        full, cut = states.columns.index(("full", source)), states.columns.index(("cut", source))
        agree = ((rows[:, full] == rows[:, cut]) & (rows[:, full] != ANYTHING) for rows in states.rows)
        return all(bool(rows.all()) for rows in agree)
