"""The prover: a status and a proof for every edge of a compiled model, and the joint sufficiency of the live ones."""

import contextlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch

from groundtruth.compiled.domain import Tokens
from groundtruth.compiled.network import CompiledNetwork
from groundtruth.compiled.program_network import ProgramNetwork
from groundtruth.errors import DomainError
from groundtruth.truth.circuits.circuit import (
    Circuit,
    EdgeTruth,
    Lengths,
    Reason,
    Sufficiency,
    Witness,
    require_ablation,
    require_coherent,
    require_lengths,
)
from groundtruth.truth.circuits.cut_edge import CutEdge, Decision, cut_output, is_constant, search
from groundtruth.truth.circuits.deadline import Deadline, OutOfTimeError
from groundtruth.truth.circuits.family import Circuits, CircuitTrials, minimal_circuits
from groundtruth.truth.circuits.input_pool import InputPool, input_pool, require_memory
from groundtruth.truth.circuits.pair_batches import covering_pairs, every_pair, likely_pairs
from groundtruth.truth.circuits.patched_runs import (
    Runs,
    pool,
)
from groundtruth.truth.circuits.reasons import structure, unread
from groundtruth.truth.circuits.sufficiency import prove_sufficiency
from groundtruth.truth.circuits.value_classes import ValueClasses
from mib.graph import Edge

_NEAR = 48
"""Number of first inputs of a sample that are paired with each other before anything else is tried."""

_SAMPLE_RUNS = 20_000
"""Runs with one edge cut, on a sample of a domain, before its search for a witness is given up."""


@dataclass(frozen=True, eq=False)
class Ground:
    """What proofs about one model under one ablation run on.

    Attributes:
        model: The model.
        lengths: Lengths of the inputs.
        pool: The inputs that are run, and whether they are all of that kind.
        runs: Full runs on them, and what a cut edge carries.
    """

    model: CompiledNetwork
    lengths: Lengths
    pool: InputPool
    runs: Runs

    @property
    def inputs(self) -> list[Tokens]:
        """The inputs that are run."""
        return self.pool.inputs

    @property
    def exhaustive(self) -> bool:
        """True if they are all inputs of that kind."""
        return self.pool.exhaustive

    @cached_property
    def near(self) -> Runs:
        """Runs on the first inputs of a sample alone, which show most live edges at little cost.

        Under mean ablation they are all runs, since the means are.
        """
        # A mean over the first inputs alone would be another ablation.
        if self.exhaustive or self.runs.ablation in ("mean", "mean-positional"):
            return self.runs
        return replace(self.runs, tokens=self.runs.tokens[:_NEAR], counts=self.runs.counts[:_NEAR])

    @cached_property
    def classes(self) -> ValueClasses:
        """The classes of values that can stand at each position, for proofs on domains that are not run whole."""
        model, width = self.model, self.runs.tokens.shape[1] - 1
        # What is proven holds of every input of the domain, so a length counts that the sample happens to lack.
        lengths = [width] if self.lengths == "fixed" else model.domain.possible_lengths
        vocab = [model.token_ids[token] for token in model.domain.vocab]
        alphabets = [[[model.bos_id], *[vocab] * n, *[[model.pad_id]] * (width - n)] for n in lengths]
        return ValueClasses(self.near, alphabets, lengths)


def ground(
    model: CompiledNetwork,
    ablation: str,
    lengths: str,
    *,
    inputs: Sequence[Sequence[object]] = (),
    budget: int | None = None,
    searched: bool = True,
    deadline: Deadline | None = None,
) -> Ground:
    """Run a model on the inputs of its domain.

    Args:
        model: A compiled model.
        ablation: Kind of ablation of cut edges.
        lengths: Lengths of the inputs.
        inputs: Inputs to run besides those that are chosen.
        budget: Domains up to this size are run whole; of larger ones so many inputs; by default 4,000 and 1,000.
        searched: Whether to search for inputs that matter on a domain that is not run whole.
        deadline: When what is proven of it ends; by default never.

    Raises:
        DomainError: For an unknown ablation or kind of lengths, mixed lengths of a model that padding disturbs, a
            given input outside the domain, or runs that would not fit into memory.
    """
    kind, which = require_ablation(ablation), require_lengths(lengths)
    if which == "mixed" and not model.pad_safe:
        raise DomainError(
            f"lengths='mixed' pads inputs to one length, and padding changes what '{model.name}' gives. "
            "Use lengths='fixed'."
        )
    chosen = input_pool(model, which, inputs=inputs, budget=budget, searched=searched)
    # Mixed lengths are padded to the longest input of the domain, which a sample may lack.
    positions = max(map(len, chosen.inputs) if which == "fixed" else model.domain.possible_lengths)
    require_memory(model, len(chosen.inputs), positions + 1)
    tokens = model.encode(chosen.inputs, length=positions)
    counts = pool(tokens, special=(model.bos_id, model.pad_id))
    # Inputs that were searched for are no sample: a mean over them would be of rare cases.
    mean_over = torch.tensor(chosen.drawn) if chosen.drawn else None
    runs = Runs(model.core, model.graph, model.decoder, tokens, counts, kind, mean_over, deadline)
    return Ground(model, which, chosen, runs)


