"""Interchanges of one variable, in the model and in its program, each distinct run made once.

Two interchanges give the same run if what later components read of the two bases apart from the variable is the
same, if the program reads the same of them apart from the variable, and if the variable becomes the same.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from groundtruth.rasp.expressions import Value
from groundtruth.rasp.interning import UNEMBEDDING, Codes, Replacement
from groundtruth.truth.circuits.patched_runs import distinct
from groundtruth.truth.variables.interchange_rows import KEEP, KINDS, Rows, rows
from groundtruth.truth.variables.value_pool import Ground
from groundtruth.truth.variables.variable import Variable
from groundtruth.truth.variables.variable_truth import Failure, Interchanges, Stage, program_readers

PAIR_LIMIT = 150_000
"""Up to this many distinct (base, what is put there) every pair is run; above it a seeded sample."""

SAMPLE = 20_000
"""Interchanges in such a sample, a quarter of each kind."""

_NUMBERS_IN_MEMORY = 2**17

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Bases:
    """The inputs of one length, by what a run depends on.

    Attributes:
        rest: Which inputs give the same runs once the variable is replaced everywhere [input].
        first: One input of each class that also agrees in the variable and in the output [class].
        counts: How many inputs each class has [class].
    """

    rest: Ints
    first: Ints
    counts: Ints


@dataclass(frozen=True, eq=False)
class _Batch:
    """Interchanges into inputs of one length.

    Attributes:
        base: The input that is changed [interchange].
        row: Value that is put there, as an index of ``Rows`` [interchange].
        weights: How many pairs it stands for, by kind [interchange, kind].
    """

    base: Ints
    row: Ints
    weights: Ints


def _zeros() -> Ints:
    return np.zeros(len(KINDS), dtype=np.int64)


@dataclass
class _Tally:
    """Counts by kind of pairs, over all lengths."""

    tried: Ints = field(default_factory=_zeros)
    undefined: Ints = field(default_factory=_zeros)
    distinguishing: Ints = field(default_factory=_zeros)
    wrong: Ints = field(default_factory=_zeros)
    failures: dict[int, Failure] = field(default_factory=dict[int, Failure])
    runs: int = 0


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
        bases = [self._bases(pool, sublayer, stage) for pool in range(len(self._rows))]
        exhaustive = sum(len(b.first) * len(r.codes) for b, r in zip(bases, self._rows, strict=True)) <= PAIR_LIMIT
        tally = _Tally()
        for pool in range(len(self._rows)):
            batch = self._every(pool, bases[pool]) if exhaustive else self._some(pool)
            self._count(tally, pool, sublayer, stage, bases[pool].rest, batch)
        found = [
            Interchanges(
                pairs=kind,
                tried=int(tally.tried[k]),
                undefined=int(tally.undefined[k]),
                distinguishing=int(tally.distinguishing[k]),
                wrong=int(tally.wrong[k]),
                exhaustive=exhaustive and self._ground.exhaustive,
                failure=tally.failures.get(k),
            )
            for k, kind in enumerate(KINDS)
            if tally.tried[k]
        ]
        return replace(stage, interchanges=tuple(found), runs=tally.runs)

    def _bases(self, pool: int, sublayer: int, stage: Stage) -> _Bases:
        """The inputs of one length, by what later components and the program read of them."""
        inputs, variable, program = self._ground.pools[pool], self._variable, self._ground.program
        stream = inputs.streams[sublayer].clone()
        # BOS keeps what it holds: an interchange leaves it alone, so that a run depends on it.
        stream[:, 1:] -= stream[:, 1:] @ variable.span @ variable.span.T
        groups = [distinct(stream @ self._ground.readable(sublayer))[1]]
        groups += [_grouped(inputs.columns[label]) for label in sorted(self._read_beside(stage))]
        rest = _grouped(torch.stack(groups, dim=1).numpy())
        # Bases of a class must also agree in what an interchange leaves standing (positions where nothing is put) and
        # in the output that it is compared with.
        own, output = _grouped(inputs.columns[variable.label]), _grouped(inputs.columns[program.output])
        # Groups are numbered below the number of inputs, so that three of them are digits of one number.
        whole = (rest * len(rest) + own) * len(rest) + output
        _, first, counts = np.unique(whole.numpy(), return_index=True, return_counts=True)
        return _Bases(rest.numpy(), first, counts)

    def _read_beside(self, stage: Stage) -> set[str]:
        """The expressions that the program reads, beside the variable, when it is run from a stage on."""
        program, label = self._ground.program, self._variable.label
        readers = self._program_readers(stage)
        again = program.recomputed({label: readers})
        found = {operand for other in again for operand in program.operands[other]} - again
        unseeing = {other for other in again if label in program.operands[other] and other not in (readers or again)}
        # Where every expression that is run again sees what is put, the own value of the variable is not read any more.
        if not unseeing:
            found.discard(label)
        put_out = label == program.output and (readers is None or UNEMBEDDING in readers)
        return found if put_out or program.output in again else found | {program.output}

    def _program_readers(self, stage: Stage) -> frozenset[str] | None:
        """The expressions that see what is put at a stage; those of a reciprocal are those of the width itself."""
        return program_readers(self._variable, stage)

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

    def _count(self, tally: _Tally, pool: int, sublayer: int, stage: Stage, rest: Ints, batch: _Batch) -> None:
        """Make the distinct runs of a batch and count what comes out."""
        ground, put = self._ground, self._rows[pool]
        inputs, label = ground.pools[pool], self._variable.label
        codes = put.codes[batch.row]
        # What is kept is written out as the own value, so that putting it back and leaving it are one run.
        codes = np.where(codes == KEEP, inputs.columns[label][batch.base], codes)
        which = _grouped(np.concatenate([rest[batch.base][:, None], codes], axis=1)).numpy()
        _, first = np.unique(which, return_index=True)
        results = list(self._results(pool, sublayer, stage, batch.base[first], codes[first]))
        outputs, actual = (torch.cat(parts) for parts in zip(*results, strict=True))
        expected, undefined = ground.encoded(outputs.numpy()), (outputs == 0).any(1)
        own = ground.output_codes[pool][torch.from_numpy(batch.base)]
        changed = ground.decoder.differ(expected[which], own).any(1).numpy()
        # Where the program has no value there is nothing to be wrong about; such pairs are counted apart.
        wrong = (ground.decoder.differ(actual, expected).any(1) & ~undefined).numpy()[which]
        unclear = undefined.numpy()[which]
        tally.runs += len(first)
        tally.tried += batch.weights.sum(0)
        tally.undefined += batch.weights[unclear].sum(0)
        tally.distinguishing += batch.weights[changed & ~unclear].sum(0)
        tally.wrong += batch.weights[wrong].sum(0)
        for kind in range(len(KINDS)):
            hits = np.flatnonzero(wrong & (batch.weights[:, kind] > 0))
            if len(hits) and kind not in tally.failures:
                run = which[hits[0]]
                given = ground.program.numbers[ground.program.output].decode(outputs[run].numpy())
                tally.failures[kind] = self._failure(
                    pool, put, batch, int(hits[0]), expected=given, actual=ground.decoder.decode(actual[run])
                )

    def _results(
        self, pool: int, sublayer: int, stage: Stage, base: Ints, put: Codes
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Return what the program gives, as numbers, and the model, as the decoder's codes, both [run, position]."""
        ground, variable = self._ground, self._variable
        inputs, program = ground.pools[pool], ground.program
        readers = self._program_readers(stage)
        again = program.recomputed({variable.label: readers})
        # Only what is read again is taken along: the rest of the columns would be copied for each run.
        needed = {program.output, variable.label}.union(*(program.operands[label] for label in again))
        suffix = ground.suffix(sublayer)
        span, streams = variable.span[suffix.kept], inputs.streams[sublayer][..., suffix.kept]
        states = self._states(sublayer)
        held = inputs.streams[sublayer][:, 1:] @ variable.span
        size = max(64, _NUMBERS_IN_MEMORY // streams[0].numel())
        for start in range(0, len(base), size):
            rows, codes = base[start : start + size], put[start : start + size]
            item = Replacement(codes, np.ones_like(codes, dtype=np.bool_), readers)
            columns = {label: inputs.columns[label][rows] for label in needed}
            output = program.rerun(columns, {variable.label: item})[program.output]
            stream = streams[torch.from_numpy(rows)]
            stream[:, 1:] += (states[torch.from_numpy(codes)] - held[torch.from_numpy(rows)]) @ span.T
            yield torch.from_numpy(output), ground.decoder.codes(suffix.logits(stream)[:, 1:])

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

    def _failure(
        self, pool: int, put: Rows, batch: _Batch, index: int, *, expected: Sequence[Value], actual: Sequence[Value]
    ) -> Failure:
        row = batch.row[index]
        other, source = put.sources[row].tolist()
        return Failure(
            base=tuple(self._ground.pools[pool].inputs[batch.base[index]]),
            source=tuple(self._ground.pools[other].inputs[source]),
            positions=tuple(np.flatnonzero(put.codes[row] != KEEP).tolist()),
            expected=tuple(expected),
            actual=tuple(actual),
        )


def _grouped(codes: NDArray[np.int64]) -> Tensor:
    """Find which rows of whole numbers are equal [row]."""
    return distinct(torch.from_numpy(codes).double())[1]
