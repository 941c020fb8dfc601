"""Weights behind norms: sources of one length each where that can be, and what reads them undoes the mean scale.

A LayerNorm divides what a destination reads by its standard deviation. Where every source writes vectors of one length,
whatever the input, and no two share a dimension, that is a constant. Tokens and positions get a dimension that makes up
the length; an MLP gets one that makes up the length of the whole stream, a linear function of its neurons wherever such
a function exists. A head cannot: an average such as 1/(1+n) lies on a segment, whose points differ in length. It writes
a share of what it wrote instead, and its readers multiply.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from groundtruth.compiled.forward import Weights, mix
from groundtruth.trained.cut_forward import EPS
from groundtruth.variants.layer_norm.source_dimensions import READERS, SplitStream
from groundtruth.variants.symmetries.residual_basis import isometry

GAIN_SPREAD = 0.3
"""Standard deviation of the logarithm of a random gain."""

CONSTANT = 1e-9
"""Lengths that differ by no more are the same: float64's rounding, of sums of some hundred squares."""

_SOLVED = 1e-8
"""A linear function that is off by no more makes up a length."""


@dataclass(frozen=True, eq=False)
class NormedWeights:
    """Weights whose destinations read through norms.

    Attributes:
        tensors: The weights, by the names of ``TrainedWeights``; gains among them.
        varying: The sources whose length is not the same everywhere past BOS, with the largest less the least.
        spread: Largest distance of the scale of a norm from its mean past BOS, as a share of it.
    """

    tensors: dict[str, Tensor]
    varying: dict[str, float]
    spread: float


def norm_weights(
    weights: Weights, ids: Tensor, *, bos: int, share: float, seed: int, rotated: bool = False
) -> NormedWeights:
    """Put a model behind norms.

    Args:
        weights: Weights of a model without a frame.
        ids: All inputs, BOS first.
        bos: The dimension that holds 1 at BOS.
        share: Share of what it wrote that a source of varying length writes.
        seed: Draws the gains and the rotation.
        rotated: Whether the stream is turned, so that dimensions mean nothing.
    """
    walk = _Walk(weights, SplitStream.of(weights, bos=bos), ids, share)
    for layer in range(weights.n_layers):
        walk.pass_heads(layer)
        walk.pass_mlp(layer)
    walk.read()
    tensors = _turned(walk.split.tensors, seed) if rotated else dict(walk.split.tensors)
    tensors["W_Q"] = tensors["W_Q"] * (weights.d_head**0.5 / weights.attn_scale)
    return NormedWeights(_with_gains(_doubled(tensors), walk.means, seed), walk.varying, max(walk.spreads))


@dataclass(eq=False)
class _Walk:
    """One pass through a model from the embeddings to the logits, on all inputs, each read behind its norm.

    Attributes:
        weights: Weights of the model as it was.
        split: The model that it becomes; every source's length is seen to before what follows reads it.
        ids: All inputs.
        share: Share of what it wrote that a source of varying length writes.
        stream: The residual stream so far [input, position, d_model].
        means: The mean scale of each norm so far.
        spreads: Largest distance of the scale from it, as a share.
        varying: Sources of varying length.
    """

    weights: Weights
    split: SplitStream
    ids: Tensor
    share: float
    stream: Tensor = field(init=False)
    means: list[float] = field(default_factory=list[float], init=False)
    spreads: list[float] = field(default_factory=list[float], init=False)
    varying: dict[str, float] = field(default_factory=dict[str, float], init=False)

    def __post_init__(self) -> None:
        used = self.ids.unique()
        for source, rows in (("input", used), ("pos", torch.arange(self.ids.shape[1]))):
            (matrix,) = self.split.written_by(source)
            matrix[rows, self._filler(source)] = _missing(matrix[rows].square().sum(-1))
        tensors = self.split.tensors
        self.stream = tensors["W_E"][self.ids] + tensors["W_pos"][: self.ids.shape[1]]

    def read(self) -> Tensor:
        """The stream behind the next norm, times the mean scale: what it was, where the scale is constant."""
        # The stream will be doubled, x beside -x, which leaves the mean of its squares what it is.
        scale = (self.stream.square().mean(-1, keepdim=True) + EPS).sqrt()
        past_bos = scale[:, 1:]
        self.means.append(float(past_bos.mean()))
        self.spreads.append(float((past_bos / self.means[-1] - 1).abs().max()))
        return self.stream / scale * self.means[-1]

    def pass_heads(self, layer: int) -> None:
        """Run the heads of a layer; those whose length varies write less."""
        read, tensors = self.read(), self.split.tensors
        for head in self.weights.busy_heads[layer]:
            source = f"a{layer}.h{head}"
            query, key, value = (read @ tensors[name][layer, head] for name in ("W_Q", "W_K", "W_V"))
            mixed = mix(self.weights, query, key, value)
            self._shrink_varying(source, mixed @ tensors["W_O"][layer, head])
            self.stream = self.stream + mixed @ tensors["W_O"][layer, head]

    def pass_mlp(self, layer: int) -> None:
        """Run an MLP; one more dimension that it writes makes up the length of the stream, or of what it writes."""
        source, tensors = f"m{layer}", self.split.tensors
        hidden = (self.read() @ tensors["W_in"][layer]).relu()
        written = hidden @ tensors["W_out"][layer]
        filler = self._filler(source)
        for squares in ((self.stream + written).square().sum(-1), written.square().sum(-1)):
            slope = _linear(hidden.flatten(0, 1), _missing(squares).flatten())
            if slope is not None:
                tensors["W_out"][layer, :, filler], tensors["b_out"][layer, filler] = slope[:-1], slope[-1]
                break
        else:
            self._shrink_varying(source, written)
        self.stream = self.stream + hidden @ tensors["W_out"][layer] + tensors["b_out"][layer]

    def _shrink_varying(self, source: str, written: Tensor) -> None:
        squares = written[:, 1:].square().sum(-1)
        if (varies := float(squares.max() - squares.min())) > CONSTANT:
            self.varying[source] = varies
            self.split.scale(source, self.share)

    def _filler(self, source: str) -> int:
        return self.split.places[source].stop - 1


