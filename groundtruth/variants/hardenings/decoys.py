"""Decoys: heads and neurons that read real variables, are strongly active, and write where nothing reads."""

from dataclasses import dataclass, replace

import torch
from numpy.random import Generator
from torch import Tensor

from groundtruth.compiled.provenance import Direction, Head, Neuron
from groundtruth.errors import VariantError
from groundtruth.model import CompiledModel
from groundtruth.variants.hardenings.directions import (
    back,
    in_directions,
    with_directions,
    with_head_named,
    with_heads,
    with_neurons,
)
from groundtruth.variants.hardenings.held_expressions import held_expressions
from groundtruth.variants.variant import Made, same_nodes
from mib.sublayers import attention_sublayer, mlp_sublayer

_SHARPNESS = 2.0
"""Standard deviation of a decoy's queries and keys: enough for its attention to follow what it reads."""

_LOUDNESS = 3.0
"""Length of what a decoy writes, as a multiple of a one-hot code's."""


def add_decoys(model: CompiledModel, rng: Generator, *, heads: int = 1, neurons: int = 4, width: int = 4) -> Made:
    """Add decoys to every layer.

    Each head attends from one variable to another by random scores and moves a random image of a third; each neuron
    is a random combination of two. All write to directions of their own, which nothing reads.

    Args:
        model: A compiled model.
        rng: Chooses what they read and how.
        heads: Number of heads a layer.
        neurons: Number of neurons a layer.
        width: Number of directions that they write to.

    Raises:
        VariantError: If there is none of them, or no direction for them.
    """
    if heads < 0 or neurons < 0 or heads + neurons < 1 or width < 1:
        raise VariantError(
            f"decoys(heads={heads}, neurons={neurons}, width={width}) adds nothing; use at least 1 of each."
        )
    bare = in_directions(model)
    named = [Direction(f"decoy:{index}", "decoy", None, None) for index in range(width)]
    wide = with_neurons(with_heads(with_directions(bare, named), heads), neurons)
    making = _Making(wide, rng, heads, neurons, width)
    for layer in range(wide.weights.n_layers):
        making.add_heads(layer)
        making.add_neurons(layer)
    return Made(back(making.made, model), same_nodes(model))


@dataclass
class _Making:
    """A model that decoys are added to; weights and provenance are its own."""

    made: CompiledModel
    rng: Generator
    heads: int
    neurons: int
    width: int

    def __post_init__(self) -> None:
        w = self.made.weights
        self.made = replace(self.made, weights=replace(w, **{name: getattr(w, name).clone() for name in w.arrays()}))

    def add_heads(self, layer: int) -> None:
        weights = self.made.weights
        known, size = held_expressions(self.made, attention_sublayer(layer)), weights.d_head
        named: dict[tuple[int, int], Head] = {}
        for head in range(weights.n_heads - self.heads, weights.n_heads):
            for matrix, scale in ((weights.W_Q, _SHARPNESS), (weights.W_K, _SHARPNESS), (weights.W_V, 1.0)):
                _, dimensions = known[int(self.rng.integers(len(known)))]
                matrix[layer, head, list(dimensions)] = scale * self._normal(len(dimensions), size)
            weights.W_O[layer, head, :, -self.width :] = (
                # Divided by the root of the number of entries, so that loudness is a length whatever the sizes.
                _LOUDNESS * self._normal(size, self.width) / (size * self.width) ** 0.5
            )
            named[layer, head] = Head(layer, head, None, "decoy")
        self.made = replace(self.made, provenance=with_head_named(self.made.provenance, named))

    def add_neurons(self, layer: int) -> None:
        weights = self.made.weights
        known = held_expressions(self.made, mlp_sublayer(layer))
        named: list[Neuron] = []
        for neuron in range(weights.d_mlp - self.neurons, weights.d_mlp):
            chosen = [known[int(self.rng.integers(len(known)))] for _ in range(2)]
            for _, dimensions in chosen:
                weights.W_in[layer, list(dimensions), neuron] = self._normal(len(dimensions), 1)[:, 0]
            weights.W_out[layer, neuron, -self.width :] = _LOUDNESS * self._normal(1, self.width)[0] / self.width**0.5
            named.append(Neuron(layer, neuron, chosen[0][0], "decoy"))
        every = sorted([*self.made.provenance.neurons, *named], key=lambda n: (n.layer, n.index))
        self.made = replace(self.made, provenance=replace(self.made.provenance, neurons=tuple(every)))

    def _normal(self, rows: int, columns: int) -> Tensor:
        return torch.from_numpy(self.rng.standard_normal((rows, columns)))
