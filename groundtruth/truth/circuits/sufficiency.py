"""Whether a circuit reproduces its model: by induction over layers, or by running it.

By induction: if at every node the cut edges together leave the node's output as it is in the full run, given that the
kept edges carry what they carry there, then the circuit's run is the full run.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from groundtruth.truth.circuits.absorption import cannot_reach
from groundtruth.truth.circuits.circuit import EdgeTruth, Sufficiency
from groundtruth.truth.circuits.pair_batches import every_pair, likely_pairs
from groundtruth.truth.circuits.patched_runs import (
    RUN_LIMIT,
    TOLERANCE,
    Runs,
    distinct,
    largest,
    unit,
)
from groundtruth.truth.circuits.value_classes import ValueClasses
from mib.graph import Edge, Letter, Place

NODE_LIMIT = 2_000_000
"""Runs of one node before a proof about it is given up."""

_SAMPLE = 20_000
"""Number of pairs that are run where there are more than may be; they show that a circuit fails, or nothing."""


@dataclass(frozen=True)
class Trial:
    """What came of running a circuit.

    Attributes:
        differs_on: An (input, replacement) on which it differs from the model, if one was found.
        complete: Whether every pair was run.
        runs: Number of pairs that were run.
    """

    differs_on: tuple[int, int] | None
    complete: bool
    runs: int


def prove_sufficiency(runs: Runs, truths: Sequence[EdgeTruth], classes: ValueClasses | None = None) -> Sufficiency:
    """Show that the live edges alone reproduce the model on every pair.

    Args:
        runs: Full runs, and what a cut edge carries.
        truths: Every edge with its proof.
        classes: Classes of values on the whole domain, if the runs are a sample of it.
    """
    # While one is undecided it is not known which edges are live, so that a run would answer another question.
    if undecided := sum(t.status == "undecided" for t in truths):
        return Sufficiency(None, "sample", undecided=undecided)
    loose = doubtful_edges(truths)
    if not loose:
        return Sufficiency(True, "induction")
    live = [t.edge for t in truths if t.status == "live"]
    # Cheapest first: nodes by themselves, then all classes of the circuit, then the circuit on pairs.
    if _preserved_locally(runs, loose, live) if classes is None else classes.preserve_nodes(loose, live):
        return Sufficiency(True, "local")
    if classes is not None and classes.suffices_without(
        [t.edge for t in truths if t.status == "inert" and t.proof != "unread"]
    ):
        return Sufficiency(True, "classes")
    trial = try_circuit(runs, circuit_mask(runs, truths, live))
    # One pair refutes, also where the pool is a sample: its inputs are of the domain.
    if trial.differs_on is not None:
        return Sufficiency(False, "exhaustive", trial.runs)
    # All pairs of a sample are not all pairs of the domain.
    whole = trial.complete and classes is None
    return Sufficiency(True, "exhaustive", trial.runs) if whole else Sufficiency(None, "sample", trial.runs)


def doubtful_edges(truths: Sequence[EdgeTruth]) -> list[Edge]:
    """The edges that carry something that differs from what a cut puts there, but that no single cut shows."""
    return [t.edge for t in truths if t.proof in ("absorbed", "exhaustive", "sampled", "none")]


def is_preserved(
    runs: Runs, truths: Sequence[EdgeTruth], kept: Collection[Edge], classes: ValueClasses | None = None
) -> bool:
    """Prove that a circuit reproduces the model without running it, by induction over nodes or over classes.

    Args:
        runs: Full runs, and what a cut edge carries.
        truths: Every edge with its proof.
        kept: The edges of the circuit.
        classes: Classes of values on the whole domain, if the runs are a sample of it.
    """
    cut = [t for t in truths if t.edge not in kept and t.structural and t.proof != "unread"]
    # What is constant carries the same cut or not, as long as its source writes what it writes in the full run: so by
    # induction.
    loose = [t.edge for t in cut if t.proof != "constant"]
    if classes is None:
        return _preserved_locally(runs, loose, [*kept])
    return classes.preserve_nodes(loose, [*kept]) or classes.suffices_without([t.edge for t in cut])


def circuit_mask(runs: Runs, truths: Sequence[EdgeTruth], edges: Collection[Edge]) -> NDArray[np.bool_]:
    """A circuit as [source, destination].

    Edges over which nothing is read stay in: it makes no difference, and to cut them costs time. Those that carry a
    constant are cut unless they are of the circuit, for in the circuit's run their source may give something else.

    Args:
        runs: Runs of the model.
        truths: Every edge with its proof.
        edges: The edges of the circuit.
    """
    mask, wanted = np.zeros(runs.graph.edge_mask.shape, dtype=np.bool_), frozenset(edges)
    for truth in truths:
        mask[runs.graph.index(truth.edge)] = truth.status == "absent" or truth.edge in wanted
    return mask


def try_circuit(runs: Runs, kept: NDArray[np.bool_], *, limit: int = RUN_LIMIT) -> Trial:
    """Run a circuit on pairs of inputs until it differs from the model.

    Args:
        runs: Runs of the model.
        kept: The edges of the circuit [source, destination].
        limit: Up to so many pairs every one is run, else a sample.
    """
    cut = [edge for edge in runs.graph.edges if not kept[runs.graph.index(edge)]]
    if not cut:
        return Trial(None, True, 0)
    puts = [runs.replacement(edge.source, runs.graph.locate(edge.destination)) for edge in cut]
    # All cut edges carry values of one counterfactual, so that replacements differ if any edge tells them apart.
    replacements, _ = distinct(torch.cat([unit(put) for put in puts], dim=-1))
    everything = torch.arange(len(runs.tokens))
    total = len(everything) * len(replacements)
    if total > limit:
        limit = min(limit, _SAMPLE)
    tried = 0
    for batches in (likely_pairs(runs, replacements), every_pair(runs, everything, replacements)):
        # Likely pairs are run again among every pair; counted apart, they never make an incomplete search look
        # complete.
        start = tried
        for rows, chosen in batches:
            if tried - start >= limit:
                break
            tried += len(rows)
            changed = torch.nonzero(runs.changed(rows, runs.circuit_codes(kept, rows, chosen)))
            if len(changed):
                first = int(changed[0, 0])
                return Trial((int(rows[first]), int(chosen[first])), False, tried)
    return Trial(None, tried - start >= total, tried - start)


def _preserved_locally(runs: Runs, loose: Sequence[Edge], live: Sequence[Edge]) -> bool:
    """Tell whether at every node that a live edge leaves, the cut edges together leave the node's output as it is."""
    into: dict[Place, dict[Letter | str, list[str]]] = {}
    for edge in loose:
        place = runs.graph.locate(edge.destination)
        node = replace(place, letter="") if place.kind == "head" else place
        into.setdefault(node, {}).setdefault(place.letter if place.kind == "head" else "", []).append(edge.source)
    # What a node writes matters only if a kept edge carries it; all others that leave it are cut.
    used = {runs.graph.locate(edge.source) for edge in live}
    return all(
        _node_is_preserved(runs, node, letters)
        for node, letters in into.items()
        if node.kind == "logits" or node in used
    )


