"""Runs in which a subspace of a residual stream is swapped, in the model and in its program, and what they give.

Two interchanges give the same run if what later components read of the two bases apart from the subspace is the same,
if the program reads the same of them apart from the variable, and if the subspace becomes the same.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from groundtruth.rasp.interning import UNEMBEDDING, Codes, Replacement
from groundtruth.truth.circuits.patched_runs import distinct
from groundtruth.truth.variables.interchange_rows import KEEP
from groundtruth.truth.variables.value_pool import Ground
from groundtruth.truth.variables.variable_truth import Failure, Interchanges, Pairs

_NUMBERS_IN_MEMORY = 2**17

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Swap:
    """A subspace that is swapped, and what that means to the program.

    Attributes:
        label: Label of the expression that is replaced.
        readers: Labels of the expressions that see it; ``None`` = all.
        sublayer: Number of the sublayer that reads next, before which it is swapped.
        span: Orthonormal columns of the subspace [d_model, coordinate].
        own: Number of the state that each position holds, for each pool [input, position].
        states: Content of the subspace by number of the state [state, coordinate].
        codes: The expression's value by number of the state [state].
    """

    label: str
    readers: frozenset[str] | None
    sublayer: int
    span: Tensor
    own: Sequence[Codes]
    states: Tensor
    codes: Codes


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What came out of some interchanges.

    Attributes:
        runs: Number of different runs that they took.
        run: Number of the run that each is [interchange].
        undefined: True where the program has no value at some position [interchange].
        distinguishing: True where the program's output is not the base's [interchange].
        wrong: True where the model's output is not the program's [interchange].
        expected: Outputs of the program, as numbers of values [run, position].
        actual: Outputs of the model, in the decoder's codes [run, position].
    """

    runs: int
    run: Ints
    undefined: NDArray[np.bool_]
    distinguishing: NDArray[np.bool_]
    wrong: NDArray[np.bool_]
    expected: Tensor
    actual: Tensor


@dataclass(frozen=True)
class Origin:
    """Origin of what an interchange puts.

    Attributes:
        pool: Number of the pool of the source.
        source: Number of the source in its pool.
        positions: Positions at which something is put.
    """

    pool: int
    source: int
    positions: tuple[int, ...]


