"""One edge cut on pairs of inputs, and what that shows: a witness, or that no pair of a whole pool has one."""

from collections.abc import Iterable
from typing import TypeAlias

import torch
from torch import Tensor

from groundtruth.truth.circuits.absorption import cannot_reach
from groundtruth.truth.circuits.circuit import Proof, Status
from groundtruth.truth.circuits.pair_batches import likely_pairs
from groundtruth.truth.circuits.patched_runs import RUN_LIMIT, TOLERANCE, Rows, Runs, distinct, largest
from mib.graph import Edge, Letter, Place

Decision: TypeAlias = tuple[Status, Proof, int, tuple[int, int] | None]
"""Status and proof of an edge, on how many pairs it was tried, and its witness as (input, replacement)."""


def is_constant(runs: Runs, edge: Edge) -> bool:
    """Tell whether what is read along an edge is, on every input and at every position, what a cut puts there."""
    place = runs.graph.locate(edge.destination)
    read, put = runs.read(edge.source, place), runs.replacement(edge.source, place)
    # Under resample any input may stand in for any other, so nothing may vary at a position; else there is one
    # replacement to differ from.
    spread = largest(read.amax(0) - read.amin(0)) if runs.ablation == "resample" else largest(read - put)
    return spread <= TOLERANCE * max(1.0, largest(read))


def search(runs: Runs, edge: Edge) -> Decision:
    """Cut one edge on pairs of inputs until an output changes or all pairs are done.

    Returns:
        Status, proof, on how many pairs that was tried, and the witness as (input, replacement).
    """
    cut = CutEdge(runs, edge)
    # A witness is cheap where there is one, and proves the edge live whatever else holds; so it is looked for before
    # any proof.
    tried, hit = cut.first_change(likely_pairs(runs, cut.replacements))
    if hit is not None:
        return "live", "witness", tried, hit
    # Proven of states and not of pairs, at a cost that does not grow with their number.
    if cannot_reach(runs, cut.place, cut.read, cut.put):
        return "inert", "absorbed", len(runs.tokens) * len(cut.replacements), None
    status, proof, more, hit = _try_every_pair(cut)
    return status, proof, more if status == "inert" else tried + more, hit


class CutEdge:
    """One edge, what is read along it in the full runs, and what a cut puts there instead.

    Args:
        runs: Full runs.
        edge: The edge.
    """

    def __init__(self, runs: Runs, edge: Edge) -> None:
        self.runs, self.place = runs, runs.graph.locate(edge.destination)
        self.read, self.put = runs.read(edge.source, self.place), runs.replacement(edge.source, self.place)
        # Replacements that the destination reads alike give the same run: one of each is run, and stands for all of
        # them.
        self.replacements, _ = distinct(self.put)

    def output(self, rows: Rows, replacements: Rows) -> Tensor:
        """Return what the destination gives with the edge cut."""
        return self.runs.node_output(self.place, rows, {_key(self.place): self.put[replacements] - self.read[rows]})

    def first_change(
        self, pairs: Iterable[tuple[Rows, Rows]], *, limit: int | None = None
    ) -> tuple[int, tuple[int, int] | None]:
        """Run batches of (inputs, replacements) until an output changes, or so many were run.

        Returns:
            Number of pairs that were run, and the first that changes an output.
        """
        tried = 0
        for rows, replacements in pairs:
            if limit is not None and tried >= limit:
                break
            tried += len(rows)
            codes = self.runs.codes_after(self.place, rows, self.output(rows, replacements))
            hit = torch.nonzero(self.runs.changed(rows, codes))
            if len(hit):
                return tried, (int(rows[hit[0, 0]]), int(replacements[hit[0, 0]]))
        return tried, None


