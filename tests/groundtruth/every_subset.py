"""The family of minimal circuits by trying every set of edges, in NumPy, sharing no code with the prover.

Every set of the edges over which anything is read is run. A set that fails on one pair of inputs is out; the minimal
ones of those left are run on every pair. What fails there takes with it all other sets that fail on the same pair,
until nothing fails.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from groundtruth.model import CompiledModel
from groundtruth.truth.circuits.circuit import Circuit
from tests.groundtruth.brute_force import BruteForce, Cut

Array = NDArray[np.float64]
Masks = NDArray[np.int64]
Pair = tuple[int, int]

MOST = 14
"""With more edges there are too many sets."""

ROUNDING = 1e-7
"""What is read over an edge of a rotated model is less than this where nothing is read over that of the original."""

_ROWS = 4096
_FIRST = 12


def family_differences(model: CompiledModel, circuit: Circuit) -> list[str]:
    """What trying every set of edges finds otherwise; one line a minimal circuit that is missing or is none."""
    force = BruteForce(model, circuit.ablation, circuit.lengths)
    read = [edge for edge in force.edges if np.abs(force.composed(edge)).max(initial=0) > ROUNDING]
    found = minimal_sets(force, read)
    claimed = {frozenset((edge.source, edge.destination) for edge in edges) for edges in circuit.minimal_circuits}
    where = f"{model.name} {circuit.ablation}/{circuit.lengths}"
    wrong = [f"{where}: {sorted(edges)} is missing" for edges in found - claimed if circuit.complete]
    wrong += [f"{where}: {sorted(edges)} is no minimal circuit" for edges in claimed - found]
    return wrong


def minimal_sets(force: BruteForce, edges: Sequence[Cut]) -> set[frozenset[Cut]]:
    """Every set of edges that changes no output on any pair, all others being cut, and holds no other such set."""
    assert len(edges) <= MOST
    rng = np.random.default_rng(0)
    n_put = len(force.inputs) if force.ablation == "resample" else 1
    pairs = [(int(rng.integers(len(force.inputs))), int(rng.integers(n_put))) for _ in range(_FIRST)]
    left: Masks = np.arange(2 ** len(edges))
    for pair in pairs:
        left = left[~fails(force, edges, left, pair)]
    known: set[int] = set()
    while True:
        minimal = _minimal(left, len(edges))
        failing = [pair for mask in minimal if mask not in known and (pair := _failing(force, edges, mask)) is not None]
        known |= set(minimal)
        if not failing:
            return {frozenset(e for bit, e in enumerate(edges) if mask >> bit & 1) for mask in minimal}
        for pair in failing:
            left = left[~fails(force, edges, left, pair)]


def fails(force: BruteForce, edges: Sequence[Cut], masks: Masks, pair: Pair) -> NDArray[np.bool_]:
    """Which sets of edges give another output than the model on one pair of inputs [set]."""
    found = [_fail(force, edges, masks[start : start + _ROWS], pair) for start in range(0, len(masks), _ROWS)]
    return np.concatenate([*found, np.zeros(0, dtype=bool)])


def _fail(force: BruteForce, edges: Sequence[Cut], masks: Masks, pair: Pair) -> NDArray[np.bool_]:
    row, put = pair
    bit_of = {edge: bit for bit, edge in enumerate(edges)}
    # A node is run once for all sets that are the same on the paths to it: by source those edges, and such sets.
    above = {"input": 0, "pos": 0}
    sets = {name: np.zeros(1, dtype=np.int64) for name in above}
    own: dict[str, Array] = {name: force.full[name][[row]] for name in above}
    place = np.zeros(len(masks), dtype=np.int64)
    for node, ends in force.nodes:
        into = {end: [s for s in force.before(node) if (s, end) in bit_of] for end in ends}
        above[node] = 0
        for end, sources in into.items():
            for source in sources:
                above[node] |= above[source] | 1 << bit_of[source, end]
        sets[node], place = np.unique(masks & above[node], return_inverse=True)
        reads: list[Array] = []
        for end, sources in into.items():
            total = np.zeros((len(sets[node]), *force.full["input"].shape[1:]))
            for source in sources:
                carried = own[source][np.searchsorted(sets[source], sets[node] & above[source])]
                kept = (sets[node] >> bit_of[source, end] & 1).astype(bool)[:, None, None]
                total += np.where(kept, carried, force.put[source][[put]])
            reads.append(total)
        own[node] = force.outputs_of(node, reads)
    return force.differ(own["logits"], np.full(len(sets["logits"]), row))[place]


def _minimal(masks: Masks, n: int) -> list[int]:
    """The masks that hold no other one of them."""
    holds = np.zeros(2**n, dtype=bool)
    holds[masks] = True
    below = np.zeros(2**n, dtype=bool)  # whether a proper part is among them
    every = np.arange(2**n)
    for bit in range(n):
        with_bit = every[(every >> bit & 1) == 1]
        below[with_bit] |= (holds | below)[with_bit ^ (1 << bit)]
    return [int(mask) for mask in masks if not below[mask]]


def _failing(force: BruteForce, edges: Sequence[Cut], mask: int) -> Pair | None:
    """The first pair on which a set of edges gives another output than the model."""
    kept = {edge for bit, edge in enumerate(edges) if mask >> bit & 1}
    cut = [edge for edge in edges if edge not in kept]
    return next(force.differing(cut), None) if cut else None