def _node_is_preserved(runs: Runs, node: Place, letters: dict[Letter | str, list[str]]) -> bool:
    parts: list[tuple[Place, Tensor, Tensor]] = []
    for letter, sources in letters.items():
        place = replace(node, letter=letter) if node.kind == "head" else node  # pyright: ignore[reportArgumentType]
        put = torch.stack([runs.replacement(source, place) for source in sources]).sum(0)
        # Cut edges add up in what is read, and differences that cancel there are no difference to the node.
        read = torch.stack([runs.read(source, place) for source in sources]).sum(0)
        parts.append((place, put, read))
    if len(parts) == 1 and cannot_reach(runs, parts[0][0], parts[0][2], parts[0][1]):
        return True
    replacements, _ = distinct(torch.cat([unit(put) for _, put, _ in parts], dim=-1))
    cut = {_key(place): read for place, _, read in parts}
    first, group = distinct(runs.others(node, cut, afterwards=False))
    if len(first) * len(replacements) > NODE_LIMIT:
        return False
    full = runs.full_output(node)
    tolerance = TOLERANCE * max(1.0, largest(full))
    # One input of a group is run for all of it, so that all must write alike to begin with.
    if largest(full - full[first][group]) > tolerance:
        return False
    for rows, puts in every_pair(runs, first, replacements):
        deltas = {_key(place): put[puts] - read[rows] for place, put, read in parts}
        if largest(runs.node_output(node, rows, deltas) - full[rows]) > tolerance:
            return False
    return True


def _key(place: Place) -> Letter | str:
    return place.letter if place.kind == "head" else ""
