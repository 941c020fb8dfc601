"""Why a method ranks an edge on the wrong side: the known causes, each found by measuring, not by guessing."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from groundtruth.errors import DomainError
from groundtruth.evaluation.circuits.localization_tasks import localization_task
from groundtruth.evaluation.circuits.ranking_scores import Flags, judged_by
from groundtruth.model import KnownModel
from groundtruth.truth.circuits.circuit import Circuit, EdgeTruth
from mib.errors import MethodError
from mib.graph import Edge, EdgeScores, Graph
from mib.localization import Localizer
from mib.localization.reader_matrices import writers
from mib.localization.task import LocalizationTask
from mib.sublayers import sublayer_of

Verdict = Literal["found", "tied", "missed", "false"]

ROUNDING = 1e-6
"""A score that is less than this share of the largest may be a residue of rounding."""


@dataclass(frozen=True)
class EdgeFinding:
    """One edge of the circuit that a method is held against, or that the method ranks among as many.

    Attributes:
        edge: Name of the edge.
        verdict: ``found``: of the minimal circuit that the ranking matches best, and among the best k by magnitude,
            where k is its size. ``missed``: of it, and not among them. ``false``: among them, and of no minimal
            circuit. ``tied``: of it, and its magnitude is that of the last of the best k and of others beyond, so that
            chance decides; what is tied and not of it is left out.
        score: Score that the method gave it.
        rank: Its rank among the judged edges, 1 for the largest magnitude.
        truth: Truth about it, as far as it is known.
        causes: Why it is ranked wrongly, in words, the likeliest first; empty where it is found.
    """

    edge: Edge
    verdict: Verdict
    score: float
    rank: int
    truth: EdgeTruth
    causes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Diagnosis:
    """A method on the true circuit of one model, edge by edge.

    Attributes:
        method: Its name.
        model: Name of the model.
        circuit: The truth.
        member: Minimal circuit that the ranking was held against, the one that it matches best: as ``score``
            does.
        findings: Edges of this circuit and false ones, by rank.
        n_examples: Number of examples that the task had.
    """

    method: str
    model: str
    circuit: Circuit
    member: int
    findings: tuple[EdgeFinding, ...]
    n_examples: int

    def of_verdict(self, verdict: Verdict) -> tuple[EdgeFinding, ...]:
        """The findings of one verdict."""
        return tuple(finding for finding in self.findings if finding.verdict == verdict)


def diagnose(
    method: Localizer,
    model: KnownModel,
    *,
    ablation: str = "resample",
    lengths: str | None = None,
    n_pairs: int = 64,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
    parameters: Mapping[str, Any] | None = None,
) -> Diagnosis:
    """Run a method on a model, and find out why it misses edges that are needed and finds others.

    Edges are judged as ``score`` judges them: against the minimal circuit that the ranking matches best; those of other
    minimal circuits, and undecided ones, are not judged.

    Args:
        method: Method whose errors are explained.
        model: A compiled or trained model.
        ablation: Name of what flows along cut edges.
        lengths: ``fixed`` or ``mixed``; by default as the model's circuit.
        n_pairs: Number of examples, at most.
        seed: Chooses the examples and seeds the method.
        dtype: Dtype of the model that the method sees.
        parameters: Hyper-parameters of the method.

    Raises:
        DomainError: If the model needs no edge, or no task can be made of it.
        MethodError: If the method scores no edges, or breaks its contract.
    """
    if "edge" not in method.levels:
        raise MethodError(
            f"{method.name} scores {' and '.join(method.levels)}, not edges: there is nothing to explain."
        )
    circuit = model.circuit(ablation=ablation, lengths=lengths)
    if not circuit.needed:
        raise DomainError(f"'{model.name}' needs no edge under {ablation} ablation: there is nothing to find or miss.")
    asked: dict[str, Any] = {
        "ablation": ablation, "lengths": circuit.lengths, "n_pairs": n_pairs, "seed": seed, "dtype": dtype,
    }  # fmt: skip
    task = localization_task(model, **asked)
    scores = method(task, **(parameters or {}))
    if not isinstance(scores, EdgeScores):
        raise MethodError(f"{method.name} returned {type(scores).__name__}; expected EdgeScores.")
    true, unjudged = judged_by(circuit, scores)
    member = next(n for n, edges in enumerate(circuit.minimal_circuits) if (circuit.mask(edges) == true).all())
    verdicts, rank = _verdicts(scores, true, unjudged)
    # On a task of its own: the method may have done anything to the one that it was given.
    measured = _Measured.of(localization_task(model, **asked))
    largest = float(np.abs(scores.flat).max(initial=0.0))
    findings: list[EdgeFinding] = []
    for edge, verdict in sorted(verdicts.items(), key=lambda item: rank[item[0]]):
        truth, score = circuit[edge], scores[edge]
        causes = why_false(truth, score, largest) if verdict == "false" else measured.why_missed(truth, score)
        told = () if verdict == "found" else tuple(causes)
        findings.append(EdgeFinding(edge, verdict, score, rank[edge], truth, told))
    return Diagnosis(method.name, model.name, circuit, member, tuple(findings), len(task))


def _verdicts(scores: EdgeScores, true: Flags, unjudged: Flags) -> tuple[dict[Edge, Verdict], dict[Edge, int]]:
    """The verdict of each edge of the circuit or among as many of the best; and the rank of every judged edge."""
    graph = scores.graph
    is_true, judged = true[graph.edge_index], ~unjudged[graph.edge_index]
    edges = [edge for edge, counts in zip(graph.edges, judged, strict=True) if counts]
    values, is_true = np.abs(scores.flat)[judged], is_true[judged]
    order, size = np.argsort(-values, kind="stable"), int(is_true.sum())
    rank = {edges[index]: place for place, index in enumerate(order, 1)}
    # By value and not by place: places of ties are chance.
    last = values[order[size - 1]]  # the lowest magnitude that is among the best
    straddles = int((values >= last).sum()) > size
    found: dict[Edge, Verdict] = {}
    for edge, value, needed in zip(edges, values, is_true, strict=True):
        if straddles and value == last:
            if needed:
                found[edge] = "tied"
        elif needed:
            found[edge] = "found" if value >= last else "missed"
        elif value >= last:
            found[edge] = "false"
    return found, rank


@dataclass(frozen=True, eq=False)
class _Measured:
    """What explains a low score, measured on the task's examples, each [source, destination]."""

    task: LocalizationTask
    change: NDArray[np.float64]
    """The largest change of what the source writes."""
    gradient: NDArray[np.float64]
    """The largest gradient of the metric at the destination's input, in magnitude."""
    beyond: NDArray[np.float64]
    """The largest gradient at what the destination writes, in magnitude; infinite for the logits."""
    product: NDArray[np.float64]
    """The largest first-order estimate of a cut on any example, in magnitude."""
    effect: NDArray[np.float64]
    """The largest change of the metric when the edge alone is cut, in magnitude."""

    @classmethod
    def of(cls, task: LocalizationTask) -> "_Measured":
        graph, engine = task.graph, task.engine
        shape = len(graph.sources), len(graph.destinations)
        change, gradient, beyond, product, effect = (torch.zeros(shape, dtype=torch.float64) for _ in range(5))
        written_by = dict(zip(graph.sources, writers(engine.anatomy, graph), strict=True))
        for batch in task.batches(work=engine.gradient_work):
            written = engine.differences(batch.clean, batch.counterfactual).double()
            run = engine.trace(batch.clean)
            loss = task.metric(run.logits, batch.examples).sum()
            after = run.output_gradients(loss)[1:]
            gradients = run.destination_gradients(loss)
            reads = torch.cat([part.double() for part in gradients], dim=1)  # [example, destination, position, d_model]
            change = torch.maximum(change, written.abs().amax((0, 2, 3))[:, None].expand(shape))
            gradient = torch.maximum(gradient, reads.abs().amax((0, 2, 3))[None].expand(shape))
            flows = [_reaching(name, graph, after, written_by) for name in graph.destinations]
            beyond = torch.maximum(beyond, torch.tensor(flows, dtype=torch.float64)[None].expand(shape))
            product = torch.maximum(product, torch.einsum("espm,edpm->esd", written, reads).abs().amax(0))
            uncut, cut = engine.measure_single_cuts(
                task.metric, batch.clean, batch.counterfactual, examples=batch.examples
            )
            moved = (cut - uncut[:, None, None]).abs().double()
            # NaN stands where there is no edge.
            effect = torch.maximum(effect, moved.nan_to_num(0.0).amax(0))
        return cls(task, *(part.cpu().numpy() for part in (change, gradient, beyond, product, effect)))

    def why_missed(self, truth: EdgeTruth, score: float) -> Iterator[str]:
        """Why an edge that is needed has a low score, the likeliest cause first."""
        edge = truth.edge
        place = self.task.graph.index(edge)
        if truth.redundant:
            yield "inert alone and needed together with others: no single cut shows it"
        # From the cause that makes all later ones follow to the last: a difference of 0 has no effect, whatever the
        # gradient.
        elif self.change[place] == 0:
            yield "on no pair of the task does what travels differ"
        elif self.effect[place] == 0:
            yield "cutting it moves the metric on no pair of the task, though it changes an output of the domain"
        elif self.beyond[place] == 0:
            yield f"no gradient reaches {edge.destination.partition('<')[0]}: all that follows it is flat"
        elif self.gradient[place] == 0:
            yield f"the gradient there is exactly 0: {_flat_part(edge)}"
        elif self.product[place] <= ROUNDING * max(self.effect[place], 1.0):
            share = self.product[place] / max(self.effect[place], 1.0)
            yield f"a gradient sees nothing of the effect: at most {share:.0e} of it on any pair"
        elif self.product[place] < 0.1 * self.effect[place]:
            share = self.product[place] / self.effect[place]
            yield f"a gradient sees {share:.1%} of the effect at most: what it moves is nearly saturated"
        if score < 0:
            yield "its score is negative: the method takes cutting it to help"