def _try_every_pair(cut: CutEdge) -> Decision:
    """Run one input of each class of inputs with every distinct replacement, and compare with all of the class.

    Inputs are of one class if a run with the edge cut depends on them in the same way; it is the same run then. Where
    there are more runs than may be done, classes are taken in random order until so many are.
    """
    runs, place, replacements = cut.runs, cut.place, cut.replacements
    first, group = distinct(runs.others(place, {_key(place): cut.read}, afterwards=True))
    full, n_put = runs.full_output(place), len(replacements)
    absorbed, tolerance = True, TOLERANCE * max(1.0, largest(full))
    members = [torch.nonzero(group == index)[:, 0] for index in range(len(first))]
    order = torch.arange(len(first))
    # In random order, so that the part of the classes that is run is no corner of the domain such as its shortest
    # inputs.
    if gives_up := len(first) * n_put > RUN_LIMIT:
        order = torch.randperm(len(first), generator=torch.Generator().manual_seed(0))[: max(1, RUN_LIMIT // n_put)]
    step = max(1, runs.rows_a_batch // n_put)
    for start in range(0, len(order), step):
        chosen = order[start : start + step]
        rows, puts = first[chosen].repeat_interleave(n_put), replacements.repeat(len(chosen))
        output = cut.output(rows, puts)
        codes = runs.codes_after(place, rows, output).unflatten(0, (-1, n_put))
        output = output.unflatten(0, (-1, n_put))
        for index, which in enumerate(chosen.tolist()):
            # All of a class give this run, but each has its own output and its own positions that count.
            same = members[which]
            absorbed = absorbed and largest(output[index] - full[same[0]]) <= tolerance
            if (hit := _differing(runs, same, codes[index])) is not None:
                return "live", "witness", start * n_put + len(rows), (hit[0], int(replacements[hit[1]]))
    if gives_up:
        return "undecided", "none", len(order) * n_put, None
    # Under resample the own value of every member is among the replacements, so that its full output was compared
    # above.
    if absorbed and runs.ablation != "resample":
        absorbed = all(largest(full[same] - full[same[0]]) <= tolerance for same in members)
    return "inert", "absorbed" if absorbed else "exhaustive", len(runs.tokens) * n_put, None


def _differing(runs: Runs, rows: Tensor, codes: Tensor) -> tuple[int, int] | None:
    """The first of some inputs whose output is not that of a run, and which run [run, position]."""
    if len(rows) == 1:  # as most classes of inputs are
        hits = torch.nonzero((runs.decoder.differ(codes, runs.codes[rows]) & runs.counts[rows]).any(1))
        return (int(rows[0]), int(hits[0, 0])) if len(hits) else None
    expected, which = torch.unique(runs.codes[rows], dim=0, return_inverse=True)
    for index, own in enumerate(expected):
        # Members may count other positions (PAD of shorter inputs), so that each pattern of these is judged by itself.
        mine = rows[which == index]
        differ = runs.decoder.differ(codes, own[None])  # [run, position]
        counted, where = torch.unique(runs.counts[mine], dim=0, return_inverse=True)
        for kind, counts in enumerate(counted):
            hits = torch.nonzero((differ & counts).any(1))
            if len(hits):
                return int(mine[where == kind][0]), int(hits[0, 0])
    return None


def _key(place: Place) -> Letter | str:
    return place.letter if place.kind == "head" else ""


def cut_output(runs: Runs, edge: Edge, row: int, replacement: int) -> Tensor:
    """Return what the model decodes to on one input with one edge cut [position].

    Args:
        runs: Full runs.
        edge: The edge that is cut.
        row: The input.
        replacement: Number of the value that the edge carries: the counterfactual input, or 0 where there is but one
            replacement.
    """
    place = runs.graph.locate(edge.destination)
    rows = torch.tensor([row])
    put, own = runs.replacement_outputs[edge.source][[replacement]], runs.outputs[edge.source][rows]
    delta = (put - own) @ runs.reading(place)
    return runs.codes_after(place, rows, runs.node_output(place, rows, {_key(place): delta}))[0]
