"""Full runs of a trained network on its whole domain, and runs in which one edge is cut, started at its destination.

Pairs are numbered input by input: an *input* whose output counts, and a *donor* whose value a cut edge carries. Runs
are made in float32 first; those whose margin comes out below ``DomainRuns.near`` are made again in float64, which
decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from groundtruth.compiled.decoder import NONE_BELOW, Decoder
from groundtruth.compiled.domain import Tokens
from groundtruth.trained.architecture import Architecture
from groundtruth.trained.cut_forward import (
    Cut,
    attention_pattern,
    feed_forward,
    forward,
    logits_from,
    project,
    unembed,
)
from groundtruth.trained.trained_network import TrainedNetwork
from groundtruth.trained.trained_weights import TrainedWeights
from groundtruth.truth.circuits.circuit import Ablation
from mib.graph import LETTERS, Edge, Graph, Place
from mib.sublayers import attention_sublayer, mlp_sublayer, unembedding_sublayer

NEAR = 1e-2
"""A float32 run whose margin is at least this has the float64 run's output, unless float32 is unusually far off."""

_SAFETY = 100.0
"""So many times the largest error of float32 on the domain is what a margin in float32 must be at least."""

ROWS = 1024
"""Runs made at once: few enough for their hidden units to stay in the processor's cache."""


@dataclass(frozen=True, eq=False)
class Pass:
    """All that the full runs give in one dtype.

    Attributes:
        weights: In that dtype.
        sources: What each source writes [source, input, position, d_model].
        streams: The residual stream that each sublayer reads [sublayer, input, position, d_model].
        logits: [input, position, output], BOS's position left out.
    """

    weights: TrainedWeights
    sources: Tensor
    streams: Tensor
    logits: Tensor