def prove(
    model: CompiledNetwork,
    *,
    ablation: str = "resample",
    lengths: str | None = None,
    inputs: Sequence[Sequence[object]] = (),
    budget: int | None = None,
    budget_seconds: float | None = None,
) -> Circuit:
    """The exact circuit of a model.

    On a domain that is run whole every edge is decided by running it. On a larger one a live edge is shown by a witness
    among the inputs that are run, an inert one by value classes (see ``value_classes``); the others are undecided.

    Args:
        model: A compiled model.
        ablation: Kind of ablation of cut edges: ``resample`` (the source's output on another input), ``zero``, ``mean``
            (over inputs and positions) or ``mean-positional`` (over inputs); means are over the inputs of the domain,
            or over those drawn at random from one that is not run whole.
        lengths: ``fixed``: inputs of the greatest length; ``mixed``: of all lengths, padded on the right. By default
            mixed where padding is harmless and there are several lengths.
        inputs: Inputs to run besides those that are chosen.
        budget: Domains up to this size are run whole; of larger ones so many inputs; by default 4,000 and 1,000.
        budget_seconds: Seconds that the proof may take; what it has not decided then is undecided, which depends on the
            machine. The batch of runs at work is ended, and so are the full runs before all others, so that it can take
            a little longer.

    Raises:
        DomainError: For an unknown ablation or kind of lengths, mixed lengths of a model that padding disturbs, a
            given input outside the domain, runs that would not fit into memory, or seconds that are not above 0.
        ProofError: If live edges do not lead to the logits, which cannot be.
    """
    deadline = None if budget_seconds is None else Deadline(budget_seconds)
    which = lengths or default_lengths(model)
    return prove_on(ground(model, ablation, which, inputs=inputs, budget=budget, deadline=deadline))


def default_lengths(model: ProgramNetwork) -> Lengths:
    """Mixed where padding is harmless and there are several lengths, else fixed."""
    return "mixed" if model.pad_safe and len(model.domain.lengths) > 1 else "fixed"


def prove_on(base: Ground) -> Circuit:
    """Give every edge a status and a proof, and show that the live edges suffice, or what else is needed."""
    # Sufficiency needs the status of all edges, the family needs sufficiency, and which edges are redundant needs the
    # family.
    truths, late = _prove_edges(base)
    try:
        sufficiency = sufficiency_of(base, truths)
    except OutOfTimeError:
        sufficiency, late = Sufficiency(None, "none"), True
    try:
        circuits, complete = family_of(base, truths, sufficiency)
    except OutOfTimeError:
        circuits, complete, late = _live_alone(truths), False, True
    truths = with_redundant(truths, circuits)
    circuit = Circuit(
        graph=base.model.graph,
        ablation=base.runs.ablation,
        lengths=base.lengths,
        inputs=len(base.inputs),
        exhaustive=base.exhaustive,
        truths=tuple(truths),
        sufficiency=sufficiency,
        minimal_circuits=circuits,
        complete=complete,
        stopped_after=base.runs.deadline.seconds if base.runs.deadline is not None and late else None,
    )
    require_coherent(circuit)
    return circuit


def _prove_edges(base: Ground) -> tuple[list[EdgeTruth], bool]:
    """Prove a status for every edge, and say whether the time was too short for some.

    Each edge first gets its share of what is left, so that a dear one takes nothing from those after it; what they
    leave goes to those for which the share was not enough.
    """
    deadline, edges = base.runs.deadline, base.model.graph.edges
    if deadline is None:
        return [prove_edge(base, edge) for edge in edges], False
    found, late = dict[Edge, EdgeTruth](), False
    for index, edge in enumerate(edges):
        with deadline.share(len(edges) - index), contextlib.suppress(OutOfTimeError):
            found[edge] = prove_edge(base, edge)
    for edge in edges:
        if edge not in found:
            try:
                found[edge] = prove_edge(base, edge)
            except OutOfTimeError:
                found[edge], late = EdgeTruth(edge, "undecided", "none", structure(base.model)[edge]), True
    return [found[edge] for edge in edges], late


def sufficiency_of(base: Ground, truths: Sequence[EdgeTruth]) -> Sufficiency:
    """Show that the live edges alone reproduce the model on every pair of the domain, or say what is known of it."""
    return prove_sufficiency(base.runs, truths, None if base.exhaustive else base.classes)


