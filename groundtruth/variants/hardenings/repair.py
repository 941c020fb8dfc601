"""Repair: a second head is compared with the first, and where they differ by a whole value that is set right."""

from dataclasses import replace
from itertools import product

import torch
from numpy.random import Generator

from groundtruth.compiled.forward import forward
from groundtruth.compiled.provenance import Direction, Head, Neuron
from groundtruth.errors import VariantError
from groundtruth.model import CompiledModel
from groundtruth.rasp.evaluate import batches_of_one_length
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

_RAMPS = ((0.5, 2.0), (1.0, -1.0))
"""(threshold, slope) of the neurons that write a difference d of one sign, in units of the least difference g between
values: together they write 0 up to g / 2, and d from g on."""

_NEURONS = 2 * len(_RAMPS)
"""Number of neurons a direction."""


def add_repair(model: CompiledModel, rng: Generator, *, head: str = "") -> Made:
    """Add a head that does what a head of the program does, and neurons that write by how much the two differ.

    Where both agree the neurons are silent, and flat: their gradient is 0, on any path too along which both move alike.
    Where a cut makes the first write another value they write the difference, so that the result is the second's: such
    a cut of an edge into the first head changes no output. Then there are two minimal circuits: the first head alone,
    for where it is not compared nothing is set right, and the second with the neurons, for what is put in the first's
    place cancels. Where a cut makes it mix values (half of one, half of another, as in ``sort``), differences may lie
    in the dead zone and stay; such edges are live, and the circuit of the variant says so.

    Args:
        model: A compiled model.
        rng: Chooses the head, if none is named.
        head: Name of a head that moves values of an expression, such as ``a0.h1``.

    Raises:
        VariantError: If there is no such head, or it writes the same everywhere.
    """
    bare = in_directions(model)
    found = {f"a{h.layer}.h{h.head}": h for h in bare.provenance.heads if h.role in ("aggregate", "width")}
    if head and head not in found:
        raise VariantError(
            f"repair(head='{head}'): choose a head of '{model.name}' that computes an expression: "
            f"{', '.join(found) or 'it has none'}."
        )
    if not found:
        raise VariantError(f"'{model.name}' has no head that computes an expression: there is nothing to repair.")
    chosen = found[head or list(found)[int(rng.integers(len(found)))]]
    written = torch.nonzero(bare.weights.W_O[chosen.layer, chosen.head].ne(0).any(0))[:, 0].tolist()
    gap = _least_difference(bare, chosen, written)
    # The comparison must stand after the head and before the MLP of its block, which may read the result.
    made, nodes, _ = with_layers_before_mlp(bare, chosen.layer)
    own = [made.provenance.directions[i] for i in written]
    copies = [Direction(f"backup of {d.name}", "copy", d.expression, d.value) for d in own]
    wide = with_neurons(with_heads(with_directions(made, copies), 1), _NEURONS * len(written))
    return Made(back(_wired(wide, chosen, written, gap), model), nodes)


def _least_difference(model: CompiledModel, head: Head, written: list[int]) -> float:
    """The least difference, other than none, between two things that a head writes in one direction on the domain."""
    inputs = model.domain.inputs(limit=max(model.check.inputs, 1), seed=model.check.seed).tokens
    batches = [model.encode([inputs[i] for i in indices]) for indices in batches_of_one_length(inputs)]
    values = [forward(model.weights, ids).heads[head.layer, :, 1:, head.head][..., written] for ids in batches]
    least = float("inf")
    for column in torch.cat([value.flatten(0, 1) for value in values]).T:
        steps = column.unique().diff()
        # Smaller steps are rounding of one value; a dead zone of half of that would let every difference through.
        apart = steps[steps > 1e-6 * max(1.0, float(column.abs().max()))]
        least = min(least, float(apart.min()) if len(apart) else least)
    if least == float("inf"):
        raise VariantError(f"a{head.layer}.h{head.head} of '{model.name}' writes the same everywhere.")
    return least


def _wired(model: CompiledModel, first: Head, written: list[int], gap: float) -> CompiledModel:
    """The last head of a layer puts by what the first moves; the last neurons write by how much the first differs.

    Args:
        model: A model without a frame, with a head, neurons and directions of zeros at the end of each.
        first: The head that is compared.
        written: The directions into which it writes.
        gap: The least difference between two things that it writes.
    """
    made, one = with_constant(model)
    layer, spare, label = first.layer, made.weights.n_heads - 1, first.expression or ""
    w = {name: getattr(made.weights, name).clone() for name in ("W_Q", "W_K", "W_V", "W_O", "W_in", "W_out")}
    for name in ("W_Q", "W_K", "W_V"):
        w[name][layer, spare] = w[name][layer, first.head]
    put_by = range(model.weights.d_model - len(written), model.weights.d_model)
    neuron = made.weights.d_mlp - _NEURONS * len(written)
    named = list(made.provenance.neurons)
    for value, copy in zip(written, put_by, strict=True):
        w["W_O"][layer, spare, :, copy] = w["W_O"][layer, first.head, :, value]
        # Both signs: a ReLU passes one, and what is cut may be too large or too small.
        for sign, (threshold, slope) in product((1.0, -1.0), _RAMPS):
            w["W_in"][layer, [copy, value, one], neuron] = torch.tensor([sign, -sign, -threshold * gap]).double()
            w["W_out"][layer, neuron, value] = sign * slope
            named.append(Neuron(layer, neuron, label, "backup"))
            neuron += 1
    provenance = with_head_named(made.provenance, {(layer, spare): Head(layer, spare, label, "backup")})
    provenance = replace(provenance, neurons=tuple(sorted(named, key=lambda n: (n.layer, n.index))))
    return replace(made, weights=replace(made.weights, **w), provenance=provenance)
