"""A localization method on a compiled model: exact scores, MIB's scores, and what they cost."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from groundtruth.errors import DomainError
from groundtruth.evaluation.circuits.circuit_oracle import in_best_order, oracle
from groundtruth.evaluation.circuits.isolated_method import IsolatedMethod
from groundtruth.evaluation.circuits.kept_curves import kept_curves
from groundtruth.evaluation.circuits.localization_tasks import localization_task
from groundtruth.evaluation.circuits.ranking_scores import best_match, ranked, size_to_sufficiency, unjudged_beside
from groundtruth.evaluation.own_task import own_copy
from groundtruth.model import KnownModel, load
from groundtruth.results.cell import ORACLE
from groundtruth.results.cell_settings import N_PAIRS
from groundtruth.results.circuit_scores import (
    N_BOOTSTRAP,
    CircuitScores,
    ExactCircuitScores,
    Kind,
    TruthCertainty,
    WrongEdge,
)
from groundtruth.results.kept_scores import KeptScores
from groundtruth.truth.circuits.circuit import Circuit
from mib.graph import EdgeScores, NodeScores
from mib.levels import Level
from mib.localization import Localizer, Scores, as_localizer, get
from mib.localization.registry import Method
from mib.localization.task import LocalizationTask
from mib.metrics.circuit_selection import MAX_SIZES
from mib.metrics.faithfulness import Areas, areas, mib_areas

N_SHOWN = 50
"""Number of wrongly ranked edges that are listed, at most."""


def score(
    method: str | Method,
    model: KnownModel | str,
    *,
    ablation: str = "resample",
    lengths: str | None = None,
    n_pairs: int = N_PAIRS,
    seed: int = 0,
    level: Level = "edge",
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    max_sizes: int = MAX_SIZES,
    parameters: Mapping[str, Any] | None = None,
) -> CircuitScores:
    """Score one method on one model.

    Args:
        method: A function of a task, or the name of a registered one, or ``oracle``.
        model: A compiled or trained model, or the name or folder of a stored one.
        ablation: Kind of ablation of cut edges, for the task and for the truth.
        lengths: ``fixed`` or ``mixed``; see ``localization_task``.
        n_pairs: Number of examples, at most.
        seed: Chooses the examples and seeds the method.
        level: Parts that the method scores.
        device: Device of the model and the examples.
        dtype: Dtype of the model that the method sees; the truth is float64.
        max_sizes: Number of circuit sizes that CPR and CMD are measured at, at most.
        parameters: Hyper-parameters of the method.

    Raises:
        DomainError: If the model needs no edge, or no task can be made of it.
        MethodError: If the method cannot run on the task or breaks its contract.
        ScoreError: If a score is missing or not finite.
    """
    evaluator = CircuitEvaluator.of(
        load(model) if isinstance(model, str) else model,
        ablation=ablation,
        lengths=lengths,
        n_pairs=n_pairs,
        seed=seed,
        level=level,
        device=device,
        dtype=dtype,
        max_sizes=max_sizes,
    )
    return evaluator.score(method, parameters or {})


@dataclass(frozen=True, eq=False)
class CircuitEvaluator:
    """A task on a model with its truth; every method gets a fresh copy of the task, and never the truth.

    Attributes:
        name: The model's name.
        task: Task that a method is given.
        circuit: The truth.
        max_sizes: Number of circuit sizes that CPR and CMD are measured at, at most.
        certainty: Certainty of the truth.
    """

    name: str
    task: LocalizationTask
    circuit: Circuit
    max_sizes: int = MAX_SIZES
    certainty: TruthCertainty = "exact"

    @classmethod
    def of(
        cls,
        model: KnownModel,
        *,
        ablation: str = "resample",
        lengths: str | None = None,
        max_sizes: int = MAX_SIZES,
        **task: Any,
    ) -> "CircuitEvaluator":
        """The evaluator of a model; the other arguments are those of ``localization_task``.

        Raises:
            DomainError: If the model needs no edge, or no task can be made of it.
        """
        circuit = model.circuit(ablation=ablation, lengths=lengths)
        if not circuit.needed:
            raise DomainError(
                f"'{model.name}' needs no edge under {ablation} ablation with {circuit.lengths} lengths: there is "
                "nothing to localize."
            )
        asked = localization_task(model, ablation=ablation, lengths=circuit.lengths, **task)
        # Value classes prove as much as running the whole domain: what they decide is exact.
        sampled = circuit.coverage == "sample" and model.certainty == "exact"
        return cls(model.name, asked, circuit, max_sizes, "sampled" if sampled else model.certainty)

    def score(
        self, method: str | Method | IsolatedMethod, parameters: Mapping[str, Any] | None = None
    ) -> CircuitScores:
        """Run a method and score it. Errors as ``score``."""
        # The metrics below run on the evaluator's own task, which no method has held.
        task = own_copy(self.task)
        name, scores, seconds = self._run(method, task, parameters or {})
        cost, n = task.engine.cost, len(task)
        forward, backward = cost.forward / n, cost.backward / n
        over_all, at_ten = self._areas(scores, n_bootstrap=N_BOOTSTRAP), mib_areas(self.task, scores)
        return CircuitScores(
            method=name,
            model=self.name,
            ablation=task.ablation,
            level=task.level,
            seed=task.seed,
            n_examples=n,
            mib_cpr=at_ten.cpr,
            mib_cmd=at_ten.cmd,
            cpr=over_all.cpr.value,
            cmd=over_all.cmd.value,
            cpr_interval=(over_all.cpr.low, over_all.cpr.high),
            cmd_interval=(over_all.cmd.low, over_all.cmd.high),
            forward=forward,
            backward=backward,
            seconds=seconds,
            truth=self._against_truth(scores),
            scores=KeptScores.of(scores),
            curves=kept_curves(over_all),
        )

    def _against_truth(self, scores: Scores) -> ExactCircuitScores:
        reached = self.reached_by_truth
        member, live = best_match(scores, self._family, self._doubtful)
        return ExactCircuitScores(
            lengths=self.circuit.lengths,
            live=live,
            variables=best_match(scores, self._family, self._doubtful | self._flags("constant"))[1],
            structural=ranked(scores, self.circuit.mask(self.circuit.structural)),
            true_cpr=reached and reached[0],
            true_cmd=reached and reached[1],
            wrong=self._wrong(scores, member),
            certainty=self.certainty,
            size_to_sufficiency=size_to_sufficiency(scores, self._family),
            minimal_circuits=len(self._family),
            interactions=self.circuit.interactions,
        )

    def _run(
        self, method: str | Method | IsolatedMethod, task: LocalizationTask, parameters: Mapping[str, Any]
    ) -> tuple[str, Scores, float]:
        """The method's name, its scores and the seconds that it took."""
        if method == ORACLE:
            return ORACLE, self._oracle, 0.0
        if isinstance(method, IsolatedMethod):
            return method.name, *method.run(task, parameters)
        localizer = method if isinstance(method, Localizer) else _as_method(method, task.level)
        start = time.perf_counter()
        scores = localizer(task, **parameters)
        return localizer.name, scores, time.perf_counter() - start

    @cached_property
    def reached_by_truth(self) -> tuple[float, float] | None:
        """CPR and CMD, over every circuit size, of the true circuit's own ranking."""
        if self.task.level == "neuron":
            return None
        found = self._areas(self._oracle, n_bootstrap=0)
        return found.cpr.value, found.cmd.value

    @cached_property
    def _oracle(self) -> EdgeScores | NodeScores:
        """The true circuit, in the order in which its smaller circuits are the most faithful."""
        return in_best_order(self.task, oracle(self.circuit, level=self.task.level))

    def _areas(self, scores: Scores, *, n_bootstrap: int) -> Areas:
        return areas(self.task, scores, n_bootstrap=n_bootstrap, max_sizes=self.max_sizes)

    @cached_property
    def _family(self) -> list[NDArray[np.bool_]]:
        """The edges of each minimal circuit."""
        return [self.circuit.mask(edges) for edges in self.circuit.minimal_circuits]

    @cached_property
    def _doubtful(self) -> NDArray[np.bool_]:
        """Edges that are not judged, since nothing was shown about them."""
        return self.circuit.mask(self.circuit.doubtful)

    def _flags(self, *carries: Any) -> NDArray[np.bool_]:
        return self.circuit.mask(self.circuit.carrying(*carries))

    def _wrong(self, scores: Scores, true: NDArray[np.bool_]) -> tuple[WrongEdge, ...]:
        """Return what is ranked on the wrong side of the true size, against one minimal circuit."""
        unjudged = unjudged_beside(self.circuit, true)
        if isinstance(scores, NodeScores):
            return self._wrong_nodes(scores, np.asarray(true.any(1)), np.asarray(unjudged.any(1)))
        if not isinstance(scores, EdgeScores):
            return ()
        edges = self.circuit.graph.edges
        true, unjudged = (flags[self.circuit.graph.edge_index] for flags in (true, unjudged))
        return tuple(
            WrongEdge(str(edge), kind, value, self.circuit[edge].status, str(self.circuit[edge].reason))
            for kind, index, value in _misplaced(scores.flat, true, unjudged)
            for edge in (edges[index],)
        )

    def _wrong_nodes(
        self, scores: NodeScores, true: NDArray[np.bool_], unjudged: NDArray[np.bool_]
    ) -> tuple[WrongEdge, ...]:
        return tuple(
            WrongEdge(self.circuit.graph.sources[index], kind, value, "", "")
            for kind, index, value in _misplaced(scores.values, true, unjudged & ~true)
        )


def _as_method(method: str | Method, level: Level) -> Localizer:
    return get(method) if isinstance(method, str) else as_localizer(method, levels=(level,))


def _misplaced(
    values: NDArray[np.float64], true: NDArray[np.bool_], doubtful: NDArray[np.bool_]
) -> list[tuple[Kind, int, float]]:
    """True ones that are not among the best k, by falling score, and those that are in their place."""
    strength = np.where(doubtful, -1.0, np.abs(values))
    order = np.argsort(-strength, kind="stable")
    # Of equal scores a true one comes last, so that a tie at the cut is shown as what it is: no recovery.
    order = order[np.lexsort((true[order], -strength[order]))]
    # A score of 0 says "not important", also where the true size would have room for it.
    best = [int(i) for i in order[: int(true.sum())] if strength[i] > 0]
    chosen = set(best)
    missed = [int(i) for i in order if true[i] and int(i) not in chosen]
    false = [i for i in best if not true[i]]
    found: list[tuple[Kind, int, float]] = [("missed", i, float(values[i])) for i in missed[:N_SHOWN]]
    return found + [("false", i, float(values[i])) for i in false[:N_SHOWN]]
