"""A circuit that others claim of a model, beside what running every pair of inputs shows of it."""

from __future__ import annotations

from dataclasses import dataclass

from groundtruth.trained.certificate import Claim, EdgeRecord, InterchangeRecord
from groundtruth.trained.trained_model import TrainedModel
from groundtruth.truth.circuits.circuit import Ablation


@dataclass(frozen=True)
class ClaimedCircuit:
    """What holds of a claimed circuit under one ablation.

    Attributes:
        claimed: The claimed edges, each cut alone on every pair.
        unclaimed: All other edges, likewise.
        behaviour: Every input against the program.
        alone: The claimed edges alone: all others cut together, on every pair.
        subsets: Random sets of unclaimed edges cut together, each on a random pair.
        interchanges: The interchange of each component's variables, on every pair.
    """

    claimed: tuple[EdgeRecord, ...]
    unclaimed: tuple[EdgeRecord, ...]
    behaviour: Claim
    alone: Claim
    subsets: Claim
    interchanges: tuple[InterchangeRecord, ...]

    @classmethod
    def of(cls, model: TrainedModel, ablation: Ablation = "resample") -> ClaimedCircuit:
        """Take a model's certificate apart by the edges of its correspondence.

        Args:
            model: The model; its correspondence is the claimed circuit.
            ablation: Kind of ablation of cut edges.
        """
        record, wanted = model.certificate.under(ablation), set(model.correspondence.edges)
        return cls(
            claimed=tuple(item for item in record.edges if item.edge in wanted),
            unclaimed=tuple(item for item in record.edges if item.edge not in wanted),
            behaviour=model.certificate.behaviour,
            alone=record.joint,
            subsets=record.subsets,
            interchanges=model.certificate.interchanges,
        )

    @property
    def not_live(self) -> tuple[EdgeRecord, ...]:
        """Claimed edges that change no output on any pair when cut alone."""
        return tuple(item for item in self.claimed if item.status != "live")

    @property
    def live(self) -> tuple[EdgeRecord, ...]:
        """Edges claimed needless that change an output on some pair, the most harmful first."""
        return tuple(sorted((r for r in self.unclaimed if r.status == "live"), key=lambda item: -item.changed))

    @property
    def holds(self) -> bool:
        """True if what is claimed needless is: cut alone or all together it changes no output on any pair."""
        return not (self.live or self.alone.wrong or self.behaviour.wrong)
