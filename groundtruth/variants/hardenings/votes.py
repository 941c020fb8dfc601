"""Votes: three copies of a component, of which any two decide, so that no cut of one of them changes the output."""

from dataclasses import replace

import torch
from numpy.random import Generator
from tracr.rasp import rasp

from groundtruth.compiled.provenance import Direction, Head, Neuron, Provenance
from groundtruth.errors import VariantError
from groundtruth.model import CompiledModel
from groundtruth.rasp.expressions import canonical, walk
from groundtruth.rasp.infer_values import tabulate
from groundtruth.variants.hardenings.directions import (
    back,
    in_directions,
    with_constant,
    with_directions,
    with_head_named,
    with_heads,
    with_neurons,
)
from groundtruth.variants.hardenings.extra_layers import with_layers_before_mlp
from groundtruth.variants.variant import Made

VOTERS = 3

Component = Head | int
"""A head, or the layer of an MLP."""


def add_votes(model: CompiledModel, rng: Generator, *, component: str = "") -> Made:
    """Replace a component by three copies of it, and neurons that write what most of them say.

    The component writes one-hot values, or 0 and 1, and each copy writes to directions of its own. For each value two
    neurons make a ramp from 0, where one copy says so, to 1, where two do: it is flat at what the model computes, and
    where one copy is cut. So no cut of a single edge into or out of a copy changes anything, while any two are needed.

    The copies of a head stand beside it, those of an MLP in layers of their own; the neurons that count are in an MLP
    of their own before whatever reads the result.

    Args:
        model: A compiled model.
        rng: Chooses the component, if none is named.
        component: Name of a head or an MLP, such as ``a0.h1`` or ``m0``.

    Raises:
        VariantError: If no component writes such values alone, or the one that is named does not.
    """
    bare = in_directions(model)
    found = _components(bare)
    if component and component not in found:
        raise VariantError(
            f"votes(component='{component}'): choose a part of '{model.name}' that writes one-hot values, or 0 and 1, "
            f"and nothing else: {', '.join(found) or 'it has none'}."
        )
    if not found:
        raise VariantError(
            f"no head and no MLP of '{model.name}' writes one-hot values, or 0 and 1, alone: there is "
            "nothing to vote on."
        )
    chosen = found[component or list(found)[int(rng.integers(len(found)))]]
    made, nodes = _copied_head(bare, chosen) if isinstance(chosen, Head) else _copied_mlp(bare, chosen)
    return Made(back(made, model), nodes)


def _components(model: CompiledModel) -> dict[str, Component]:
    """The heads and MLPs of the program that write only values of which each is 0 or 1 in a direction, by name."""
    # On a copy: `tabulate` replaces the functions of the program that it is given.
    values = tabulate(canonical(model.program), model.domain.vocab, model.domain.max_seq_len)
    sops = {e.label: e for e in walk(model.program) if isinstance(e, rasp.SOp)}
    allowed = {label for label, sop in sops.items() if rasp.is_categorical(sop) or {0, 1}.issuperset(values[label])}
    provenance = model.provenance
    found: dict[str, Component] = {
        f"a{head.layer}.h{head.head}": head
        for head in provenance.heads
        if head.role == "aggregate" and head.expression in allowed
    }
    for layer in range(model.weights.n_layers):
        written = [provenance.directions[i] for i in _computed(model, layer)]
        roles = {neuron.role for neuron in provenance.neurons_in(layer)}
        whole = roles <= {"compute", "clean_bos", "ignoring"} and all(d.expression in allowed for d in written)
        if written and whole and all(direction.kind == "variable" for direction in written):
            found[f"m{layer}"] = layer
    return found


def _computed(model: CompiledModel, layer: int) -> list[int]:
    """The directions into which the neurons of an MLP write that compute an expression."""
    neurons = [n.index for n in model.provenance.neurons_in(layer) if n.role == "compute"]
    return torch.nonzero(model.weights.W_out[layer, neurons].ne(0).any(0))[:, 0].tolist()


