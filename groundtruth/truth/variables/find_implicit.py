"""Where a variable of a compiled model is implicit: before it is written, beside all that it is computed from.

There it has no directions of its own, and yet an interchange of it exists: that of its operands, if nothing but the
variable reads these any more. This is how a carry lies in a learned sum before the MLP that computes it. The claim
is run: the span of the operands is swapped at one position at a time, and the model must give what the program gives
with the source's value of the variable.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from groundtruth.truth.variables.implicit_variable import ImplicitStage, ImplicitTruth
from groundtruth.truth.variables.interchange_rows import KEEP
from groundtruth.truth.variables.interchanges import PAIR_LIMIT, SAMPLE
from groundtruth.truth.variables.position_wise import held_operands, leads_only_to
from groundtruth.truth.variables.residual_sites import Site, residual_sites
from groundtruth.truth.variables.swap_runs import Origin, Swap, SwapRuns, Tally
from groundtruth.truth.variables.value_pool import Ground
from groundtruth.truth.variables.variable_truth import Interchanges, Pairs, VariableTruth
from mib.sublayers import mlp_sublayer

Ints = NDArray[np.int64]

_KINDS: tuple[Pairs, ...] = ("one position",)


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
    laboratory = _ImplicitLaboratory(ground, variable.label)
    stages: list[ImplicitStage] = []
    for sublayer in range(mlp_sublayer(variable.writer.layer) + 1):
        sites = tuple(site for site in residual_sites(variable.n_layers, since=sublayer) if site.sublayer == sublayer)
        operands = _operands(ground, truths, truth, sites[0])
        if operands:
            stages.append(laboratory.proven(sites, operands))
    return ImplicitTruth(variable, tuple(stages))


def _operands(ground: Ground, truths: Sequence[VariableTruth], truth: VariableTruth, site: Site) -> list[VariableTruth]:
    """The variables that lie at a site, are read from there on, and lead to the variable alone; none if some do not."""
    held = [other for other in truths if other.held and site in other.sites and other.at(site).readers]
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


class _ImplicitLaboratory:
    """Interchanges of operands of one variable at one position: every one, or a seeded sample where they are too many.

    Args:
        ground: The model on its domain.
        label: Label of the variable's expression.
    """

    def __init__(self, ground: Ground, label: str) -> None:
        self._ground, self._label = ground, label
        self._known: dict[tuple[int, tuple[tuple[str, str], ...]], ImplicitStage] = {}

    def proven(self, sites: tuple[Site, ...], operands: Sequence[VariableTruth]) -> ImplicitStage:
        """The stage of a residual stream with its interchanges, of every operand together.

        They are run where the operands are next read. Between the site and that reader nothing reads or writes what is
        swapped, so that sites before one reader share their runs.
        """
        readers = [(other, reader) for other in operands for reader in other.at(sites[0]).readers]
        sublayer = min(reader.sublayer(other.variable.n_layers) for other, reader in readers)
        key = sublayer, tuple(other.variable.key for other in operands)
        if key not in self._known:
            self._known[key] = self._run(sites, sublayer, operands)
        return replace(self._known[key], sites=sites)

    def _run(self, sites: tuple[Site, ...], sublayer: int, operands: Sequence[VariableTruth]) -> ImplicitStage:
        span = torch.linalg.qr(torch.cat([other.variable.span for other in operands], dim=1))[0]
        swap, sources = self._swap(sublayer, span, [other.variable.label for other in operands])
        names = tuple(dict.fromkeys(str(other.variable) for other in operands))
        return ImplicitStage(sites, names, len(sources), span, self._interchanges(swap, sources))

    def _swap(self, sublayer: int, span: torch.Tensor, labels: Sequence[str]) -> tuple[Swap, Ints]:
        """The swap of the operands, with one source of each of their joint values as (pool, input, position)."""
        pools = self._ground.pools
        columns = [np.stack([pool.columns[label] for label in (*labels, self._label)], axis=-1) for pool in pools]
        flat = [joint.reshape(-1, joint.shape[-1]) for joint in columns]
        values, first, own = np.unique(np.concatenate(flat), axis=0, return_index=True, return_inverse=True)
        ends = np.cumsum([len(joint) for joint in flat])
        numbers = np.split(own.reshape(-1), ends[:-1])
        index = np.searchsorted(ends, first, side="right")
        spots = first - np.concatenate([[0], ends[:-1]])[index]
        rows, positions = np.divmod(spots, np.array([pool.length for pool in pools])[index])
        sources = np.stack([index, rows, positions], axis=1)
        states = [pools[pool].streams[sublayer][row, position + 1] @ span for pool, row, position in sources.tolist()]
        swap = Swap(
            label=self._label,
            readers=None,
            sublayer=sublayer,
            span=span,
            own=[part.reshape(len(pool.inputs), pool.length) for part, pool in zip(numbers, pools, strict=True)],
            states=torch.stack(states),
            codes=values[:, -1],
        )
        return swap, sources

    def _interchanges(self, swap: Swap, sources: Ints) -> Interchanges:
        """Run them and count."""
        pools, n_put = self._ground.pools, len(sources)
        totals = [len(pool.inputs) * pool.length * n_put for pool in pools]
        whole, runs, tally = sum(totals) <= PAIR_LIMIT, SwapRuns(self._ground, swap), Tally(self._ground, _KINDS)
        for index, (pool, total) in enumerate(zip(pools, totals, strict=True)):
            numbers = np.arange(total)
            if not whole:
                # A stream of its own for each length: a sample does not depend on which lengths came before.
                numbers = np.random.default_rng([0, index]).integers(total, size=-(-SAMPLE * total // sum(totals)))
            rest, state = np.divmod(numbers, n_put)
            base, position = np.divmod(rest, pool.length)
            put = np.full((len(numbers), pool.length), KEEP)
            np.put_along_axis(put, position[:, None], state[:, None], axis=1)
            weights = np.ones((len(numbers), len(_KINDS)), dtype=np.int64)
            tally.add(index, base, runs.outcomes(index, base, put), weights, partial(_origin, sources, put))
        return tally.interchanges(exhaustive=whole and self._ground.exhaustive)[0]


def _origin(sources: Ints, put: Ints, index: int) -> Origin:
    """The origin of what an interchange puts at its one position."""
    (position,) = np.flatnonzero(put[index] != KEEP).tolist()
    pool, source, _ = sources[put[index, position]].tolist()
    return Origin(pool, source, (position,))
