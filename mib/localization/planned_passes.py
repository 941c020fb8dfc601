"""How many passes a built-in method takes, known before it runs.

The engine counts what it runs (``mib.engine.cost``). Here the same numbers are worked out from sizes alone; a test
holds each to the count. Methods whose work depends on what they find have an upper bound instead.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mib.engine.ablations import Ablation
from mib.engine.circuit_run import Columns
from mib.engine.cost import Passes
from mib.graph import Graph
from mib.localization.registry import get
from mib.sublayers import block_sublayers, next_sublayer


@dataclass(frozen=True)
class RunSizes:
    """What passes depend on beside the method.

    Attributes:
        graph: Nodes and edges of the model.
        n: How many examples there are.
        ablation: Name of what flows along cut edges.
        streaming: True if one example's gradients do not fit into the memory, so that each backward pass runs the
            sublayers forward again.
        cached: True if the outputs of all inputs fit, and no full run is made twice.
    """

    graph: Graph
    n: int
    ablation: Ablation = "resample"
    streaming: bool = False
    cached: bool = True

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
        sizes: What it is run on.
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
    return sizes.changes + sizes.gradients(1)


def _two_gradients(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    return sizes.changes + sizes.gradients(2)


def _points(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    return sizes.changes + sizes.gradients(given["steps"])


def _points_of_activations(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    share = Columns(sizes.graph).share
    later = sum(
        share(next_sublayer(sublayer, parallel=sizes.graph.parallel))
        for sublayer in block_sublayers(sizes.graph.n_layers)
    )
    # Points of the embeddings, those of each sublayer, which run what follows it, and the clean run between.
    return sizes.changes + sizes.gradients(given["steps"] * (1 + later) + (sizes.graph.n_layers > 0))


def _changes(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    return sizes.changes


def _changes_and_streams(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    return sizes.changes + Passes(1)


def _outputs_and_streams(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    return Passes(2)


def _whole_gradients(points: int, sizes: RunSizes) -> Passes:
    """Runs whose gradients are kept at nodes alone, which never stream."""
    return sizes.changes + Passes(points, points)


def _atp_star(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    points = sizes.graph.n_layers if given["dropped"] == "layers" else 1
    # Edges recompute queries and keys, from one more run; where outputs are not kept they are recorded again for it.
    found = _whole_gradients(max(points, 1), sizes) + Passes(1)
    return found if sizes.cached else found + Passes(2, certainty="at most")


def _ensemble_parallel(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    members = (_one_gradient, _points, _points_of_activations)
    every = [member(sizes, given) for member in members]
    found = every[0] + every[1] + every[2]
    # One engine runs all three: what it keeps is recorded once.
    return found + Passes(-2 * sizes.changes.forward) if sizes.cached else found


def _masks(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    batch, samples = sizes.of_batch(given["examples"]), given.get("samples", 1)
    # Each run of a batch is compared with the whole model's, which is run once more for its examples.
    forward, backward = given["steps"] * batch * (samples + 1), given["steps"] * batch * samples
    certain = sizes.cached and samples == 1 and given["objective"] == "kl"
    # First the empty circuit is compared with the whole model.
    found = Passes(3, certainty="exact" if certain else "at most") + sizes.changes + Passes(forward, backward)
    again = sizes.changes.forward * (backward + 2) + backward
    return found if sizes.cached else found + Passes(again, certainty="at most")


def _ensemble_sequential(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    defaults = get("ensemble-sequential").parameters
    found = _points(sizes, {"steps": given["ig_steps"]}) + _masks(sizes, {**defaults, **given})
    return found + Passes(-sizes.changes.forward) if sizes.cached else found


def _ensemble_hybrid(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    parallel = _ensemble_parallel(sizes, {"steps": given["ig_steps"]})
    found = parallel + _ensemble_sequential(sizes, given)
    return found + Passes(-sizes.changes.forward) if sizes.cached else found


def _exact_edges(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    columns = Columns(sizes.graph)
    starts = columns.sublayer_of_each_destination()
    readable = sizes.graph.n_readable
    # A cut that changes nothing where it is read is not run.
    cuts = sum(int(readable[column]) * columns.share(start) for column, start in enumerate(starts))
    return sizes.changes + Passes(1 + cuts, certainty="at most")


def _exact_nodes(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    return sizes.changes + Passes(1 + len(sizes.graph.sources), certainty="at most")


def _exact_neurons(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    return sizes.changes + Passes(1 + len(sizes.graph.sources) * sizes.graph.d_model, certainty="at most")


def _acdc(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    runs = len(sizes.graph.edges) * len(set(given["thresholds"])) * sizes.of_batch(given["examples"])
    # A loss runs the whole model on its examples, and outputs that are not kept are recorded again.
    each = 2 if sizes.cached else 3 + sizes.ablated
    return Passes(5 + each * runs, certainty="at most")


def _optimal_ablation(sizes: RunSizes, given: Mapping[str, Any]) -> Passes:
    sources, steps = len(sizes.graph.sources), given["steps"] * sizes.of_batch(given["examples"])
    # A step runs each source's replacement from its first reader, and the clean streams once.
    learnt = Passes(steps * (sources + 1 + (not sizes.cached)), steps * sources, "at most")
    compared = Passes(2 * (sources + 2) + 1, certainty="at most")
    last = _exact_edges(sizes, given) if given["estimate"] == "exact" else _one_gradient(sizes, given)
    return learnt + compared + last


_PASSES: Mapping[str, _Plan] = {
    "acdc": _acdc,
    "activation-norm": _changes,
    "atp-star": _atp_star,
    "bootstrap-ilp": _points,
    "clean-corrupted": _two_gradients,
    "direct-logit-attribution": _one_gradient,
    "eap": _one_gradient,
    "eap-ig-activations": _points_of_activations,
    "eap-ig-inputs": _points,
    "edge-pruning": _masks,
    "ensemble-hybrid": _ensemble_hybrid,
    "ensemble-parallel": _ensemble_parallel,
    "ensemble-sequential": _ensemble_sequential,
    "exact": _exact_edges,
    "exact-neuron": _exact_neurons,
    "exact-node": _exact_nodes,
    "gim": _one_gradient,
    "hisp": _one_gradient,
    "ifr": _outputs_and_streams,
    "logit-lens": _changes_and_streams,
    "nap": lambda sizes, given: _whole_gradients(1, sizes),
    "nap-ig": lambda sizes, given: _whole_gradients(given["steps"], sizes),
    "optimal-ablation": _optimal_ablation,
    "random": _nothing,
    "relp": _one_gradient,
    "subnetwork-probing": _masks,
    "ugs": _masks,
    "weight-norm": _nothing,
}
"""All built-in methods but ``cpr-gaming``, a counterexample whose search has no useful bound."""
