"""Redundancy: a head split into copies that do half the work each, and a backup that acts when a head is cut."""

from dataclasses import replace

from numpy.random import Generator
from tracr.rasp import rasp

from groundtruth.compiled.provenance import Direction, Head, Neuron
from groundtruth.errors import VariantError
from groundtruth.model import CompiledModel
from groundtruth.rasp.expressions import walk
from groundtruth.variants.hardenings.directions import (
    back,
    in_directions,
    with_directions,
    with_head_named,
    with_heads,
    with_neurons,
)
from groundtruth.variants.hardenings.extra_layers import with_layers_before_mlp
from groundtruth.variants.variant import Made, same_nodes


def split_head(model: CompiledModel, rng: Generator, *, copies: int = 2) -> Made:
    """Replace a head by copies of it, each of which writes its share of what the head wrote.

    Where the head moves a one-hot value, one copy that is cut by zero ablation is not missed (OR: there are several
    minimal circuits); one that is cut by resample ablation puts another value beside the right one (AND).

    Args:
        model: A compiled model.
        rng: Chooses the head, among those that move one-hot values if there are any.
        copies: Number of copies in all.

    Raises:
        VariantError: For less than two copies, or a model without a head.
    """
    if copies < 2:
        raise VariantError(f"copies(copies={copies}): a head must be split into at least 2.")
    chosen = _chosen(model, rng, categorical=False)
    if chosen is None:
        raise VariantError(f"'{model.name}' has no head that could be split.")
    layer, head = chosen.layer, chosen.head
    wide = with_heads(model, copies - 1)
    weights = wide.weights
    places = [head, *range(weights.n_heads - copies + 1, weights.n_heads)]
    moved = {name: getattr(weights, name).clone() for name in ("W_Q", "W_K", "W_V", "W_O")}
    for name, values in moved.items():
        # Only what is written is shared out: all copies attend alike, and their shares add up to the whole.
        values[layer, places] = getattr(weights, name)[layer, head] / (copies if name == "W_O" else 1)
    named = {(layer, place): replace(chosen, head=place) for place in places}
    made = replace(wide, weights=replace(weights, **moved), provenance=with_head_named(wide.provenance, named))
    return Made(made, same_nodes(model))


def add_backup(model: CompiledModel, rng: Generator) -> Made:
    """Add a backup of a head: a second head puts by what the first moves, and neurons write it if the first wrote none.

    The neurons are in an MLP of their own between the attention and the MLP of the head's layer, so the circuit moves.
    They act where the first writes nothing, which only zero ablation brings about.

    Args:
        model: A compiled model.
        rng: Chooses the head, among those that move one-hot values.

    Raises:
        VariantError: If no head moves one-hot values.
    """
    chosen = _chosen(model, rng, categorical=True)
    if chosen is None or chosen.expression is None:
        raise VariantError(f"'{model.name}' has no head that moves one-hot values: there is nothing to back up.")
    bare, label = in_directions(model), chosen.expression
    # The backup must write before the MLP of the block, which may read what the head moved.
    made, nodes, _ = with_layers_before_mlp(bare, chosen.layer)
    held = [i for i, d in enumerate(made.provenance.directions) if d.expression == label and d.kind == "variable"]
    copies = [
        Direction(f"backup of {made.provenance.directions[i].name}", "copy", label, made.provenance.directions[i].value)
        for i in held
    ]
    made = with_neurons(with_heads(with_directions(made, copies), 1), len(held))
    return Made(back(_wired(made, chosen, held), model), nodes)


def _wired(model: CompiledModel, first: Head, held: list[int]) -> CompiledModel:
    """The last head of the layer copies what the first moves; the last neurons write it where that is missing."""
    weights, layer, label = model.weights, first.layer, first.expression or ""
    put_by = list(range(weights.d_model - len(held), weights.d_model))
    neurons = list(range(weights.d_mlp - len(held), weights.d_mlp))
    spare = weights.n_heads - 1
    moved = {name: getattr(weights, name).clone() for name in ("W_Q", "W_K", "W_V", "W_O", "W_in", "W_out")}
    for name in ("W_Q", "W_K", "W_V"):
        moved[name][layer, spare] = moved[name][layer, first.head]
    moved["W_O"][layer, spare, :, put_by] = moved["W_O"][layer, first.head][:, held]
    # relu(copy - original) is 0 as long as the two agree, and the whole value where the original is 0.
    moved["W_in"][layer, put_by, neurons] = 1.0
    for neuron in neurons:
        moved["W_in"][layer, held, neuron] = -1.0
    moved["W_out"][layer, neurons, held] = 1.0
    provenance = with_head_named(model.provenance, {(layer, spare): Head(layer, spare, label, "backup")})
    named = [*provenance.neurons, *(Neuron(layer, neuron, label, "backup") for neuron in neurons)]
    provenance = replace(provenance, neurons=tuple(sorted(named, key=lambda n: (n.layer, n.index))))
    return replace(model, weights=replace(weights, **moved), provenance=provenance)


def _chosen(model: CompiledModel, rng: Generator, *, categorical: bool) -> Head | None:
    """A head of the program: one that moves one-hot values, or if there is none (and that will do) any."""
    one_hot = {e.label for e in walk(model.program) if isinstance(e, rasp.Aggregate) and rasp.is_categorical(e)}
    real = [head for head in model.provenance.heads if head.role in ("aggregate", "width")]
    found = [head for head in real if head.expression in one_hot] or ([] if categorical else real)
    return found[int(rng.integers(len(found)))] if found else None
