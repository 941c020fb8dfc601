"""Where a variable of a compiled model is implicit: before it is written, beside all that it is computed from.

There it has no directions of its own, and yet an interchange of it exists: that of its operands, if nothing but the
variable reads these any more. This is how a carry lies in a learned sum before the MLP that computes it. The claim
is run: the span of the operands is swapped at one position at a time, and the model must give what the program gives
with the source's value of the variable.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from groundtruth.rasp.interning import Replacement
from groundtruth.truth.variables.implicit_variable import ImplicitStage, ImplicitTruth
from groundtruth.truth.variables.interchanges import PAIR_LIMIT, SAMPLE
from groundtruth.truth.variables.position_wise import held_operands, leads_only_to
from groundtruth.truth.variables.residual_sites import Site, residual_sites
from groundtruth.truth.variables.value_pool import Ground, StatePool
from groundtruth.truth.variables.variable_truth import Failure, Interchanges, VariableTruth
from mib.sublayers import mlp_sublayer

Ints = NDArray[np.int64]

_ROWS = 4096
"""Interchanges that are run together."""


def find_implicit(ground: Ground, truths: Sequence[VariableTruth], truth: VariableTruth) -> ImplicitTruth:
    """The sites at which a variable is implicit, with the proof of each; none for what no MLP computes.

    Args:
        ground: The model on its domain.
        truths: All its variables.
        truth: The variable.
    """
    variable = truth.variable
    if variable.writer.kind != "mlp_out" or variable.encoding == "reciprocal":
        return ImplicitTruth(variable, ())
    stages: list[ImplicitStage] = []
    for sublayer in range(mlp_sublayer(variable.writer.layer) + 1):
        sites = tuple(site for site in residual_sites(variable.n_layers, since=sublayer) if site.sublayer == sublayer)
        operands = _operands(ground, truths, truth, sites[0])
        if operands:
            stages.append(_proven(ground, truth, sites, operands))
    return ImplicitTruth(variable, tuple(stages))


def _operands(ground: Ground, truths: Sequence[VariableTruth], truth: VariableTruth, site: Site) -> list[VariableTruth]:
    """The variables that lie at a site, are read from there on, and lead to the variable alone; none if some do not."""
    held = [other for other in truths if site in other.sites and other.at(site).readers]
    found = held_operands(ground.program, truth.variable.label, {other.variable.label for other in held})
    if not found:
        return []
    readers: dict[str, set[str]] = {}
    for other in held:
        expressions = (reader.expression for reader in other.at(site).readers)
        # What reads and computes no expression, such as a decoy, does nothing with it that a program could say.
        readers.setdefault(other.variable.label, set()).update(e for e in expressions if e is not None)
    if not leads_only_to(ground.program, found, truth.variable.label, readers):
        return []
    return [other for other in held if other.variable.label in found]


def _proven(
    ground: Ground, truth: VariableTruth, sites: tuple[Site, ...], operands: Sequence[VariableTruth]
) -> ImplicitStage:
    """The stage of a residual stream with its interchanges, of every operand together, at one position each."""
    span = torch.linalg.qr(torch.cat([other.variable.span for other in operands], dim=1))[0]
    trial = _Trial(ground, truth, sites[0].sublayer, span, tuple(other.variable.label for other in operands))
    names = tuple(dict.fromkeys(str(other.variable) for other in operands))
    return ImplicitStage(sites, names, trial.n_states, span, trial.interchanges())


class _Trial:
    """Interchanges of some operands at one position, every distinct one, or a seeded sample where they are too many."""

    def __init__(
        self, ground: Ground, truth: VariableTruth, sublayer: int, span: torch.Tensor, labels: tuple[str, ...]
    ) -> None:
        self._ground, self._label, self._sublayer, self._span = ground, truth.variable.label, sublayer, span
        self._labels = labels
        self._suffix = ground.suffix(sublayer)
        self._codes, self._states, self._sources = self._put()

    @property
    def n_states(self) -> int:
        """How many combinations of the operands' values occur."""
        return len(self._codes)

    def _put(self) -> tuple[Ints, torch.Tensor, list[tuple[int, int, int]]]:
        """Each joint value of the operands once: the variable's number, what lies in the span, where it comes from."""
        rows: list[Ints] = []
        places: list[tuple[int, int, int]] = []
        for index, pool in enumerate(self._ground.pools):
            joint = np.stack([pool.columns[label] for label in (*self._labels, self._label)], axis=-1)
            rows.append(joint.reshape(-1, joint.shape[-1]))
            places += [(index, *divmod(spot, pool.length)) for spot in range(len(pool.inputs) * pool.length)]
        joint, first = np.unique(np.concatenate(rows), axis=0, return_index=True)
        chosen = [places[spot] for spot in first.tolist()]
        states = [
            self._ground.pools[pool].streams[self._sublayer][row, position + 1] @ self._span
            for pool, row, position in chosen
        ]
        return joint[:, -1], torch.stack(states), chosen

    def interchanges(self) -> Interchanges:
        """Run them all, or a sample, and count."""
        pools, n_put = self._ground.pools, len(self._codes)
        totals = [len(pool.inputs) * pool.length * n_put for pool in pools]
        whole, counts, failure = sum(totals) <= PAIR_LIMIT, np.zeros(4, dtype=np.int64), None
        for index, (pool, total) in enumerate(zip(pools, totals, strict=True)):
            numbers = np.arange(total)
            if not whole:
                # A stream of its own for each length: a sample does not depend on which lengths came before.
                numbers = np.random.default_rng([0, index]).integers(total, size=-(-SAMPLE * total // sum(totals)))
            for start in range(0, len(numbers), _ROWS):
                rest, put = np.divmod(numbers[start : start + _ROWS], n_put)
                found, wrong = self._run(pool, *np.divmod(rest, pool.length), put)
                counts += found
                failure = failure or wrong
        tried, undefined, distinguishing, wrong = counts.tolist()
        exhaustive = whole and self._ground.exhaustive
        return Interchanges("one position", tried, undefined, distinguishing, wrong, exhaustive, failure)

    def _run(self, pool: StatePool, rows: Ints, positions: Ints, put: Ints) -> tuple[Ints, Failure | None]:
        """Counts of some interchanges (tried, undefined, distinguishing, wrong), and the first that is wrong."""
        ground, program = self._ground, self._ground.program
        columns = {label: codes[rows] for label, codes in pool.columns.items()}
        codes, where = np.ones_like(columns[self._label]), np.zeros_like(columns[self._label], dtype=np.bool_)
        np.put_along_axis(codes, positions[:, None], self._codes[put][:, None], axis=1)
        np.put_along_axis(where, positions[:, None], True, axis=1)
        output = program.rerun(columns, {self._label: Replacement(codes, where)})[program.output]
        expected, undefined = ground.encoded(output), torch.from_numpy((output == 0).any(1))
        own = ground.encoded(columns[program.output])
        stream = pool.streams[self._sublayer][torch.from_numpy(rows)].clone()
        spot = (torch.arange(len(rows)), torch.from_numpy(positions) + 1)
        stream[spot] += (self._states[torch.from_numpy(put)] - stream[spot] @ self._span) @ self._span.T
        actual = ground.decoder.codes(self._suffix.logits(stream[..., self._suffix.kept])[:, 1:])
        wrong = ground.decoder.differ(actual, expected).any(1) & ~undefined
        changed = ground.decoder.differ(expected, own).any(1) & ~undefined
        counts = np.array([len(rows), *(int(part.sum()) for part in (undefined, changed, wrong))])
        if not wrong.any():
            return counts, None
        first = int(wrong.nonzero()[0])
        source, row, _ = self._sources[put[first]]
        return counts, Failure(
            base=tuple(pool.inputs[rows[first]]),
            source=tuple(ground.pools[source].inputs[row]),
            positions=(int(positions[first]),),
            expected=tuple(program.numbers[program.output].decode(output[first])),
            actual=tuple(ground.decoder.decode(actual[first])),
        )