def _copied_head(model: CompiledModel, head: Head) -> tuple[CompiledModel, dict[str, str]]:
    """Three heads in the place of one, and the neurons that count in the MLP after them."""
    made, nodes, _ = with_layers_before_mlp(model, head.layer)
    held = list(model.provenance.dimensions(head.expression or ""))
    made, sets = _with_copies(with_heads(made, VOTERS - 1), held)
    n_heads = made.weights.n_heads
    places = [head.head, *range(n_heads - VOTERS + 1, n_heads)]
    w_o = made.weights.W_O[head.layer, head.head].clone()
    for place, own in zip(places, sets, strict=True):
        for matrix in (made.weights.W_Q, made.weights.W_K, made.weights.W_V):
            matrix[head.layer, place] = matrix[head.layer, head.head]
        made.weights.W_O[head.layer, place] = 0.0
        made.weights.W_O[head.layer, place][:, own] = w_o[:, held]
    named = {(head.layer, place): replace(head, head=place, role="voter") for place in places}
    made = replace(made, provenance=with_head_named(made.provenance, named))
    return _counted(made, head.layer, held, sets), dict(nodes)


def _copied_mlp(model: CompiledModel, layer: int) -> tuple[CompiledModel, dict[str, str]]:
    """Three MLPs in the place of one, in as many layers, and the neurons that count in the layer after them.

    Neurons that clean BOS, or ignore a decoy, stay with those that count: what they take away, most copies say too.
    """
    held = _computed(model, layer)
    made, nodes, _ = with_layers_before_mlp(model, layer, VOTERS)
    made, sets = _with_copies(made, held)
    weights, last = made.weights, layer + VOTERS
    copied = [neuron for neuron in made.provenance.neurons_in(last) if neuron.role == "compute"]
    indices = [neuron.index for neuron in copied]
    neurons = [neuron for neuron in made.provenance.neurons if neuron not in copied]
    for place, own in enumerate(sets, start=layer):
        weights.W_in[place][:, indices] = weights.W_in[last][:, indices]
        for source, copy in zip(held, own, strict=True):
            weights.W_out[place, indices, copy] = weights.W_out[last, indices, source]
        neurons += [replace(neuron, layer=place, role="voter") for neuron in copied]
    # Last, after all three copies were taken of them.
    weights.W_in[last][:, indices], weights.W_out[last, indices] = 0.0, 0.0
    made = replace(made, provenance=_with_neurons_named(made.provenance, neurons))
    return _counted(made, last, held, sets), dict(nodes)


def _with_copies(model: CompiledModel, held: list[int]) -> tuple[CompiledModel, list[list[int]]]:
    """A model with three copies of some directions, and where each copy lies; its weights are its own."""
    own = [model.provenance.directions[i] for i in held]
    copies = [
        Direction(f"copy {index} of {direction.name}", "copy", direction.expression, direction.value)
        for index in range(1, VOTERS + 1)
        for direction in own
    ]
    first = model.weights.d_model
    wide = with_directions(model, copies)
    weights = replace(wide.weights, **{name: getattr(wide.weights, name).clone() for name in wide.weights.arrays()})
    sets = [[first + index * len(held) + i for i in range(len(held))] for index in range(VOTERS)]
    return replace(wide, weights=weights), sets


def _counted(model: CompiledModel, layer: int, held: list[int], sets: list[list[int]]) -> CompiledModel:
    """A model with neurons that write each value that at least two of its three copies hold."""
    first = model.weights.d_mlp
    made, one = with_constant(with_neurons(model, 2 * len(held)))
    weights, named = made.weights, list(made.provenance.neurons)
    for index, value in enumerate(held):
        # relu(s - 1) - relu(s - 2) is 0 up to a sum of 1 and 1 from 2 on; with each copy in [0, 1], one that is cut
        # moves s from 3 to no less than 2, or from 0 to no more than 1.
        for neuron, threshold, sign in ((first + 2 * index, 1.0, 1.0), (first + 2 * index + 1, 2.0, -1.0)):
            weights.W_in[layer, [own[index] for own in sets], neuron] = 1.0
            weights.W_in[layer, one, neuron] = -threshold
            weights.W_out[layer, neuron, value] = sign
            named.append(Neuron(layer, neuron, model.provenance.directions[value].expression or "", "majority"))
    return replace(made, provenance=_with_neurons_named(made.provenance, named))


def _with_neurons_named(provenance: Provenance, neurons: list[Neuron]) -> Provenance:
    return replace(provenance, neurons=tuple(sorted(neurons, key=lambda n: (n.layer, n.index))))