@dataclass(frozen=True, eq=False)
class DomainRuns:
    """A network on every input of its domain.

    Attributes:
        network: The network.
        inputs: All inputs of the domain, in its order.
    """

    network: TrainedNetwork
    inputs: tuple[Tokens, ...]

    @classmethod
    def of(cls, network: TrainedNetwork) -> DomainRuns:
        """Enumerate a network's domain."""
        return cls(network, tuple(network.domain.enumerate()))

    @property
    def shape(self) -> Architecture:
        """The network's architecture."""
        return self.network.architecture

    @property
    def graph(self) -> Graph:
        """The network's nodes and edges."""
        return self.network.graph

    def __len__(self) -> int:
        return len(self.inputs)

    @cached_property
    def ids(self) -> Int[Tensor, "input position"]:
        """Token ids, BOS first."""
        return self.network.encode(self.inputs)

    @cached_property
    def double(self) -> Pass:
        """The full runs in float64, which decide."""
        return self._pass(torch.float64)

    @cached_property
    def single(self) -> Pass:
        """The full runs in float32, for screening."""
        return self._pass(torch.float32)

    @torch.no_grad()
    def _pass(self, dtype: torch.dtype) -> Pass:
        weights = self.network.weights.to(dtype)
        found = forward(self.shape, weights, self.ids)
        first, heads = len(found.sources) - self.shape.n_layers * (self.shape.n_heads + 1), self.shape.n_heads
        stream = found.sources[:first].sum(0)
        streams: list[Tensor] = []
        for layer in range(self.shape.n_layers):
            start = first + layer * (heads + 1)
            streams.append(stream)
            stream = stream + found.sources[start : start + heads].sum(0)
            streams.append(stream)
            stream = stream + found.sources[start + heads]
        streams.append(stream)
        return Pass(weights, found.sources, torch.stack(streams), found.logits[:, 1:])

    @cached_property
    def codes(self) -> Int[Tensor, "input position"]:
        """What the network decodes to, BOS's position left out."""
        return self.network.decoder.codes(self.double.logits)

    def replacements(self, ablation: Ablation, passed: Pass) -> Float[Tensor, "source donor position d_model"]:
        """What a cut edge carries: a donor's value, of which there is one for each input, or one in all.

        Args:
            ablation: What flows along a cut edge; means are over the whole domain.
            passed: The full runs.
        """
        if ablation == "resample":
            return passed.sources
        if ablation == "zero":
            return torch.zeros_like(passed.sources[:, :1])
        mean = passed.sources.mean(1, keepdim=True)
        # BOS's position is one of the positions that the mean over positions is taken over, as in ``patched_runs``.
        return mean if ablation == "mean-positional" else mean.mean(2, keepdim=True).expand_as(mean).contiguous()

    @torch.no_grad()
    def cut_logits(self, edge: Edge, rows: Tensor, values: Tensor, passed: Pass) -> Tensor:
        """The logits with one edge cut [row, position, output], BOS's position left out.

        Args:
            edge: The edge.
            rows: The inputs [row].
            values: What the edge carries [row, position, d_model].
            passed: The full runs.
        """
        place = self.graph.locate(edge.destination)
        sublayer = sublayer_of(place, self.shape.n_layers)
        own = passed.sources[self.graph.source_index[edge.source]][rows]
        read = passed.streams[sublayer][rows] + (values - own)
        if place.kind == "logits":
            return unembed(self.shape, passed.weights, read)[:, 1:]
        new, old = self._node_output(place, rows, read, passed), self._written(place, passed)[rows]
        stream = passed.streams[sublayer + 1][rows] + (new - old)
        return logits_from(self.shape, passed.weights, sublayer + 1, stream)[:, 1:]

    def _node_output(self, place: Place, rows: Tensor, read: Tensor, passed: Pass) -> Tensor:
        weights = passed.weights
        if place.kind == "mlp":
            return feed_forward(self.shape, weights, place.layer, read)
        parts = {letter: self._projected(passed, place, letter)[rows] for letter in LETTERS if letter != place.letter}
        parts[place.letter or "q"] = project(self.shape, weights, place.layer, place.letter, read[:, None], place.head)
        pattern = attention_pattern(self.shape, parts["q"], parts["k"])
        return (pattern @ parts["v"] @ weights.W_O[place.layer, place.head])[:, 0]

    def _written(self, place: Place, passed: Pass) -> Tensor:
        name = f"m{place.layer}" if place.kind == "mlp" else f"a{place.layer}.h{place.head}"
        return passed.sources[self.graph.source_index[name]]

    def _projected(self, passed: Pass, place: Place, letter: str) -> Tensor:
        key = (id(passed), place.layer, place.head, letter)
        if key not in self._projections:
            stream = passed.streams[attention_sublayer(place.layer)][:, None]
            self._projections[key] = project(self.shape, passed.weights, place.layer, letter, stream, place.head)
        return self._projections[key]

    @cached_property
    def _projections(self) -> dict[tuple[int, int, int, str], Tensor]:
        """Queries, keys and values of the full runs, by dtype, layer, head and letter."""
        return {}

    @torch.no_grad()
    def circuit_logits(self, mask: Tensor, rows: Tensor, donors: Tensor, ablation: Ablation, passed: Pass) -> Tensor:
        """The logits with any set of edges cut [row, position, output], BOS's position left out.

        Args:
            mask: 1 where an edge is cut [row or 1, source, destination].
            rows: The inputs [row].
            donors: Which replacement the cut edges carry [row].
            ablation: What flows along a cut edge.
            passed: The full runs.
        """
        cut = Cut(mask.to(passed.sources.dtype), self.replacements(ablation, passed)[:, donors])
        return forward(self.shape, passed.weights, self.ids[rows], cut).logits[:, 1:]

    @cached_property
    def near(self) -> float:
        """A run in float32 whose margin is below this is made again in float64."""
        return max(NEAR, _SAFETY * self.float32_error)

    @cached_property
    def float32_error(self) -> float:
        """The largest difference between float32's and float64's logits on the domain."""
        return float((self.single.logits.double() - self.double.logits).abs().max())


def sublayer_of(place: Place, n_layers: int) -> int:
    """The sublayer that a destination is in, by its number in ``mib.sublayers``."""
    if place.kind == "logits":
        return unembedding_sublayer(n_layers)
    return mlp_sublayer(place.layer) if place.kind == "mlp" else attention_sublayer(place.layer)


def answer_margins(decoder: Decoder, logits: Tensor, codes: Tensor) -> Tensor:
    """How far each run is from decoding to something else than given codes, at its worst position [row].

    Args:
        decoder: Reads the logits.
        logits: [row, position, output].
        codes: What should be decoded [row, position]; below -1 where nothing is asked for, which counts as right.

    Returns:
        Positive where all positions are right, by how much; else how far the worst one is off.
    """
    read = decoder.read(logits)
    wanted = codes.clamp(min=0)[..., None]
    chosen = read.gather(-1, wanted)[..., 0]
    others = read.scatter(-1, wanted, -torch.inf).amax(-1)
    margin = torch.minimum(chosen - others, chosen - NONE_BELOW)
    nothing = NONE_BELOW - read.amax(-1)
    margin = torch.where(codes == -1, nothing, margin)
    return torch.where(codes < -1, torch.inf, margin).amin(-1)


def pair_batches(n_inputs: int, n_donors: int, *, size: int = ROWS) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of (inputs, donors): every one of both, input by input."""
    total = n_inputs * n_donors
    for start in range(0, total, size):
        index = torch.arange(start, min(total, start + size))
        yield index // n_donors, index % n_donors
