"""What was shown of a trained network by running its whole domain: plain values, and the circuits that follow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from groundtruth.compiled.domain import Tokens
from groundtruth.rasp.expressions import readable_names
from groundtruth.trained.trained_network import TrainedNetwork
from groundtruth.truth.circuits.circuit import (
    Ablation,
    Circuit,
    EdgeTruth,
    Proof,
    Reason,
    Status,
    Sufficiency,
    Witness,
)
from mib.graph import Edge, Graph

SUBSET_RATE = 1e-3
"""At most this share of random sets of needless edges may change an output. It is a count, for nothing proves it of all
sets; each edge alone and all of them together are proven."""


@dataclass(frozen=True)
class Claim:
    """What came of many runs.

    Attributes:
        runs: Number of runs.
        wrong: In how many the output was not what it should be.
        margin: The smallest distance of the right answer's logit from any other; negative where one was wrong.
        worst: The input of the run with that margin, and the donor where there was one.
    """

    runs: int
    wrong: int
    margin: float
    worst: tuple[Tokens, ...] = ()

    def __str__(self) -> str:
        pair = ", cut edges from ".join(" ".join(map(str, tokens)) for tokens in self.worst)
        where = f" on {pair}" if pair else ""
        return f"{self.wrong:,} of {self.runs:,} runs wrong, smallest margin {self.margin:.3g}{where}"


@dataclass(frozen=True)
class EdgeRecord:
    """One edge cut alone, on every pair of the domain.

    Attributes:
        edge: Name of the edge.
        status: ``absent``, ``inert`` or ``live``.
        proof: ``zero``: what the source can write is not read. ``constant``: what is cut and what is put there never
            differ. ``exhaustive``: no output changes on any pair. ``witness``: one does.
        claim: The runs; of an edge that is absent or constant there are none.
        moved: The largest movement of a logit over all pairs.
        witness: A run in which the output changes.
    """

    edge: Edge
    status: Status
    proof: Proof
    claim: Claim
    moved: float
    witness: Witness | None = None

    @property
    def changed(self) -> float:
        """The share of runs in which an output changes; donors whose values are equal are one."""
        return self.claim.wrong / self.claim.runs if self.claim.runs else 0.0


@dataclass(frozen=True)
class AblationRecord:
    """All that was shown under one ablation.

    Attributes:
        ablation: Kind of ablation of cut edges.
        edges: Each edge cut alone, in the order of the graph.
        joint: All needless edges cut together; see ``needless``.
        subsets: Random sets of needless edges cut together, each on a random pair.
        sufficiency: Whether the live edges alone reproduce the network.
        minimal_circuits: The minimal circuits that were found; the live edges where these suffice.
        complete: Whether these are all minimal circuits.
    """

    ablation: Ablation
    edges: tuple[EdgeRecord, ...]
    joint: Claim
    subsets: Claim
    sufficiency: Sufficiency
    minimal_circuits: tuple[tuple[Edge, ...], ...]
    complete: bool

    def needless(self, network: TrainedNetwork) -> tuple[Edge, ...]:
        """The edges that nothing needs, in the order of the graph.

        Where a circuit was planned these are all edges outside of it. Else they are those of none of the minimal
        circuits that were found.
        """
        if network.correspondence.planned:
            return network.correspondence.needless(network.graph)
        return outside_of(self.minimal_circuits, network.graph)

    def of_status(self, status: Status) -> tuple[EdgeRecord, ...]:
        """The records of edges of a status."""
        return tuple(record for record in self.edges if record.status == status)

    @property
    def gap(self) -> float:
        """The movement of a logit that the weakest live edge makes, over that of the loudest other edge."""
        live = min((record.moved for record in self.of_status("live")), default=0.0)
        others = max((record.moved for record in self.edges if record.status != "live"), default=0.0)
        return live / others if others else float("inf")


@dataclass(frozen=True)
class InterchangeRecord:
    """The interchange of one unit's expressions, on every pair of the domain.

    Attributes:
        expressions: Labels of the expressions.
        components: Whose outputs are replaced.
        claim: The runs on pairs on which the program then has an output at some position.
        partly: In how many of them it has none at some other position, so that nothing is asked there.
    """

    expressions: tuple[str, ...]
    components: tuple[str, ...]
    claim: Claim
    partly: int = 0

    @property
    def accuracy(self) -> float:
        """The share of pairs on which network and program agree after the interchange; 0 where nothing was asked."""
        return 1.0 - self.claim.wrong / self.claim.runs if self.claim.runs else 0.0

    @property
    def whole(self) -> int:
        """The pairs on which the program has an output at every position."""
        return self.claim.runs - self.partly


@dataclass(frozen=True)
class Certificate:
    """What was shown of a trained network on its whole domain, every pair of inputs included.

    Attributes:
        inputs: Number of inputs that the domain has.
        behaviour: Every input.
        records: One for each ablation; ``resample`` is first.
        interchanges: One for each unit of the correspondence.
        seed: Draws the random subsets.
        cells: Number of (edge, pair) runs that were made, those decided by algebra left out.
        rechecked: Number of those that were made again in float64.
        float32_error: The largest difference between the logits of both precisions on the domain.
        seconds: CPU time that it took.
    """

    inputs: int
    behaviour: Claim
    records: tuple[AblationRecord, ...]
    interchanges: tuple[InterchangeRecord, ...]
    seed: int
    cells: int
    rechecked: int
    float32_error: float
    seconds: float

    @property
    def pairs(self) -> int:
        """All pairs of inputs, each input with itself among them."""
        return self.inputs**2

    def coverage(self, record: InterchangeRecord) -> str:
        """On how many of all pairs an interchange is claimed, in words."""
        if record.whole == self.pairs:
            return f"on all {self.pairs:,} pairs"
        missing = f"on {self.pairs - record.claim.runs:,} the program then has no value"
        partly = f", on {record.partly:,} none at some position" if record.partly else ""
        return f"on {record.claim.runs:,} of all {self.pairs:,} pairs: {missing}{partly}"

    def under(self, ablation: str) -> AblationRecord:
        """The record of an ablation."""
        return next(record for record in self.records if record.ablation == ablation)

    def failures(self, network: TrainedNetwork, *, variables: bool = True) -> Iterator[str]:
        """Everything that keeps the network from being certified, in words that name edge, pair and margin.

        Args:
            network: The network.
            variables: Whether interchanges of variables must be right on every pair.
        """
        if self.behaviour.wrong:
            yield f"behaviour: {self.behaviour}"
        record = self.under("resample")
        if not network.correspondence.planned:
            if not any(record.minimal_circuits):
                yield "no edge is needed: there is no circuit"
            return  # what the edges do was measured: nothing was asked of them
        needless = set(record.needless(network))
        for found in record.edges:
            if found.status == "live" and found.edge in needless:
                yield f"needless edge {found.edge} is live: {found.claim}"
        if not record.of_status("live"):
            yield "no edge is live: there is no circuit"
        if record.joint.wrong:
            yield f"all needless edges cut together: {record.joint}"
        if record.subsets.wrong > SUBSET_RATE * record.subsets.runs:
            yield f"random sets of needless edges cut together: {record.subsets}; allowed are {SUBSET_RATE:.1%}"
        yield from _lone_circuits_missing(network, record)
        for item in self.interchanges if variables else ():
            if item.claim.wrong or not item.claim.runs:
                where = ", ".join(item.components) + ("" if item.claim.runs else f" {self.coverage(item)}")
                yield f"interchange of {', '.join(item.expressions)} on {where}: {item.claim}"

    def unmet(self, network: TrainedNetwork) -> list[str]:
        """Everything that keeps a network from being certified as what it was trained for.

        A network trained from ``scratch`` claims no variables, nor does a ``compiled`` one behind norms; one for
        which no circuit was planned claims its behaviour alone, and what was enumerated.
        """
        return list(self.failures(network, variables=network.training.kind not in ("scratch", "compiled")))

    def circuit(self, network: TrainedNetwork, ablation: Ablation) -> Circuit:
        """The circuit under an ablation, in the form in which the project keeps every circuit."""
        record = self.under(ablation)
        joint = {edge for circuit in record.minimal_circuits for edge in circuit}
        truths = [
            EdgeTruth(
                edge=found.edge,
                status=found.status,
                proof=found.proof,
                reason=reason_of(network, found.edge, found.status),
                tried=found.claim.runs,
                witness=found.witness,
            )
            for found in record.edges
        ]
        # Single cuts cannot see that these matter: another edge stands in for each.
        truths = [replace(t, redundant=t.edge in joint and t.status != "live") for t in truths]
        return Circuit(
            graph=network.graph,
            ablation=ablation,
            lengths="fixed",
            inputs=self.inputs,
            exhaustive=True,
            truths=tuple(truths),
            sufficiency=record.sufficiency,
            minimal_circuits=record.minimal_circuits,
            complete=record.complete,
        )


def _lone_circuits_missing(network: TrainedNetwork, record: AblationRecord) -> Iterator[str]:
    """The components of units that back up without which no minimal circuit does, in words."""
    for unit in network.correspondence.backed_up:
        for component in unit.components:
            # An edge into a component without one that leaves it does nothing, so none is in a minimal circuit.
            if all(any(edge.source == component for edge in circuit) for circuit in record.minimal_circuits):
                yield f"no minimal circuit does without {component}, which another component should back up: {unit}"


_EMBEDDED = {"input": "tokens", "pos": "position"}


def outside_of(circuits: Sequence[Sequence[Edge]], graph: Graph) -> tuple[Edge, ...]:
    """The edges of a graph that are in none of some circuits, in its order."""
    needed = {edge for circuit in circuits for edge in circuit}
    return tuple(edge for edge in graph.edges if edge not in needed)


def reason_of(network: TrainedNetwork, edge: Edge, status: Status) -> Reason:
    """Why an edge is there, from the correspondence: what lives on its source, and on its destination."""
    if status == "absent":
        return Reason("nothing", (), ())
    names = readable_names(network.program)
    correspondence = network.correspondence
    destination = edge.destination.split("<")[0]
    if not correspondence.planned:
        return Reason("unplanned", (_EMBEDDED.get(edge.source, edge.source),), (destination,))
    used = (network.program.label,) if destination == "logits" else correspondence.held_by(destination)
    travels = correspondence.held_by(edge.source)
    if edge not in correspondence.edges or not travels:
        return Reason("other", (), ())
    carries = "position" if edge.source == "pos" else "variable"
    spelled = tuple(names.get(label, label) for label in travels)
    return Reason(carries, spelled, tuple(names.get(label, label) for label in used))