class SwapRuns:
    """Runs of one swap on the inputs of a domain, each distinct one made once.

    Args:
        ground: Model, program and inputs.
        swap: The swap.
    """

    def __init__(self, ground: Ground, swap: Swap) -> None:
        self._ground, self._swap = ground, swap
        self._again = ground.program.recomputed({swap.label: swap.readers})
        self.rest = [self._rest(pool) for pool in range(len(ground.pools))]
        """Numbers of the inputs that give the same runs once the subspace is replaced everywhere, for each pool."""

    def _rest(self, pool: int) -> Ints:
        """Number the inputs of one length by what later components and the program read of them."""
        inputs, swap = self._ground.pools[pool], self._swap
        stream = inputs.streams[swap.sublayer].clone()
        # BOS keeps what it holds: an interchange leaves it alone, so that a run depends on it.
        stream[:, 1:] -= stream[:, 1:] @ swap.span @ swap.span.T
        groups = [distinct(stream @ self._ground.readable(swap.sublayer))[1]]
        groups += [grouped(inputs.columns[label]) for label in sorted(self._read_beside())]
        return grouped(torch.stack(groups, dim=1).numpy()).numpy()

    def _read_beside(self) -> set[str]:
        """The expressions that the program reads, beside the replaced one, when it is run again."""
        program, label, readers, again = self._ground.program, self._swap.label, self._swap.readers, self._again
        found = {operand for other in again for operand in program.operands[other]} - again
        unseeing = {other for other in again if label in program.operands[other] and other not in (readers or again)}
        # Where every expression that is run again sees what is put, the own value of the variable is not read any more.
        if not unseeing:
            found.discard(label)
        put_out = label == program.output and (readers is None or UNEMBEDDING in readers)
        return found if put_out or program.output in again else found | {program.output}

    def outcomes(self, pool: int, base: Ints, put: Codes) -> Outcomes:
        """Make the distinct runs of some interchanges into inputs of one length.

        Args:
            pool: Number of the pool of the inputs.
            base: The inputs that are changed [interchange].
            put: Numbers of the states that are put there, ``KEEP`` for none [interchange, position].
        """
        ground = self._ground
        # What is kept is written out as the own state, so that putting it back and leaving it are one run.
        put = np.where(put == KEEP, self._swap.own[pool][base], put)
        run = grouped(np.concatenate([self.rest[pool][base][:, None], put], axis=1)).numpy()
        _, first = np.unique(run, return_index=True)
        expected, actual = (
            torch.cat(parts) for parts in zip(*self._results(pool, base[first], put[first]), strict=True)
        )
        right, undefined = ground.encoded(expected.numpy()), (expected == 0).any(1)
        own = ground.output_codes[pool][torch.from_numpy(base)]
        unclear = undefined.numpy()[run]
        return Outcomes(
            runs=len(first),
            run=run,
            undefined=unclear,
            distinguishing=ground.decoder.differ(right[run], own).any(1).numpy() & ~unclear,
            # Where the program has no value there is nothing to be wrong about; such pairs are counted apart.
            wrong=(ground.decoder.differ(actual, right).any(1) & ~undefined).numpy()[run],
            expected=expected,
            actual=actual,
        )

    def _results(self, pool: int, base: Ints, put: Codes) -> Iterator[tuple[Tensor, Tensor]]:
        """Return what the program gives, as numbers, and the model, as the decoder's codes, both [run, position]."""
        ground, swap = self._ground, self._swap
        inputs, program = ground.pools[pool], ground.program
        # Only what is read again is taken along: the rest of the columns would be copied for each run.
        needed = {program.output, swap.label}.union(*(program.operands[label] for label in self._again))
        suffix = ground.suffix(swap.sublayer)
        span, streams = swap.span[suffix.kept], inputs.streams[swap.sublayer][..., suffix.kept]
        held = inputs.streams[swap.sublayer][:, 1:] @ swap.span
        size = max(64, _NUMBERS_IN_MEMORY // streams[0].numel())
        for start in range(0, len(base), size):
            rows, states = base[start : start + size], put[start : start + size]
            item = Replacement(swap.codes[states], np.ones_like(states, dtype=np.bool_), swap.readers)
            columns = {label: inputs.columns[label][rows] for label in needed}
            output = program.rerun(columns, {swap.label: item})[program.output]
            stream = streams[torch.from_numpy(rows)]
            stream[:, 1:] += (swap.states[torch.from_numpy(states)] - held[torch.from_numpy(rows)]) @ span.T
            yield torch.from_numpy(output), ground.decoder.codes(suffix.logits(stream)[:, 1:])


class Tally:
    """Counts of outcomes by kind of pairs, over all lengths.

    Args:
        ground: Model, program and inputs.
        kinds: The kinds.
    """

    def __init__(self, ground: Ground, kinds: Sequence[Pairs]) -> None:
        self._ground, self._kinds = ground, kinds
        self._counts = np.zeros((4, len(kinds)), dtype=np.int64)
        self._failures: dict[int, Failure] = {}
        self.runs = 0
        """Number of different runs so far."""

    def add(self, pool: int, base: Ints, outcomes: Outcomes, weights: Ints, origin: Callable[[int], Origin]) -> None:
        """Count some interchanges into inputs of one length.

        Args:
            pool: Number of the pool of the inputs.
            base: The inputs that are changed [interchange].
            outcomes: Outcomes of the interchanges.
            weights: Number of pairs that each stands for, by kind [interchange, kind].
            origin: Origin of an interchange by its index, asked for the first that is wrong of each kind.
        """
        every = np.ones(len(base), dtype=np.bool_)
        parts = (every, outcomes.undefined, outcomes.distinguishing, outcomes.wrong)
        self._counts += np.stack([weights[part].sum(0) for part in parts])
        self.runs += outcomes.runs
        for kind in range(len(self._kinds)):
            hits = np.flatnonzero(outcomes.wrong & (weights[:, kind] > 0))
            if len(hits) and kind not in self._failures:
                first = int(hits[0])
                self._failures[kind] = self._failure(pool, int(base[first]), outcomes, first, origin(first))

    def _failure(self, pool: int, base: int, outcomes: Outcomes, index: int, origin: Origin) -> Failure:
        ground, run = self._ground, outcomes.run[index]
        return Failure(
            base=tuple(ground.pools[pool].inputs[base]),
            source=tuple(ground.pools[origin.pool].inputs[origin.source]),
            positions=origin.positions,
            expected=tuple(ground.program.numbers[ground.program.output].decode(outcomes.expected[run].numpy())),
            actual=tuple(ground.decoder.decode(outcomes.actual[run])),
        )

    def interchanges(self, *, exhaustive: bool) -> tuple[Interchanges, ...]:
        """List the counts of every kind that was tried.

        Args:
            exhaustive: True if every interchange between inputs of the domain was counted.
        """
        found: list[Interchanges] = []
        for k, kind in enumerate(self._kinds):
            tried, undefined, distinguishing, wrong = self._counts[:, k].tolist()
            if tried:
                failure = self._failures.get(k)
                found.append(Interchanges(kind, tried, undefined, distinguishing, wrong, exhaustive, failure))
        return tuple(found)


def grouped(codes: Ints) -> Tensor:
    """Find which rows of whole numbers are equal [row]."""
    return distinct(torch.from_numpy(codes).double())[1]
