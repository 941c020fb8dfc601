"""How many passes a built-in method takes, known before it runs.

The engine counts what it runs (``mib.engine.cost``). Here the same numbers are worked out from sizes alone; a test
holds each to the count. Methods whose work depends on what they find have an upper bound instead.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mib.engine.ablations import Ablation
from mib.engine.circuit_run import Columns
from mib.engine.cost import Passes
from mib.graph import Graph
from mib.localization.registry import get
from mib.sublayers import block_sublayers, next_sublayer, unembedding_sublayer


@dataclass(frozen=True)
class RunSizes:
    """What passes depend on beside the method.

    Attributes:
        graph: Nodes and edges of the model.
        n: Number of examples.
        ablation: Name of what flows along cut edges.
        streaming: True if one example's gradients do not fit into the memory, so that each backward pass runs the
            sublayers forward again.
        cached: True if the outputs of all inputs fit, and no full run is made twice.
        at_once: Number of examples whose gradients are taken at once.
    """

    graph: Graph
    n: int
    ablation: Ablation = "resample"
    streaming: bool = False
    cached: bool = True
    at_once: int = 1

    @property
    def ablated(self) -> int:
        """Full runs behind what flows along cut edges."""
        if self.ablation in ("zero", "optimal"):
            return 0
        # A mean is taken over the clean inputs, whose outputs are there where they are kept.
        return int(self.ablation == "resample" or not self.cached)

    @property
    def changes(self) -> Passes:
        """The full runs behind what cutting changes."""
        return Passes(1 + self.ablated)

    @property
    def changes_after_clean(self) -> Passes:
        """Passes of ``changes`` where the method runs the clean inputs before, a batch at a time."""
        if self.ablation not in ("mean", "mean-positional") or not self.cached:
            return Passes(self.ablated)
        # Streaming keeps no outputs; else those of the first batch are known when the mean of all is taken.
        return Passes(1 if self.streaming else max(0, self.n - self.at_once) / self.n)

    @property
    def changes_after_cut(self) -> Passes:
        """Passes of ``changes`` where the method starts runs from ablated embeddings before."""
        return Passes(1) if self.ablation == "resample" else self.changes

    @property
    def unembedding(self) -> float:
        """Logits of inputs whose outputs are kept: the share of a pass that unembedding them is."""
        return Columns(self.graph).share(unembedding_sublayer(self.graph.n_layers)) if self.cached else 1.0

    def gradients(self, n: float) -> Passes:
        """Runs with gradients at every destination, so many of them."""
        return Passes((2 if self.streaming else 1) * n, n)

    def of_batch(self, examples: int) -> float:
        """The share of the examples that a batch is."""
        return min(examples, self.n) / self.n


def plan_passes(method: str, sizes: RunSizes, parameters: Mapping[str, Any] | None = None) -> Passes | None:
    """Work out the passes of a built-in method.

    Args:
        method: Its name.
        sizes: Sizes of the task that it is run on.
        parameters: Hyper-parameters that are not the default.

    Returns:
        The passes; None if nothing is known of the method beforehand, as of a user's own.

    Raises:
        MethodError: If there is no such method.
    """
    given = {**get(method).parameters, **(parameters or {})}
    return _PASSES[method](sizes, given) if method in _PASSES else None


_Plan = Callable[[RunSizes, Mapping[str, Any]], Passes]


def _nothing(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    return Passes(0)


def _one_gradient(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    return sizes.changes_after_clean + sizes.gradients(1)


def _clean_and_corrupted(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    changes = Passes(0) if sizes.ablation == "resample" else sizes.changes_after_clean
    return changes + sizes.gradients(2)


def _points(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    return sizes.changes_after_cut + sizes.gradients(given["steps"])


def _points_of_activations(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    return sizes.changes_after_clean + _runs_for_activations(sizes, given)


def _runs_for_activations(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    share = Columns(sizes.graph).share
    later = sum(
        share(next_sublayer(sublayer, parallel=sizes.graph.parallel))
        for sublayer in block_sublayers(sizes.graph.n_layers)
    )
    # The last point of all groups is the clean run, gone back through twice; points of the embeddings; those of each
    # sublayer, which run what follows it.
    again = Passes(int(sizes.streaming), 1) if sizes.graph.n_layers else Passes(0)
    return sizes.gradients(1) + again + sizes.gradients((given["steps"] - 1) * (1 + later))


def _changes(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    return sizes.changes


def _clean_streams(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    return Passes(1)


def _changes_and_streams(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    return Passes(1) + sizes.changes_after_clean


def _nodes(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    # Gradients are kept at nodes alone, which never stream.
    return sizes.changes_after_clean + Passes(1, 1)


def _points_of_nodes(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    # A mean runs all clean inputs before the last point, which is the clean run, does.
    mean = sizes.ablation in ("mean", "mean-positional")
    return Passes(1 if mean else sizes.ablated) + Passes(given["steps"], given["steps"])


def _atp_star(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    points = max(sizes.graph.n_layers if given["dropped"] == "layers" else 1, 1)
    # Edges recompute queries and keys, from one more run.
    return Passes(1) + sizes.changes_after_clean + Passes(points, points)


def _ensemble_parallel(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    if not sizes.cached:
        return _one_gradient(sizes, given) + _points(sizes, given) + _points_of_activations(sizes, given)
    # One engine runs all three: what it keeps is known to all that follow.
    return _one_gradient(sizes, given) + sizes.gradients(given["steps"]) + _runs_for_activations(sizes, given)


def _masks(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    batch, samples = sizes.of_batch(given["examples"]), given.get("samples", 1)
    # Each run of a batch is compared with the whole model's, whose logits are asked for once more for its examples.
    forward = given["steps"] * batch * (samples + sizes.unembedding)
    backward = given["steps"] * batch * samples
    certain = sizes.cached and samples == 1 and given["objective"] == "kl"
    # First the empty circuit is compared with the whole model, after positions that are read were found in its logits.
    first = Passes(1 + sizes.unembedding + (not sizes.cached), certainty="exact" if certain else "at most")
    found = first + sizes.changes + Passes(forward, backward)
    again = sizes.changes.forward * (backward + 2) + backward
    return found if sizes.cached else found + Passes(again, certainty="at most")


def _ensemble_sequential(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    defaults = get("ensemble-sequential").parameters
    found = _points(sizes, {"steps": given["ig_steps"]}) + _masks(sizes, {**defaults, **given})
    # The masks find the outputs of all inputs, and take their logits from them.
    return found + Passes(sizes.unembedding - sizes.changes.forward) if sizes.cached else found


def _ensemble_hybrid(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    parallel = _ensemble_parallel(sizes, {"steps": given["ig_steps"]})
    found = parallel + _ensemble_sequential(sizes, given)
    return found + Passes(-sizes.changes_after_cut.forward) if sizes.cached else found


def _exact_edges(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    columns = Columns(sizes.graph)
    starts = columns.sublayer_of_each_destination()
    readable = sizes.graph.n_readable
    # A cut that changes nothing where it is read is not run.
    cuts = sum(int(readable[column]) * columns.share(start) for column, start in enumerate(starts))
    return sizes.changes + Passes(cuts, certainty="at most")


def _exact_nodes(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    return sizes.changes + Passes(len(sizes.graph.sources), certainty="at most")


def _exact_neurons(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    return sizes.changes + Passes(len(sizes.graph.sources) * sizes.graph.d_model, certainty="at most")


def _acdc(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    runs = len(sizes.graph.edges) * len(set(given["thresholds"])) * sizes.of_batch(given["examples"])
    # A loss asks for the whole model's logits on its examples, and outputs that are not kept are recorded again.
    each = 1 + sizes.unembedding if sizes.cached else 3 + sizes.ablated
    return Passes(5 + each * runs, certainty="at most")


def _optimal_ablation(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    return _optimal_constants(sizes, given) + _exact_edges(sizes, given)


def _optimal_gradient(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    return _optimal_constants(sizes, given) + _one_gradient(sizes, given)


def _mean_gradient(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    # The means take a run of their own, whatever the ablation; what follows cuts to constants, which takes none.
    return Passes(1) + _one_gradient(replace(sizes, ablation="optimal"), given)


def _optimal_constants(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    sources, steps = len(sizes.graph.sources), given["steps"] * sizes.of_batch(given["examples"])
    # A step runs each source's replacement from its first reader, and the clean streams once.
    learnt = Passes(steps * (sources + 1 + (not sizes.cached)), steps * sources, "at most")
    compared = Passes(2 * (sources + 2) + 1, certainty="at most")
    return learnt + compared


_PASSES: Mapping[str, _Plan] = {
    "acdc": _acdc,
    "activation-norm": _changes,
    "atp-star": _atp_star,
    "bootstrap-ilp": _points,
    "clean-corrupted": _clean_and_corrupted,
    "direct-logit-attribution": _one_gradient,
    "eap": _one_gradient,
    "eap-ig-activations": _points_of_activations,
    "eap-ig-inputs": _points,
    "eap-mean": _mean_gradient,
    "eap-optimal": _optimal_gradient,
    "edge-pruning": _masks,
    "ensemble-hybrid": _ensemble_hybrid,
    "ensemble-parallel": _ensemble_parallel,
    "ensemble-sequential": _ensemble_sequential,
    "exact": _exact_edges,
    "exact-neuron": _exact_neurons,
    "exact-node": _exact_nodes,
    "gim": _one_gradient,
    "hisp": _one_gradient,
    "ifr": _clean_streams,
    "logit-lens": _changes_and_streams,
    "nap": _nodes,
    "nap-ig": _points_of_nodes,
    "optimal-ablation": _optimal_ablation,
    "random": _nothing,
    "relp": _one_gradient,
    "subnetwork-probing": _masks,
    "ugs": _masks,
    "weight-norm": _nothing,
}
"""All built-in methods but ``cpr-gaming``, a counterexample whose search has no useful bound."""
