"""Interchanges of one variable where it is written: every pair of inputs, or a seeded sample of too many."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from groundtruth.truth.variables.interchange_rows import KEEP, KINDS, Rows, rows
from groundtruth.truth.variables.swap_runs import Origin, Swap, SwapRuns, Tally, grouped
from groundtruth.truth.variables.value_pool import Ground
from groundtruth.truth.variables.variable import Variable
from groundtruth.truth.variables.variable_truth import Stage, program_readers

PAIR_LIMIT = 150_000
"""Up to this many distinct (base, what is put there) every pair is run; above it a seeded sample."""

SAMPLE = 20_000
"""Interchanges in such a sample, a quarter of each kind."""

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Bases:
    """The inputs of one length, by what a run depends on.

    Attributes:
        first: One input of each class that also agrees in the variable and in the output [class].
        counts: Number of inputs that each class has [class].
    """

    first: Ints
    counts: Ints


@dataclass(frozen=True, eq=False)
class _Batch:
    """Interchanges into inputs of one length.

    Attributes:
        base: The input that is changed [interchange].
        row: Value that is put there, as an index of ``Rows`` [interchange].
        weights: Number of pairs that it stands for, by kind [interchange, kind].
    """

    base: Ints
    row: Ints
    weights: Ints


class Laboratory:
    """Interchanges of one variable.

    Args:
        ground: Program and inputs that they are run on.
        variable: The variable.
        seed: Seed of samples of pairs.
    """

    def __init__(self, ground: Ground, variable: Variable, seed: int) -> None:
        self._ground, self._variable, self._seed = ground, variable, seed
        self._rows = [rows(variable.label, pool.length, ground.pools) for pool in ground.pools]

    def certified(self, stage: Stage) -> Stage:
        """The stage with its interchanges, run where its next reader reads, which is where all its sites lead."""
        # Between the site and its next reader nothing looks, so that an interchange there gives this very run.
        sublayer = min(reader.sublayer(self._variable.n_layers) for reader in stage.readers)
        runs = SwapRuns(self._ground, self._swap(sublayer, stage))
        bases = [self._bases(pool, rest) for pool, rest in enumerate(runs.rest)]
        exhaustive = sum(len(b.first) * len(r.codes) for b, r in zip(bases, self._rows, strict=True)) <= PAIR_LIMIT
        tally = Tally(self._ground, KINDS)
        for pool, put in enumerate(self._rows):
            batch = self._every(pool, bases[pool]) if exhaustive else self._some(pool)
            outcomes = runs.outcomes(pool, batch.base, put.codes[batch.row])
            tally.add(pool, batch.base, outcomes, batch.weights, partial(_origin, put, batch))
        found = tally.interchanges(exhaustive=exhaustive and self._ground.exhaustive)
        return replace(stage, interchanges=found, runs=tally.runs)

    def _swap(self, sublayer: int, stage: Stage) -> Swap:
        """The swap of the variable's span, where a position holds the state of its own value."""
        variable, states = self._variable, self._states(sublayer)
        return Swap(
            label=variable.label,
            # Of a reciprocal those of the width itself see what is put.
            readers=program_readers(variable, stage),
            sublayer=sublayer,
            span=variable.span,
            own=[pool.columns[variable.label] for pool in self._ground.pools],
            states=states,
            codes=np.arange(len(states)),
        )

    def _bases(self, pool: int, rest: Ints) -> _Bases:
        """The inputs of one length, by what a run depends on."""
        columns, program = self._ground.pools[pool].columns, self._ground.program
        # Bases of a class must also agree in what an interchange leaves standing (positions where nothing is put) and
        # in the output that it is compared with.
        own, output = grouped(columns[self._variable.label]).numpy(), grouped(columns[program.output]).numpy()
        # Groups are numbered below the number of inputs, so that three of them are digits of one number.
        whole = (rest * len(rest) + own) * len(rest) + output
        _, first, counts = np.unique(whole, return_index=True, return_counts=True)
        return _Bases(first, counts)

    def _every(self, pool: int, bases: _Bases) -> _Batch:
        put = self._rows[pool]
        n_bases, n_rows = len(bases.first), len(put.codes)
        # Each run stands for all bases of its class with all sources of its row, so that counts are of pairs and not of
        # runs.
        weights = bases.counts[:, None, None] * put.weights[None]
        return _Batch(
            base=bases.first.repeat(n_rows),
            row=np.tile(np.arange(n_rows), n_bases),
            weights=weights.reshape(-1, len(KINDS)),
        )

    def _some(self, pool: int) -> _Batch:
        """A sample of the interchanges into inputs of one length."""
        sizes = np.array([len(other.inputs) for other in self._ground.pools])
        # A stream of its own for each length: a sample does not depend on which lengths came before.
        rng = np.random.default_rng([self._seed, pool])
        n = int(np.ceil(SAMPLE / len(KINDS) * sizes[pool] / sizes.sum()))
        drawn = [self._drawn(pool, kind, n, sizes, rng) for kind in range(len(KINDS))]
        row, kinds = np.concatenate(drawn), np.repeat(np.arange(len(KINDS)), list(map(len, drawn)))
        base = rng.integers(sizes[pool], size=len(row))
        pairs, which = np.unique(np.stack([base, row], axis=1), axis=0, return_inverse=True)
        weights = np.zeros((len(pairs), len(KINDS)), dtype=np.int64)
        np.add.at(weights, (which.reshape(-1), kinds), 1)
        return _Batch(pairs[:, 0], pairs[:, 1], weights)

    def _drawn(self, pool: int, kind: int, n: int, sizes: Ints, rng: np.random.Generator) -> Ints:
        """Return what some sources put there, as indices of rows."""
        own, every = np.arange(len(sizes)) == pool, np.ones(len(sizes), dtype=np.bool_)
        # Pools are drawn in proportion to their size, so that inputs are drawn uniformly.
        chances = np.where([own, ~own, every, every][kind], sizes, 0)
        if not chances.any():
            return np.zeros(0, dtype=np.int64)
        put, found = self._rows[pool], [np.zeros(0, dtype=np.int64)]
        for other, count in enumerate(rng.multinomial(n, chances / chances.sum())):
            sources = rng.integers(sizes[other], size=count)
            if kind < 2:
                found.append(put.full[other][sources])
                continue
            values = self._ground.pools[other].columns[self._variable.label]
            ours, theirs = self._positions(put.codes.shape[1], values.shape[1], count, rng, moved=kind == 3)
            placed = zip(ours.tolist(), values[sources[: len(ours)], theirs].tolist(), strict=True)
            found.append(np.array([put.single[place] for place in placed], dtype=np.int64))
        return np.concatenate(found)

    @staticmethod
    def _positions(length: int, other: int, count: int, rng: np.random.Generator, *, moved: bool) -> tuple[Ints, Ints]:
        """Find where something is put and where it comes from: another position if it is moved, else the same."""
        if not moved:
            same = rng.integers(min(length, other), size=count)
            return same, same
        ours, theirs = rng.integers(length, size=count), rng.integers(other, size=count)
        return ours[ours != theirs], theirs[ours != theirs]

    def _states(self, sublayer: int) -> Tensor:
        """Return what a source holds of the variable by its value, in coordinates of its span [code, coordinate]."""
        numbers, label = self._ground.program.numbers[self._variable.label], self._variable.label
        states = torch.zeros(len(numbers.values), self._variable.span.shape[1], dtype=torch.float64)
        # In reverse, so that of several inputs that hold a value the first one is the source; they differ by `spread`
        # at most.
        for pool in reversed(self._ground.pools):
            held = (pool.streams[sublayer][:, 1:] @ self._variable.span).flatten(0, 1)
            codes, first = np.unique(pool.columns[label], return_index=True)
            states[torch.from_numpy(codes)] = held[torch.from_numpy(first)]
        return states


def _origin(put: Rows, batch: _Batch, index: int) -> Origin:
    """The origin of what an interchange of a batch puts."""
    row = batch.row[index]
    pool, source = put.sources[row].tolist()
    return Origin(pool, source, tuple(np.flatnonzero(put.codes[row] != KEEP).tolist()))
