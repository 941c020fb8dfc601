"""Room for further parts between the attention and the MLP of a layer."""

from dataclasses import replace

from groundtruth.model import CompiledModel
from groundtruth.variants.symmetries.insertions import spread_layers
from groundtruth.variants.variant import Made


def with_layers_before_mlp(model: CompiledModel, layer: int, count: int = 1) -> Made:
    """A model with more layers, in which the MLP of a layer has moved to the last of those after its attention.

    Args:
        model: A compiled model.
        layer: The layer whose MLP moves.
        count: By how many layers it moves; the MLPs between are empty.
    """
    n_layers = model.weights.n_layers
    places = [*range(layer + 1), *range(layer + 1 + count, n_layers + count)]
    made, nodes, _ = spread_layers(model, places, n_layers + count)
    weights = made.weights
    w_in, w_out = weights.W_in.clone(), weights.W_out.clone()
    for values in (w_in, w_out):
        # A copy: a view of the old place would be set to 0 with it.
        values[layer + count], values[layer] = values[layer].clone(), 0.0
    neurons = tuple(replace(n, layer=layer + count) if n.layer == layer else n for n in made.provenance.neurons)
    nodes = {old: f"m{layer + count}" if old == f"m{layer}" else new for old, new in nodes.items()}
    moved = replace(made, weights=replace(weights, W_in=w_in, W_out=w_out))
    return Made(replace(moved, provenance=replace(made.provenance, neurons=neurons)), nodes)
