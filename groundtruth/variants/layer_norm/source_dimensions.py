"""A residual stream in which every source writes dimensions of its own, with one more that can make up its length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from groundtruth.compiled.forward import Weights
from groundtruth.variants.hardenings.directions import widen

READERS = ("W_Q", "W_K", "W_V", "W_in", "W_U")


@dataclass(frozen=True, eq=False)
class SplitStream:
    """Weights of a compiled model whose sources share no dimension, so that squared lengths add up.

    Attributes:
        tensors: The weights by name, ``b_out`` among them; free to be changed.
        places: The dimensions of each source, by name; the last one is written by nothing yet and read by nothing.
    """

    tensors: dict[str, Tensor]
    places: dict[str, slice]

    @classmethod
    def of(cls, weights: Weights, *, bos: int) -> SplitStream:
        """Split a stream.

        Args:
            weights: Weights of a model without a frame.
            bos: The dimension that holds 1 at BOS and 0 elsewhere. One more neuron of every MLP reads it.
        """
        columns: dict[str, list[int]] = {}
        for name, written in _written(weights):
            columns[name] = torch.nonzero(written.flatten(0, -2).abs().amax(0))[:, 0].tolist()
        places: dict[str, slice] = {}
        start = 0
        for name, own in columns.items():
            places[name] = slice(start, start + len(own) + 1)
            start += len(own) + 1
        read_from = torch.tensor([c for own in columns.values() for c in (*own, -1)])
        tensors = {name: _read(getattr(weights, name), read_from) for name in READERS}

        def moved(values: Tensor, name: str) -> Tensor:
            wide = values.new_zeros(*values.shape[:-1], start)
            wide[..., places[name].start : places[name].stop - 1] = values[..., columns[name]]
            return wide

        layers, heads = range(weights.n_layers), range(weights.n_heads)
        tensors["W_E"], tensors["W_pos"] = moved(weights.W_E, "input"), moved(weights.W_pos, "pos")
        tensors["W_O"] = torch.stack(
            [torch.stack([moved(weights.W_O[i, h], f"a{i}.h{h}") for h in heads]) for i in layers]
        )
        tensors["W_out"] = widen(torch.stack([moved(weights.W_out[i], f"m{i}") for i in layers]), 1, 1)
        tensors["W_in"] = widen(tensors["W_in"], 2, 1)
        tensors["W_in"][:, places["input"].start + columns["input"].index(bos), -1] = 1.0
        tensors["b_out"] = weights.W_E.new_zeros(weights.n_layers, start)
        return cls(tensors, places)

    def scale(self, source: str, factor: float) -> None:
        """Let a source write so many times as much, and all that reads it read as much less."""
        place = self.places[source]
        for written in self.written_by(source):
            written[..., place] *= factor
        for name in READERS:
            self.tensors[name][..., place, :] /= factor

    def written_by(self, source: str) -> list[Tensor]:
        """The rows that a source writes, as views of the weights [..., d_model]."""
        if source in ("input", "pos"):
            return [self.tensors["W_E" if source == "input" else "W_pos"]]
        layer, _, head = source[1:].partition(".h")
        if head:
            return [self.tensors["W_O"][int(layer), int(head)]]
        return [self.tensors["W_out"][int(layer)], self.tensors["b_out"][int(layer)]]


def _written(weights: Weights) -> Iterator[tuple[str, Tensor]]:
    """Return what each source can write, in the order of the graph."""
    yield "input", weights.W_E
    yield "pos", weights.W_pos
    for layer in range(weights.n_layers):
        for head in range(weights.n_heads):
            yield f"a{layer}.h{head}", weights.W_O[layer, head]
        yield f"m{layer}", weights.W_out[layer]


def _read(matrix: Tensor, read_from: Tensor) -> Tensor:
    """A matrix that reads each new dimension as it read the one that it was; a dimension of no old one not at all."""
    found = matrix[..., read_from.clamp(min=0), :].clone()
    found[..., read_from < 0, :] = 0.0
    return found
