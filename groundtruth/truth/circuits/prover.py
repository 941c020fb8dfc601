"""The prover: a status and a proof for every edge of a compiled model, and the joint sufficiency of the live ones."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from groundtruth.compiled.domain import Tokens
from groundtruth.compiled.network import CompiledNetwork
from groundtruth.errors import DomainError
from groundtruth.truth.circuits.absorption import cannot_reach
from groundtruth.truth.circuits.circuit import (
    Circuit,
    EdgeTruth,
    Lengths,
    Proof,
    Reason,
    Status,
    Witness,
    require_ablation,
    require_lengths,
)
from groundtruth.truth.circuits.family import minimal_circuits
from groundtruth.truth.circuits.patched_runs import RUN_LIMIT, TOLERANCE, Runs, distinct, largest, likely_pairs, pool
from groundtruth.truth.circuits.reasons import structure, unread
from groundtruth.truth.circuits.sufficiency import prove_sufficiency
from mib.graph import Edge, Letter, Place

POOL_LIMIT = 4_000
"""Domains up to this size are proven on whole; of larger ones a seeded sample of this size is used, and said so."""


@dataclass(frozen=True, eq=False)
class Ground:
    """What proofs about one model under one ablation run on.

    Attributes:
        model: The model.
        lengths: Which inputs.
        inputs: Them.
        exhaustive: Whether they are all inputs of that kind.
        runs: Full runs on them, and what a cut edge carries.
    """

    model: CompiledNetwork
    lengths: Lengths
    inputs: list[Tokens]
    exhaustive: bool
    runs: Runs


def ground(model: CompiledNetwork, ablation: str, lengths: str) -> Ground:
    """Run a model on the inputs of its domain.

    Raises:
        DomainError: For an unknown ablation or kind of lengths, or mixed lengths of a model that padding disturbs.
    """
    kind, which = require_ablation(ablation), require_lengths(lengths)
    if which == "mixed" and not model.pad_safe:
        raise DomainError(
            f"lengths='mixed' pads inputs to one length, and padding changes what '{model.name}' gives. "
            "Use lengths='fixed'."
        )
    drawn = model.domain.inputs(limit=POOL_LIMIT)
    inputs, exhaustive = list(drawn.tokens), drawn.exhaustive
    if which == "fixed":
        longest = max(len(tokens) for tokens in inputs)
        inputs = [tokens for tokens in inputs if len(tokens) == longest]
    tokens = model.encode(inputs, length=max(len(item) for item in inputs))
    counts = pool(tokens, special=(model.bos_id, model.pad_id))
    runs = Runs(model.core, model.graph, model.decoder, tokens, counts, kind)
    return Ground(model, which, inputs, exhaustive, runs)


def prove(model: CompiledNetwork, *, ablation: str = "resample", lengths: str | None = None) -> Circuit:
    """The exact circuit of a model.

    Args:
        model: A compiled model.
        ablation: What a cut edge carries: ``resample`` (the source's output on another input), ``zero``, ``mean``
            (over inputs and positions) or ``mean-positional`` (over inputs).
        lengths: ``fixed``: inputs of the greatest length; ``mixed``: of all lengths, padded on the right. By default
            mixed where padding is harmless and there are several lengths.

    Raises:
        DomainError: For an unknown ablation or kind of lengths, or mixed lengths of a model that padding disturbs.
    """
    return prove_on(ground(model, ablation, lengths or default_lengths(model)))


def default_lengths(model: CompiledNetwork) -> Lengths:
    """Mixed where padding is harmless and there are several lengths, else fixed."""
    return "mixed" if model.pad_safe and len(model.domain.lengths) > 1 else "fixed"


def prove_on(base: Ground) -> Circuit:
    """Give every edge a status and a proof, and show that the live edges suffice, or what else is needed."""
    truths = [prove_edge(base, edge) for edge in base.model.graph.edges]
    sufficiency = prove_sufficiency(base.runs, truths)
    circuits: tuple[tuple[Edge, ...], ...] = (tuple(t.edge for t in truths if t.status == "live"),)
    complete = True
    if sufficiency.holds is False:
        circuits, complete = minimal_circuits(base.runs, truths)
        joint = {edge for circuit in circuits for edge in circuit}
        truths = [replace(t, redundant=t.edge in joint and t.status != "live") for t in truths]
    return Circuit(
        graph=base.model.graph,
        ablation=base.runs.ablation,
        lengths=base.lengths,
        inputs=len(base.inputs),
        exhaustive=base.exhaustive,
        truths=tuple(truths),
        sufficiency=sufficiency,
        minimal_circuits=circuits,
        complete=complete,
    )


def prove_edge(base: Ground, edge: Edge) -> EdgeTruth:
    """The status of one edge, with its proof."""
    why = structure(base.model).get(edge)
    if why is None:
        return EdgeTruth(edge, "absent", "zero", Reason("nothing", (), ()))
    if edge in unread(base.model):
        return EdgeTruth(edge, "inert", "unread", why)
    if not is_backup(base.model, edge.source) and is_constant(base.runs, edge):
        return EdgeTruth(edge, "inert", "constant", why)
    status, proof, tried, found = search(base.runs, edge)
    return EdgeTruth(edge, status, proof, why, tried, _witness(base, edge, *found) if found else None)


def is_backup(model: CompiledNetwork, source: str) -> bool:
    """Whether a source is an MLP that stands by: what it writes is constant only until what it backs up is cut.

    In a circuit it may write something else, so that its edges can be in a minimal circuit, which constant ones
    cannot.
    """
    place = model.graph.locate(source)
    return place.kind == "mlp" and any(neuron.role == "backup" for neuron in model.provenance.neurons_in(place.layer))


def is_constant(runs: Runs, edge: Edge) -> bool:
    """Whether what is read along an edge is, on every input and at every position, what a cut puts there."""
    place = runs.graph.locate(edge.destination)
    read, put = runs.read(edge.source, place), runs.replacement(edge.source, place)
    spread = largest(read.amax(0) - read.amin(0)) if runs.ablation == "resample" else largest(read - put)
    return spread <= TOLERANCE * max(1.0, largest(read))


def search(runs: Runs, edge: Edge) -> tuple[Status, Proof, int, tuple[int, int] | None]:
    """Cut one edge on pairs of inputs until an output changes or all pairs are done.

    Returns:
        Status, proof, on how many pairs that was tried, and the witness as (input, replacement).
    """
    place = runs.graph.locate(edge.destination)
    read, put = runs.read(edge.source, place), runs.replacement(edge.source, place)
    first, _ = distinct(put)
    tried = 0
    for rows, replacements in likely_pairs(runs, first):
        tried += len(rows)
        hit = _first_change(runs, place, read, put, rows, replacements)
        if hit is not None:
            return "live", "witness", tried, hit
    if cannot_reach(runs, place, read, put):
        return "inert", "absorbed", len(runs.tokens) * len(first), None
    status, proof, more, hit = _try_every_pair(runs, place, read, put, first)
    return status, proof, more if status == "inert" else tried + more, hit


def _first_change(
    runs: Runs, place: Place, read: Tensor, put: Tensor, rows: Tensor, replacements: Tensor
) -> tuple[int, int] | None:
    output = runs.node_output(place, rows, {_key(place): put[replacements] - read[rows]})
    hit = torch.nonzero(runs.changed(rows, runs.codes_after(place, rows, output)))
    return (int(rows[hit[0, 0]]), int(replacements[hit[0, 0]])) if len(hit) else None


def _try_every_pair(
    runs: Runs, place: Place, read: Tensor, put: Tensor, replacements: Tensor
) -> tuple[Status, Proof, int, tuple[int, int] | None]:
    """Run one input of each class of inputs with every distinct replacement, and compare with all of the class.

    Inputs are of one class if a run with the edge cut depends on them in the same way; it is the same run then.
    """
    first, group = distinct(runs.others(place, {_key(place): read}, afterwards=True))
    full, n_put = runs.full_output(place), len(replacements)
    absorbed, tolerance = True, TOLERANCE * max(1.0, largest(full))
    members = [torch.nonzero(group == index)[:, 0] for index in range(len(first))]
    if len(first) * n_put > RUN_LIMIT:
        return "undecided", "none", 0, None
    step = max(1, runs.rows_a_batch // n_put)
    for start in range(0, len(first), step):
        rows = first[start : start + step].repeat_interleave(n_put)
        puts = replacements.repeat(len(rows) // n_put)
        output = runs.node_output(place, rows, {_key(place): put[puts] - read[rows]})
        codes = runs.codes_after(place, rows, output).unflatten(0, (-1, n_put))
        output = output.unflatten(0, (-1, n_put))
        for index in range(len(output)):
            same = members[start + index]
            absorbed = absorbed and largest(output[index] - full[same[0]]) <= tolerance
            if (hit := _differing(runs, same, codes[index])) is not None:
                return "live", "witness", start * n_put + len(rows), (hit[0], int(replacements[hit[1]]))
    if absorbed and runs.ablation != "resample":
        absorbed = all(largest(full[same] - full[same[0]]) <= tolerance for same in members)
    return "inert", "absorbed" if absorbed else "exhaustive", len(runs.tokens) * n_put, None


def _differing(runs: Runs, rows: Tensor, codes: Tensor) -> tuple[int, int] | None:
    """The first of some inputs whose output is not that of a run, and which run [run, position]."""
    expected, which = torch.unique(runs.codes[rows], dim=0, return_inverse=True)
    for index, own in enumerate(expected):
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
    """What the model decodes to on one input with one edge cut [position].

    Args:
        runs: Full runs.
        edge: The edge that is cut.
        row: The input.
        replacement: What the edge carries: the counterfactual input, or 0 where there is but one replacement.
    """
    place = runs.graph.locate(edge.destination)
    rows = torch.tensor([row])
    put, own = runs.replacement_outputs[edge.source][[replacement]], runs.outputs[edge.source][rows]
    delta = (put - own) @ runs.reading(place)
    return runs.codes_after(place, rows, runs.node_output(place, rows, {_key(place): delta}))[0]


def _witness(base: Ground, edge: Edge, row: int, replacement: int) -> Witness:
    runs = base.runs
    counts = runs.counts[row]
    decode = base.model.decoder.decode
    return Witness(
        clean=tuple(base.inputs[row]),
        counterfactual=tuple(base.inputs[replacement]) if runs.ablation == "resample" else None,
        output=tuple(decode(runs.codes[row][counts])),
        cut_output=tuple(decode(cut_output(runs, edge, row, replacement)[counts])),
    )
