"""The scores of one localization method on one model, compiled or language model."""

from dataclasses import dataclass, field
from typing import Literal

from groundtruth.notebook_table import notebook_table
from groundtruth.results.kept_scores import KeptCurves, KeptScores

N_BOOTSTRAP = 1000
"""Number of bootstrap draws of examples for a confidence interval."""

RESOLUTION = 1e-6
"""Share of the largest score below which a score may be rounding, and does not count in ``Ranked.rounded_auroc``."""

Kind = Literal["missed", "false"]

TruthCertainty = Literal["exact", "measured", "sampled"]


@dataclass(frozen=True)
class Ranked:
    """How well scores rank the edges (or nodes) of one truth above the others.

    Attributes:
        judged: Number of edges that are judged.
        true: Number of these that are true.
        auroc: Area under the ROC curve; ``None`` if all or none of the judged are true.
        average_precision: The same for average precision.
        precision: Precision of the best k, where k is ``true``.
        recall: Recall of the best k.
        f1: F1 score of the best k.
        exact: Whether the true ones all rank above the others, and none scores 0.
        rounded_auroc: AUROC of the scores in whole multiples of a millionth of the largest: what is left of ``auroc``
            where it rests on residues of rounding.
        gap: Score of the weakest true one over that of the loudest other, see ``score_gap``; ``None`` as for ``auroc``.
    """

    judged: int
    true: int
    auroc: float | None
    average_precision: float | None
    precision: float
    recall: float
    f1: float
    exact: bool
    rounded_auroc: float | None = None
    gap: float | None = None


@dataclass(frozen=True)
class WrongEdge:
    """An edge (or node) that the method ranks on the wrong side of the true size.

    Attributes:
        name: MIB's name of it.
        kind: ``missed``: of the minimal circuit that the ranking matches best, but not among the best k, where k is its
            size. ``false``: among the best k, but of no minimal circuit.
        score: Score that the method gave it.
        status: Its true status; empty for a node.
        reason: Why it is there, in the program's words; empty for a node.
    """

    name: str
    kind: Kind
    score: float
    status: str
    reason: str


@dataclass(frozen=True)
class ExactCircuitScores:
    """What is known of a method on a compiled model, against its true circuit.

    Attributes:
        lengths: Lengths of the inputs that the truth is about.
        live: Against the minimal circuit that the ranking matches best, or the nodes with an edge of it; edges of the
            other minimal circuits and undecided ones are not judged. With one minimal circuit that is all live edges
            against all others. ``None`` at neuron level.
        variables: The same without the edges that carry only constants.
        structural: Against all edges whose source writes something that the destination reads.
        true_cpr: The CPR, over every circuit size, of the true circuit, its edges in the order that
            ``circuit_oracle.in_best_order`` finds; ``None`` at neuron level. More than that is no better: it says that
            CPR can be raised past the truth.
        true_cmd: The CMD of the true circuit's own ranking.
        wrong: The wrongly ranked edges or nodes, missed ones first.
        certainty: ``measured`` for a model in superposition, whose live edges are known by witness, and ``sampled``
            where edges are undecided on a sample of the domain; those are not judged, and scores of neither are counted
            as exact.
        size_to_sufficiency: Size of the smallest minimal circuit over that of the shortest part of the ranking, from
            its top, that holds any; see ``ranking_scores.size_to_sufficiency``.
        minimal_circuits: Number of minimal circuits, as far as is known.
        interactions: Share of the edges of minimal circuits that no single cut shows.
    """

    lengths: str
    live: Ranked | None
    variables: Ranked | None
    structural: Ranked | None
    true_cpr: float | None
    true_cmd: float | None
    wrong: tuple[WrongEdge, ...]
    certainty: TruthCertainty = "exact"
    size_to_sufficiency: float | None = None
    minimal_circuits: int = 1
    interactions: float = 0.0


@dataclass(frozen=True)
class CircuitScores:
    """One method on one model.

    Attributes:
        method: Its name.
        model: The model's name.
        ablation: Kind of ablation of cut edges.
        level: Parts that were scored.
        seed: Seed of examples and method.
        n_examples: Number of examples that the task had.
        mib_cpr: MIB's CPR, at its ten sizes, not normalised.
        mib_cmd: MIB's CMD.
        cpr: CPR over every circuit size, divided by the range.
        cmd: CMD over every circuit size, divided by the range.
        cpr_interval: 95 % confidence interval of ``cpr``, by bootstrap over examples.
        cmd_interval: The same of ``cmd``.
        forward: Forward passes over the examples.
        backward: Backward passes over the examples.
        seconds: Wall time of the method, without that of the metrics.
        truth: Scores against the true circuit; ``None`` for a language model, of which none is known.
        task: Task of a language model; empty for a compiled one, which has but one task.
        scores: Score that the method gave each part; ``None`` in results of before these were kept.
        curves: Faithfulness by circuit size; ``None`` in such results.
    """

    method: str
    model: str
    ablation: str
    level: str
    seed: int
    n_examples: int
    mib_cpr: float
    mib_cmd: float
    cpr: float
    cmd: float
    cpr_interval: tuple[float, float]
    cmd_interval: tuple[float, float]
    forward: float
    backward: float
    seconds: float
    truth: ExactCircuitScores | None = None
    task: str = ""
    scores: KeptScores | None = field(default=None, repr=False)
    curves: KeptCurves | None = field(default=None, repr=False)

    @property
    def passes(self) -> float:
        """Forward and backward passes over the examples."""
        return self.forward + self.backward

    @property
    def live(self) -> Ranked | None:
        """Scores against the minimal circuit that the ranking matches best, where there is such a truth."""
        return self.truth and self.truth.live

    @property
    def wrong(self) -> tuple[WrongEdge, ...]:
        """The wrongly ranked edges or nodes, missed ones first; none where no truth is known."""
        return self.truth.wrong if self.truth else ()

    def _repr_html_(self) -> str:
        """Table of what was reached, with its wrong edges, for notebooks."""
        live, subject = self.live, f"{self.model}/{self.task}" if self.task else self.model
        exact = [("AUROC", live.auroc), ("average precision", live.average_precision), ("F1", live.f1)] if live else []
        costs = [("passes", self.passes), ("seconds", self.seconds)]
        wrong = [(f"{edge.kind}: {edge.name}", edge.reason or edge.status) for edge in self.wrong[:5]]
        rows = [*exact, ("CPR", self.cpr), ("CMD", self.cmd), *costs, *wrong]
        return notebook_table(f"{self.method} on {subject}, {self.ablation} ablation", ("score", "value"), rows)