def family_of(base: Ground, truths: Sequence[EdgeTruth], sufficiency: Sufficiency) -> tuple[Circuits, bool]:
    """The minimal circuits, and whether they are known to be all.

    Where it is not known whether the live edges suffice, they stand for the family, which is not known either.
    """
    if sufficiency.holds is None:
        return _live_alone(truths), False
    return minimal_circuits(trials_of(base, truths, sufficiency))


def _live_alone(truths: Sequence[EdgeTruth]) -> Circuits:
    """The live edges, which stand for a family that is not known."""
    return (tuple(t.edge for t in truths if t.status == "live"),)


def trials_of(base: Ground, truths: Sequence[EdgeTruth], sufficiency: Sufficiency) -> CircuitTrials:
    """Runs of circuits of a model."""
    return CircuitTrials(base.runs, truths, sufficiency, None if base.exhaustive else base.classes)


def with_redundant(truths: Sequence[EdgeTruth], circuits: Circuits) -> list[EdgeTruth]:
    """The truths, with the edges marked that no single cut shows though a minimal circuit holds them."""
    joint = {edge for circuit in circuits for edge in circuit}
    return [replace(t, redundant=t.edge in joint and t.status != "live") for t in truths]


def prove_edge(base: Ground, edge: Edge) -> EdgeTruth:
    """The status of one edge, with its proof."""
    why = structure(base.model).get(edge)
    if why is None:
        return EdgeTruth(edge, "absent", "zero", Reason("nothing", (), ()))
    # Before any run: these are on `core`, where decoys write nothing, and would call the edge constant for the wrong
    # reason.
    if edge in unread(base.model):
        return EdgeTruth(edge, "inert", "unread", why)
    status, proof, tried, found = decide(base, edge)
    return EdgeTruth(edge, status, proof, why, tried, _witness(base, edge, *found) if found else None)


def decide(base: Ground, edge: Edge) -> Decision:
    """The status of an edge over which something travels that is read by more than decoys."""
    backup = is_backup(base.model, edge.source)
    if not base.exhaustive:
        return _decide_on_sample(base, edge, backup)
    # A backup writes a constant only as long as nothing else is cut, and a constant edge is cut freely in proofs of
    # circuits.
    if not backup and is_constant(base.runs, edge):
        return "inert", "constant", 0, None
    decision = search(base.runs, edge)
    # The search gave up after `RUN_LIMIT` runs; classes of values may decide what is too much to run.
    if decision[0] == "undecided" and (proof := base.classes.proof(edge)) is not None:
        return "inert", proof, 0, None
    return decision


def _decide_on_sample(base: Ground, edge: Edge, backup: bool) -> Decision:
    """Look for a witness where one is likely, then for a proof by value classes, then for a witness further on."""
    # Not `is_constant` of runs: on a sample that shows nothing of the inputs that are missing.
    if not backup and base.classes.is_constant(edge):
        return "inert", "constant", 0, None
    near = CutEdge(base.near, edge)
    first = torch.arange(min(_NEAR, len(base.near.tokens)))
    tried, hit = near.first_change(every_pair(base.near, first, near.replacements[near.replacements < len(first)]))
    if hit is not None:
        return "live", "witness", tried, hit
    # After the cheap witnesses and before the long search, which can never show that an edge is inert.
    if (proof := base.classes.proof(edge)) is not None:
        return "inert", proof, 0, None
    cut = CutEdge(base.runs, edge)
    further = itertools.chain(
        covering_pairs(base.runs, cut.replacements, base.pool.covering), likely_pairs(base.runs, cut.replacements)
    )
    more, hit = cut.first_change(further, limit=_SAMPLE_RUNS)
    return ("undecided", "sampled", tried + more, None) if hit is None else ("live", "witness", tried + more, hit)


def is_backup(model: CompiledNetwork, source: str) -> bool:
    """Tell whether a source is an MLP that stands by: what it writes is constant only until what it backs up is cut.

    In a circuit it may write something else, so that its edges can be in a minimal circuit, which constant ones
    cannot.
    """
    place = model.graph.locate(source)
    return place.kind == "mlp" and any(neuron.role == "backup" for neuron in model.provenance.neurons_in(place.layer))


def _witness(base: Ground, edge: Edge, row: int, replacement: int) -> Witness:
    # What was found on the first inputs is run on them, so that the others need no runs at all.
    runs = base.near if max(row, replacement) < len(base.near.tokens) else base.runs
    counts = runs.counts[row]
    decode = base.model.decoder.decode
    return Witness(
        clean=tuple(base.inputs[row]),
        counterfactual=tuple(base.inputs[replacement]) if runs.ablation == "resample" else None,
        output=tuple(decode(runs.codes[row][counts])),
        cut_output=tuple(decode(cut_output(runs, edge, row, replacement)[counts])),
    )
