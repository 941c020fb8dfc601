"""The exact circuit of a compiled model: a status and a proof for every edge, under one ablation on some inputs."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from groundtruth.errors import DomainError, ProofError
from groundtruth.notebook_table import notebook_table
from mib.errors import did_you_mean
from mib.graph import Edge, Graph

Ablation = Literal["resample", "zero", "mean", "mean-positional"]
Lengths = Literal["fixed", "mixed"]
Status = Literal["absent", "inert", "live", "undecided"]
Proof = Literal["zero", "constant", "unread", "absorbed", "exhaustive", "witness", "sampled", "none"]
Carries = Literal["variable", "constant", "position", "unplanned", "other", "nothing"]

Coverage = Literal["whole domain", "value classes", "sample"]
"""``whole domain``: every input was run. ``value classes``: the domain is too large for that, and all is proven on it
nevertheless. ``sample``: what has no witness on a sample, and no proof, is undecided."""

ABLATIONS: tuple[Ablation, ...] = get_args(Ablation)
LENGTHS: tuple[Lengths, ...] = get_args(Lengths)


@dataclass(frozen=True)
class Witness:
    """An input on which cutting one edge alone changes the decoded output.

    Attributes:
        clean: The input.
        counterfactual: Whose value the cut edge carries; ``None`` under zero and mean ablation.
        output: Output of the whole model on ``clean``.
        cut_output: Output with the edge cut.
    """

    clean: tuple[Any, ...]
    counterfactual: tuple[Any, ...] | None
    output: tuple[Any, ...]
    cut_output: tuple[Any, ...]


@dataclass(frozen=True)
class Reason:
    """Why an edge is there, in the program's words.

    Attributes:
        carries: Kind of value that travels: a ``variable``, a ``constant`` (the ``one`` and BOS directions), a
            ``position``, or ``nothing`` that is read. ``other``: read in a trained network, and no value that its plan
            has there. ``unplanned``: whatever the source writes, in a network that chose its circuit.
        travels: Names of the expressions (or ``one``, ``BOS``) whose value travels; where none is known, the source.
        used_for: Names of the expressions that the destination computes from it; where none is known, its component.
    """

    carries: Carries
    travels: tuple[str, ...]
    used_for: tuple[str, ...]

    def __str__(self) -> str:
        if self.carries == "nothing":
            return "nothing that is read"
        if self.carries == "other":
            return "no value of the program"
        return f"{', '.join(self.travels)} for {', '.join(self.used_for)}"


@dataclass(frozen=True)
class EdgeTruth:
    """What is known about one edge, and why.

    Attributes:
        edge: Name of the edge.
        status: ``absent``: what the source can write is not read. ``inert``: read, but cutting the edge changes no
            output. ``live``: cutting it alone changes an output. ``undecided``: neither was shown.
        proof: ``zero``: writing composed with reading is exactly zero. ``constant``: what is read never differs from
            what the ablation puts there. ``unread``: only decoys read it, and nothing that leads to the output reads
            them. ``absorbed``: it differs, but the destination's output does not, on any pair.
            ``exhaustive``: no output changes on any pair. ``witness``: an input where it does. ``sampled``: undecided,
            with no witness on a sample of the domain. ``none``: undecided, the search was given up.
        reason: Variable that travels, and what for.
        tried: Number of (input, replacement) pairs run, or shown to be like one that was; 0 where the proof needs
            none.
        witness: The input of a live edge.
        redundant: Whether the edge, though inert alone, is in a minimal circuit (another edge stands in for it).
    """

    edge: Edge
    status: Status
    proof: Proof
    reason: Reason
    tried: int = 0
    witness: Witness | None = None
    redundant: bool = False

    @property
    def structural(self) -> bool:
        """True if what the source can write is read at all."""
        return self.status != "absent"


@dataclass(frozen=True)
class Sufficiency:
    """How the live edges alone were shown to reproduce the model.

    Attributes:
        holds: Whether they do; ``None`` if it was neither shown nor refuted.
        by: ``induction``: every cut edge is absent, constant or unread. ``local``: besides, at every node the other
            cut edges together leave the node's output as it is. ``classes``: the circuit was followed over all classes
            of values (see ``value_classes``). ``exhaustive``: the circuit was run on every pair, or until it failed.
            ``sample``: on some of them. ``none``: it was not shown, for the proof had no time left.
        runs: Number of runs made; pairs whose cut edges carry the same are one run.
        undecided: Number of edges that are undecided, so that nothing is known of the circuit without them.
    """

    holds: bool | None
    by: Literal["induction", "local", "classes", "exhaustive", "sample", "none"]
    runs: int = 0
    undecided: int = 0

    def __str__(self) -> str:
        if self.undecided:
            edges = f"{self.undecided} edge{'s are' if self.undecided > 1 else ' is'}"
            return f"sufficiency undecided because {edges} undecided"
        if self.by == "none":
            return "sufficiency undecided: no time was left"
        if self.holds is False:
            return "not sufficient alone (edges that are inert alone are needed together)"
        if self.holds is None:
            return f"jointly sufficient on a sample ({self.runs:,} pairs tried)"
        how = f"{self.runs:,} runs cover all pairs" if self.by == "exhaustive" else "proven"
        return f"jointly sufficient ({how})"


@dataclass(frozen=True)
class Circuit:
    """The exact circuit of one model under one ablation on one set of inputs.

    Attributes:
        graph: All edges, with the position embedding as a source of its own.
        ablation: Kind of ablation of cut edges.
        lengths: ``fixed``: inputs of the greatest length. ``mixed``: of all lengths, padded on the right.
        inputs: Number of inputs that were run.
        exhaustive: Whether they are all inputs of that kind.
        truths: One for each edge of the graph, in its order.
        sufficiency: Whether the live edges alone reproduce the model.
        minimal_circuits: The family of minimal sufficient circuits, smallest first: sets of edges that reproduce the
            model while all other edges are cut, no part of which does. An edge that is live by itself can be in none
            of them, where what else is cut makes up for it. Where it is not known whether the live edges suffice, they
            stand here alone.
        complete: Whether these are known to be all minimal circuits.
        stopped_after: Seconds that the proof was given, if they were not enough: what is undecided depends on the
            machine then, so that no artifact holds such a circuit.
    """

    graph: Graph
    ablation: Ablation
    lengths: Lengths
    inputs: int
    exhaustive: bool
    truths: tuple[EdgeTruth, ...]
    sufficiency: Sufficiency
    minimal_circuits: tuple[tuple[Edge, ...], ...]
    complete: bool = True
    stopped_after: float | None = None

    def _repr_html_(self) -> str:
        """Table of the edges that matter, alone or with others, with why and a witness, for notebooks."""
        shown = [truth for truth in self.truths if truth.status in ("live", "undecided") or truth.redundant]
        rows = [
            (
                truth.edge,
                "inert alone, needed together" if truth.redundant else truth.status,
                truth.reason,
                None if truth.witness is None else " ".join(map(str, truth.witness.clean)),
            )
            for truth in shown
        ]
        caption = f"{self.ablation}, {self.lengths} lengths: {len(self.edges)} live of {len(self.truths)} edges"
        family = f"{caption}; {len(self.minimal_circuits)} minimal circuits{'' if self.complete else ' or more'}"
        return notebook_table(family, ("edge", "status", "reason", "witness"), rows)

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """The live edges."""
        return self.of_status("live")

    @cached_property
    def structural(self) -> tuple[Edge, ...]:
        """The edges whose source writes something that the destination reads."""
        return tuple(truth.edge for truth in self.truths if truth.structural)

    @cached_property
    def needed(self) -> tuple[Edge, ...]:
        """Edges that belong to a minimal circuit."""
        joint = {edge for circuit in self.minimal_circuits for edge in circuit}
        return tuple(truth.edge for truth in self.truths if truth.edge in joint)

    @cached_property
    def redundant(self) -> tuple[Edge, ...]:
        """Edges that are not live but belong to a minimal circuit: no single cut shows them."""
        return tuple(truth.edge for truth in self.truths if truth.redundant)

    @cached_property
    def dispensable(self) -> tuple[Edge, ...]:
        """Live edges that belong to no minimal circuit: what else a circuit cuts makes up for them."""
        needed = set(self.needed)
        return tuple(edge for edge in self.edges if edge not in needed)

    @cached_property
    def doubtful(self) -> tuple[Edge, ...]:
        """Edges about which nothing was shown: undecided ones, and live ones that only an unknown circuit may hold."""
        return (*self.of_status("undecided"), *(() if self.complete else self.dispensable))

    @property
    def interactions(self) -> float:
        """Share of the needed edges that no single cut shows; 0 where nothing is needed."""
        return len(self.redundant) / len(self.needed) if self.needed else 0.0

    @cached_property
    def counts(self) -> dict[str, int]:
        """Number of edges of each status."""
        counted = Counter(truth.status for truth in self.truths)
        return {status: counted.get(status, 0) for status in get_args(Status)}

    @property
    def coverage(self) -> Coverage:
        """Part of the domain that the statuses speak of, see ``Coverage``."""
        if self.exhaustive:
            return "whole domain"
        decided = not self.counts["undecided"] and self.sufficiency.holds is not None
        return "value classes" if decided else "sample"

    @cached_property
    def _by_edge(self) -> dict[Edge, EdgeTruth]:
        return {truth.edge: truth for truth in self.truths}

    def __getitem__(self, edge: Edge | str) -> EdgeTruth:
        """Return what is known about one edge.

        Raises:
            GraphError: If the graph has no such edge.
        """
        self.graph.index(edge)
        return self._by_edge[Edge.parse(edge) if isinstance(edge, str) else edge]

    def of_status(self, *statuses: Status) -> tuple[Edge, ...]:
        """The edges of some statuses."""
        return tuple(truth.edge for truth in self.truths if truth.status in statuses)

    def mask(self, edges: Sequence[Edge] | None = None) -> NDArray[np.bool_]:
        """Edges as a [source, destination] array; by default the live ones."""
        mask = np.zeros(self.graph.edge_mask.shape, dtype=np.bool_)
        for edge in self.edges if edges is None else edges:
            mask[self.graph.index(edge)] = True
        return mask

    def carrying(self, *carries: Carries) -> tuple[Edge, ...]:
        """The edges on which something of some kind travels."""
        return tuple(truth.edge for truth in self.truths if truth.reason.carries in carries)

    def __str__(self) -> str:
        counts = self.counts
        spoken_of = {
            "whole domain": "",
            "value classes": ", on the whole domain by value classes",
            "sample": f", on a sample of {self.inputs:,} inputs",
        }
        return (
            f"{self.ablation}, {self.lengths} lengths: {counts['live']} live of {len(self.truths)}, "
            f"{counts['undecided']} undecided, {self.sufficiency}{self._family_in_words}{spoken_of[self.coverage]}"
        )

    @property
    def _family_in_words(self) -> str:
        """Number of minimal circuits in words, where that is not just the one of all live edges."""
        n = len(self.minimal_circuits)
        # Said only where it adds something: not where the family is just the live edges, or stands for something
        # unknown.
        if self.sufficiency.holds is None or not n or (self.complete and self.minimal_circuits == (self.edges,)):
            return ""
        sizes = "/".join(dict.fromkeys(str(len(edges)) for edges in self.minimal_circuits))
        known = "" if self.complete else " known, perhaps not all"
        return f", {n} minimal circuit{'s' if n > 1 else ''} of {sizes} edges{known}"


def require_ablation(ablation: str) -> Ablation:
    """The ablation, if it is one.

    Raises:
        DomainError: If it is not; the message offers the closest names.
    """
    if ablation not in ABLATIONS:
        raise DomainError(
            f"ablation='{ablation}' is unknown.{did_you_mean(ablation, ABLATIONS)} Choose from {', '.join(ABLATIONS)}."
        )
    return ablation


def require_lengths(lengths: str) -> Lengths:
    """The kind of lengths, if it is one.

    Raises:
        DomainError: If it is not.
    """
    if lengths not in LENGTHS:
        raise DomainError(f"lengths='{lengths}' is unknown. Choose from {', '.join(LENGTHS)}.")
    return lengths


def require_coherent(circuit: Circuit) -> None:
    """Refuse live edges of which none leads to the logits, on a domain that was not run whole.

    A change travels over edges that are live, undecided, or inert though what they carry differs; an edge that carries
    a constant shows it is not one as soon as a change arrives over it, which on a sample is seen too rarely.

    Raises:
        ProofError: If no path of such edges joins any live edge to the logits.
    """
    # Run whole, live edges may end in what no single cut shows (votes); and without live edges there is nothing to
    # join.
    if circuit.exhaustive or not circuit.edges:
        return
    carrying = [t.edge for t in circuit.truths if t.proof in ("witness", "sampled", "none", "absorbed", "exhaustive")]
    reached, grown = {"logits"}, True
    while grown:
        more = {edge.source for edge in carrying if edge.destination.split("<")[0] in reached} - reached
        reached |= more
        grown = bool(more)
    if not any(edge.destination.split("<")[0] in reached for edge in circuit.edges):
        raise ProofError(
            f"the circuit {circuit.ablation}/{circuit.lengths} is incoherent: it has {len(circuit.edges)} live edges "
            f"such as '{circuit.edges[0]}', and no path from any of them to the logits. Prove it again."
        )