def _missing(squares: Tensor) -> Tensor:
    """Return what to add as a further coordinate so that all are as long as the longest."""
    return (squares.max() - squares).clamp(min=0.0).sqrt()


def _linear(inputs: Tensor, wanted: Tensor) -> Tensor | None:
    """Coefficients and constant of a linear function of the inputs with the wanted values, if there is one."""
    rows, first = np.unique(torch.cat([inputs, wanted[:, None]], -1).numpy().round(12), axis=0, return_index=True)
    known = torch.cat([inputs[first], torch.ones(len(rows), 1, dtype=inputs.dtype)], -1)
    found = torch.linalg.lstsq(known, wanted[first][:, None], driver="gelsd").solution[:, 0]
    return found if float((known @ found - wanted[first]).abs().max()) <= _SOLVED else None


def _turned(tensors: dict[str, Tensor], seed: int) -> dict[str, Tensor]:
    """The stream turned by a random orthogonal matrix, which leaves all lengths what they are."""
    width = tensors["b_out"].shape[1]
    turn = isometry(width, width, np.random.default_rng(seed))
    return {name: turn.T @ matrix if name in READERS else matrix @ turn for name, matrix in tensors.items()}


def _doubled(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The stream doubled, x beside -x, so that its mean is 0; what reads it reads half of each."""
    written = {name: torch.cat([t := tensors[name], -t], -1) for name in ("W_E", "W_pos", "W_O", "W_out", "b_out")}
    read = {name: torch.cat([t := tensors[name], -t], -2) / 2 for name in ("W_Q", "W_K", "W_V", "W_in", "W_U")}
    return written | read


def _with_gains(tensors: dict[str, Tensor], means: list[float], seed: int) -> dict[str, Tensor]:
    """Random gains for every norm, times its mean scale; what reads through it divides by the random part."""
    generator = torch.Generator().manual_seed(seed)
    layers, width = tensors["b_out"].shape
    gains = (GAIN_SPREAD * torch.randn(2 * layers + 1, width, generator=generator, dtype=torch.float64)).exp()
    scaled = gains * torch.tensor(means, dtype=torch.float64)[:, None]
    undone = {name: tensors[name] / gains[0:-1:2, None, :, None] for name in ("W_Q", "W_K", "W_V")}
    undone |= {"W_in": tensors["W_in"] / gains[1:-1:2, :, None], "W_U": tensors["W_U"] / gains[-1, :, None]}
    added = {"attn_gain": scaled[0:-1:2], "mlp_gain": scaled[1:-1:2], "final_gain": scaled[-1]}
    biases = {"b_in": tensors["W_in"].new_zeros(layers, tensors["W_in"].shape[-1])}
    return tensors | undone | added | biases
