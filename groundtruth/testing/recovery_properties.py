"""How much a method finds of what is there: the exact circuit, the exact effect of a cut, the variable at a site."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from groundtruth.errors import DomainError
from groundtruth.evaluation.circuits.ranking_scores import best_match
from groundtruth.model import CompiledModel
from groundtruth.testing.failure import smallest_witness, spell_witness
from groundtruth.testing.featurizer_trial import FeaturizerTrial
from groundtruth.testing.localizer_trial import TOLERANCE, LocalizerTrial
from mib.featurization.registry import Method as FeaturizerFunction
from mib.graph import Edge
from mib.localization import get
from mib.localization.registry import Method as LocalizerFunction

LEAST_ACCURACY = 0.9
"""Interchange accuracy of what is found, unless another is asked for."""


def assert_recovers(
    method: str | LocalizerFunction,
    model: CompiledModel | str,
    *,
    auroc: float = 1.0,
    ablation: str = "resample",
    lengths: str | None = None,
    seed: int = 0,
    n_pairs: int = 128,
    parameters: Mapping[str, Any] | None = None,
) -> None:
    """Assert that a method ranks the edges of a minimal circuit of a model above the others.

    Of several minimal circuits it is the one that the ranking matches best; edges that only others hold, and those
    about which nothing was shown, are not judged. A model of which every judged edge is needed, or none, says nothing
    and passes.

    Args:
        method: A function of a task, or the name of a registered method.
        model: A compiled model, or what the command line would call it.
        auroc: The least area under the ROC curve, in [0, 1].
        ablation: Kind of value that a cut edge carries.
        lengths: Lengths of the inputs; by default the model's own.
        seed: Seed of the examples and the method.
        n_pairs: Number of examples, at most.
        parameters: Hyper-parameters of the method.

    Raises:
        MethodFailure: With the program, the wrongly ranked edge, the smallest input on which it matters, and a line
            that repeats the failure.
        DomainError: If ``auroc`` is out of range.
    """
    if not 0 <= auroc <= 1:
        raise DomainError(f"auroc={auroc} is no area; give a number from 0 to 1.")
    asked = {"ablation": ablation, "lengths": lengths, "seed": seed, "n_pairs": n_pairs}
    trial = LocalizerTrial.of(method, model, parameters=parameters or {}, **asked)
    circuit = trial.circuit
    family = [circuit.mask(edges) for edges in circuit.minimal_circuits]
    member, found = best_match(trial.result, family, circuit.mask(circuit.doubtful))
    if found is None or found.auroc is None:
        return  # all judged edges are needed, or none is
    reached = found.auroc
    if reached >= auroc:
        return
    unjudged = circuit.mask([*circuit.doubtful, *circuit.needed]) & ~member
    edge, line = _first_wrong(trial, member, unjudged)
    check = "recovers" + (f" --auroc {auroc:g}" if auroc < 1 else "")
    lines = [("edge", line), ("auroc", f"{reached:.3f}, wanted {auroc:g}")]
    if circuit[edge].status == "live":
        witness = smallest_witness(trial.model, edge, ablation, circuit.lengths)
        lines = [("input", spell_witness(witness)), *lines] if witness else lines
        raise trial.failure("misses a live edge", *lines, check=check)
    if edge in circuit.redundant:
        raise trial.failure("misses an edge that is needed, though inert alone", *lines, check=check)
    raise trial.failure("ranks an edge too high", *lines, check=check)


def assert_exact_at_logits(
    method: str | LocalizerFunction,
    model: CompiledModel | str,
    *,
    ablation: str = "resample",
    lengths: str | None = None,
    seed: int = 0,
    n_pairs: int = 48,
    parameters: Mapping[str, Any] | None = None,
    tolerance: float = 1e-4,
) -> None:
    """Assert that a score is what the metric loses by a cut, where an edge ends in the logits and the metric is linear.

    A first-order estimate has nothing to estimate there, so any method that claims to give the effect of a cut must
    give it exactly, sign and size included. Models with a numerical output, whose metric is not linear, pass.

    Args:
        method: A function of a task, or the name of a registered method, whose scores are effects of cuts.
        model: A compiled model, or what the command line would call it.
        ablation: Kind of value that a cut edge carries.
        lengths: Lengths of the inputs; by default the model's own.
        seed: Seed of the examples and the method.
        n_pairs: Number of examples, at most.
        parameters: Hyper-parameters of the method.
        tolerance: A share of the largest effect.

    Raises:
        MethodFailure: Naming the edge with the greatest error.
    """
    asked = {"ablation": ablation, "lengths": lengths, "seed": seed, "n_pairs": n_pairs}
    trial = LocalizerTrial.of(method, model, parameters=parameters or {}, **asked)
    if not trial.model.decoder.categorical:
        return
    truth = get("exact")(trial.fresh())
    column = trial.task.graph.destination_index["logits"]
    expected, given = (np.asarray(scores.values)[:, column] for scores in (truth, trial.result))
    error = np.abs(given - expected)
    worst = int(error.argmax())
    if error[worst] > max(tolerance, TOLERANCE) * float(np.abs(expected).max()):
        edge = Edge(trial.task.graph.sources[worst], "logits")
        text = f"{edge}   score {given[worst]:.6g}; a cut costs the metric {expected[worst]:.6g}"
        raise trial.failure("is wrong where nothing is approximated", ("edge", text), check="exact_at_logits")


def assert_finds_variable(
    method: str | FeaturizerFunction,
    model: CompiledModel | str,
    variable: str,
    site: str,
    *,
    accuracy: float = LEAST_ACCURACY,
    **how: Any,
) -> None:
    """Assert that interchanges of what a method finds do what the causal model says, on pairs that a no-op gets wrong.

    Args:
        method: A function of a task, or the name of a registered method.
        model: A compiled model, or what the command line would call it.
        variable: Its name or label.
        site: Site at which it is sought.
        accuracy: The least interchange accuracy, in [0, 1].
        how: ``seed``, ``sizes``, ``dtype`` and ``parameters`` of the method.

    Raises:
        MethodFailure: With the accuracy that was reached, and the shortest pair that goes wrong.
        DomainError: If ``accuracy`` is out of range, or there is nothing to find at the site.
        MethodError: If what it finds does not swap features and nothing else, as in every assertion of this module.
    """
    if not 0 <= accuracy <= 1:
        raise DomainError(f"accuracy={accuracy} is none; give a number from 0 to 1.")
    trial = FeaturizerTrial.of(method, model, variable, site, **how)
    if trial.accuracy < accuracy:
        reached = f"{trial.accuracy:.3f}, wanted {accuracy:g}"
        check = "finds" + (f" --accuracy {accuracy:g}" if accuracy != LEAST_ACCURACY else "")
        lines = (("input", trial.wrong_pair()), ("accuracy", reached))
        raise trial.failure("misses a variable", *lines, check=check)


def assert_makes_nothing_up(
    method: str | FeaturizerFunction,
    model: CompiledModel | str,
    variable: str,
    site: str,
    *,
    accuracy: float = 0.5,
    **how: Any,
) -> None:
    """Assert that a method finds nothing where values are shuffled over inputs, so that nothing carries them.

    Args:
        method: A function of a task, or the name of a registered method.
        model: A compiled model, or what the command line would call it.
        variable: Its name or label.
        site: Site at which it is sought.
        accuracy: The greatest interchange accuracy on the false hypothesis.
        how: ``seed``, ``sizes``, ``dtype`` and ``parameters`` of the method.

    Raises:
        MethodFailure: With the accuracy that was reached.

    Source: control tasks, Hewitt and Liang 2019, arXiv 1909.03368.
    """
    trial = FeaturizerTrial.of(method, model, variable, site, labels="arbitrary", **how)
    if trial.accuracy > accuracy:
        line = ("accuracy", f"{trial.accuracy:.3f} where its values are shuffled over inputs; at most {accuracy:g}")
        raise trial.failure("finds a variable that is not there", line, check="makes_nothing_up")


def _first_wrong(trial: LocalizerTrial, true: np.ndarray, unjudged: np.ndarray) -> tuple[Edge, str]:
    """Return the true edge that is ranked worst, or the other edge that is ranked best, and how the line reads."""
    graph, circuit = trial.task.graph, trial.circuit
    needed = true[graph.edge_index]
    judged = ~unjudged[graph.edge_index]
    strength = np.abs(trial.result.flat)
    others = (judged & ~needed)[None, :]
    above = (strength[None, :] > strength[:, None]) & judged[None, :]
    # Ties count last: an edge that is needed stands below all others of its score.
    tied = others & needed[:, None] & (strength[None, :] == strength[:, None])
    ranks = 1 + (above | tied).sum(1)
    missed = needed & judged & (ranks > int((needed & judged).sum()))
    candidates = missed if missed.any() else ~needed & judged
    pick = np.where(candidates, ranks if missed.any() else -ranks, -np.inf)
    index = int(pick.argmax())
    edge = graph.edges[index]
    truth = circuit[edge]
    text = f"{edge}   rank {ranks[index]} of {int(judged.sum())}, score {trial.result.flat[index]:.3g}, {truth.status}"
    return edge, f"{text} ({truth.reason})"