def _reaching(destination: str, graph: Graph, after: Sequence[Tensor], written_by: Mapping[str, Tensor]) -> float:
    """The largest gradient at what a destination's node writes, in the directions in which it can write."""
    node = destination.partition("<")[0]
    if node == "logits":
        return math.inf
    place = graph.locate(node)
    sublayer = sublayer_of(place)
    return float((after[sublayer].double() @ written_by[node].double().mT).abs().amax())


def _flat_part(edge: Edge) -> str:
    node, _, letter = edge.destination.partition("<")
    if letter[:1] in ("q", "k"):
        return f"the softmax of {node} is saturated"
    if node == "logits":
        return "the metric is flat"
    return f"the units of {node} that it would move are off, or cancel each other"


def why_false(truth: EdgeTruth, score: float, largest: float) -> Iterator[str]:
    """Say why an edge that no minimal circuit needs has a high score.

    Args:
        truth: Truth about it, as far as it is known.
        score: Score that the method gave it.
        largest: The largest score in magnitude.
    """
    if 0 < abs(score) <= ROUNDING * largest:
        yield f"a residue of rounding: {abs(score) / largest:.0e} of the largest score"
    if truth.status == "live":
        yield "cutting it alone changes an output, but no minimal circuit holds it: what else is cut makes up for it"
        return
    yield {
        "zero": "nothing that it writes is read there",
        "constant": "what is read never differs from what the ablation puts there",
        "unread": "only decoys read it, and nothing that leads to the output reads them",
        "absorbed": "what travels differs, but what its destination writes does not",
        "exhaustive": "what its destination writes differs, but no output changes on any pair",
    }.get(truth.proof, f"it is {truth.status}")
