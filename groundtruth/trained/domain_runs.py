"""Full runs of a trained network on its whole domain, and runs in which edges are cut, started at the first cut.

A run is a pair: an *input* whose output counts, and a *donor* whose values cut edges carry. Runs share what they have
in common, see ``pair_trie``. They are made in float32 first; where that comes out close to another output, they are
made again in float64, which decides (``DomainRuns.near`` says how close).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import torch
from jaxtyping import Float, Int
from torch import Tensor

from groundtruth.compiled.domain import Tokens
from groundtruth.trained.answer_margins import answer_margins, exact_margins
from groundtruth.trained.architecture import Architecture
from groundtruth.trained.cut_forward import (
    feed_forward,
    forward,
    head_bias,
    head_matrix,
    normalise,
    rotary_tables,
    unembed,
)
from groundtruth.trained.pair_trie import PairTrie
from groundtruth.trained.trained_network import TrainedNetwork
from groundtruth.trained.trained_weights import TrainedWeights
from groundtruth.truth.circuits.circuit import Ablation
from groundtruth.truth.circuits.patched_runs import largest
from mib.graph import LETTERS, Edge, Graph, Place
from mib.sublayers import attention_sublayer, block_sublayers, split_sublayer, sublayer_of

NEAR = 1e-2
"""A float32 run whose margin is at least this has the float64 run's output, unless float32 is unusually far off."""

_SAFETY = 100.0
"""Least margin that float32 may decide by, over its largest error on the domain."""

_LEEWAY = 10.0
"""Margin that float32 decides by, over the largest error that may be seen in runs with cuts."""

_CHECKED = 1024
"""Number of runs of each batch that are made again in float64 whatever their margins are: all runs of a small
domain."""

_STATES = 4096
"""States whose hidden units are computed at once: few enough for the processor's cache."""


@dataclass(frozen=True, eq=False)
class Pass:
    """All that the full runs give in one dtype.

    Attributes:
        weights: In that dtype.
        sources: Outputs of each source [source, input, position, d_model].
        streams: The residual stream that each sublayer reads [sublayer, input, position, d_model].
        logits: [input, position, output].
    """

    weights: TrainedWeights
    sources: Float[Tensor, "source input position d_model"]
    streams: Float[Tensor, "sublayer input position d_model"]
    logits: Float[Tensor, "input position output"]


@dataclass(frozen=True, eq=False)
class DomainRuns:
    """A network on every input of its domain.

    Attributes:
        network: The network.
        inputs: All inputs of the domain, in its order.
        screen: Dtype that runs are made in first: float32, or float64 to leave nothing to rounding, at twice the cost.
    """

    network: TrainedNetwork
    inputs: tuple[Tokens, ...]
    screen: torch.dtype = torch.float32

    @classmethod
    def of(cls, network: TrainedNetwork, screen: torch.dtype = torch.float32) -> Self:
        """Enumerate a network's domain."""
        return cls(network, tuple(network.domain.enumerate()), screen)

    @property
    def shape(self) -> Architecture:
        """The network's architecture."""
        return self.network.architecture

    @cached_property
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
        """The full runs in the dtype of the screen."""
        return self.double if self.screen == torch.float64 else self._pass(self.screen)

    @torch.no_grad()
    def _pass(self, dtype: torch.dtype) -> Pass:
        # The streams are added up again from the sources, so that `forward`, which training runs, need not keep them.
        weights = self.network.weights.to(dtype)
        found = forward(self.shape, weights, self.ids)
        heads = self.shape.n_heads
        first = len(found.sources) - self.shape.n_layers * (heads + 1)
        stream = found.sources[:first].sum(0)
        streams: list[Tensor] = []
        for layer in range(self.shape.n_layers):
            start = first + layer * (heads + 1)
            streams.append(stream)
            stream = stream + found.sources[start : start + heads].sum(0)
            streams.append(stream)
            stream = stream + found.sources[start + heads]
        return Pass(weights, found.sources, torch.stack([*streams, stream]), found.logits)

    @cached_property
    def codes(self) -> Int[Tensor, "input position"]:
        """Codes that the network decodes to at every position, BOS's included."""
        return self.network.decoder.codes(self.double.logits)

    @cached_property
    def near(self) -> float:
        """A run in float32 whose margin is not at least this far from zero is made again in float64."""
        return max(NEAR, _SAFETY * self.float32_error)

    @cached_property
    def float32_error(self) -> float:
        """The largest difference between float32's and float64's logits on the domain."""
        return float((self.single.logits.double() - self.double.logits)[:, 1:].abs().max())

    @property
    def rechecked(self) -> int:
        """Number of runs that were made again in float64 so far."""
        return self._counted["rechecked"]

    @cached_property
    def _counted(self) -> dict[str, int]:
        return {"rechecked": 0}

    def trie(self, inputs: Tensor, donors: Tensor) -> PairTrie:
        """The different states of some pairs."""
        return PairTrie.of(self.ids, inputs, donors, causal=self.shape.causal)

    def replacements(self, ablation: Ablation, passed: Pass) -> Float[Tensor, "source donor position d_model"]:
        """Return what a cut edge carries: a donor's value, of which there is one for each input, or one in all.

        Args:
            ablation: Kind of ablation of cut edges; means are over the whole domain.
            passed: The full runs.
        """
        if ablation == "resample":
            return passed.sources
        if ablation == "zero":
            return torch.zeros_like(passed.sources[:, :1])
        mean = passed.sources.mean(1, keepdim=True)
        # BOS's position is one of those that the mean over positions is taken over, as in ``patched_runs``.
        return mean if ablation == "mean-positional" else mean.mean(2, keepdim=True).expand_as(mean).contiguous()

    @torch.no_grad()
    def cut_logits(self, edge: Edge, trie: PairTrie, ablation: Ablation, passed: Pass) -> Float[Tensor, "state output"]:
        """The logits at every state of runs with one edge cut.

        Args:
            edge: The edge.
            trie: The runs.
            ablation: Kind of ablation of the edge.
            passed: The full runs.
        """
        place = self.graph.locate(edge.destination)
        sublayer = sublayer_of(place)
        source = self.graph.source_index[edge.source]
        # The difference is added to the stored stream, and only what comes after the destination is run again: what
        # comes before is the full run's.
        change = trie.of_donors(self.replacements(ablation, passed)[source]) - trie.of_inputs(passed.sources[source])
        read = trie.of_inputs(passed.streams[sublayer]) + change
        if place.kind == "logits":
            return unembed(self.shape, passed.weights, read)
        # No other destination reads the change, so the rest of the model sees only what this node now writes otherwise.
        new, old = self._node_output(place, trie, read, passed), trie.of_inputs(self._written(place, passed))
        return self.logits_from(sublayer + 1, trie, trie.of_inputs(passed.streams[sublayer + 1]) + (new - old), passed)

    def logits_from(self, sublayer: int, trie: PairTrie, stream: Tensor, passed: Pass) -> Tensor:
        """The logits that follow from a residual stream in the middle [state, output].

        Args:
            sublayer: The sublayer that reads the stream.
            trie: The runs.
            stream: The stream [state, d_model].
            passed: The full runs, of which only the weights matter here.
        """
        for current in block_sublayers(self.shape.n_layers, start=sublayer):
            layer, is_mlp = split_sublayer(current)
            if is_mlp:
                stream = stream + self._mlp(layer, stream, passed)
            else:
                stream = stream + self._attention(layer, stream, trie, passed)
        return unembed(self.shape, passed.weights, stream)

    def _attention(self, layer: int, stream: Tensor, trie: PairTrie, passed: Pass) -> Tensor:
        """Return what all heads of a layer write together [state, d_model]."""
        shape, weights = self.shape, passed.weights
        normed = self._normed(layer, stream, passed)
        names = [(letter, head) for letter in LETTERS for head in range(shape.n_heads)]
        # One product for all heads and letters: many small ones take longer.
        matrix = torch.cat([head_matrix(shape, weights, layer, letter, head) for letter, head in names], dim=1)
        parts = normed @ matrix
        biases = [head_bias(shape, weights, layer, letter, head) for letter, head in names]
        if present := [bias for bias in biases if bias is not None]:
            parts = parts + torch.cat(present)
        parts = parts.unflatten(-1, (3, shape.n_heads, shape.d_head))
        queries, keys = self._turn(parts[:, 0], trie), self._turn(parts[:, 1], trie)
        # A state attends to the states of its own pair's prefixes, which `keys` looks up: states lie in one flat list.
        scores = torch.einsum("shd,skhd->shk", queries, keys[trie.keys]) / shape.d_head**0.5
        pattern = scores.masked_fill(~trie.seen[:, None], -torch.inf).softmax(-1)
        mixed = torch.einsum("shk,skhd->shd", pattern, parts[:, 2][trie.keys])
        return mixed.flatten(1) @ weights.W_O[layer].flatten(0, 1)

    def _turn(self, vectors: Float[Tensor, "state head d_head"], trie: PairTrie) -> Tensor:
        """Queries or keys turned by their positions, where positions are rotary."""
        if not self.shape.rotary:
            return vectors
        cos, sin = (table[trie.positions] for table in rotary_tables(self.shape, self.ids.shape[1], like=vectors))
        first, second = vectors.chunk(2, dim=-1)
        return vectors * cos[:, None] + torch.cat((-second, first), dim=-1) * sin[:, None]

    def _node_output(self, place: Place, trie: PairTrie, read: Tensor, passed: Pass) -> Tensor:
        """Return what a destination's node writes where one of its inputs is changed [state, d_model]."""
        if place.kind == "mlp":
            return self._mlp(place.layer, read, passed)
        # Only one letter of the head reads the cut edge; its other two read the stream as it is.
        own = trie.of_inputs(passed.streams[attention_sublayer(place.layer)])
        own, read = (self._normed(place.layer, stream, passed) for stream in (own, read))
        parts = {
            letter: self._project(
                place.layer, place.head, letter, read if letter == place.letter else own, trie, passed
            )
            for letter in LETTERS
        }
        return self._attend(place.layer, place.head, parts, trie, passed)

    def _mlp(self, layer: int, read: Tensor, passed: Pass) -> Tensor:
        return torch.cat([feed_forward(self.shape, passed.weights, layer, some) for some in read.split(_STATES)])

    def _normed(self, layer: int, stream: Tensor, passed: Pass) -> Tensor:
        gain = None if passed.weights.attn_gain is None else passed.weights.attn_gain[layer]
        return normalise(self.shape, stream, gain)

    def _project(
        self, layer: int, head: int, letter: str, normed: Tensor, trie: PairTrie, passed: Pass
    ) -> Float[Tensor, "state d_head"]:
        projected = normed @ head_matrix(self.shape, passed.weights, layer, letter, head)
        if (bias := head_bias(self.shape, passed.weights, layer, letter, head)) is not None:
            projected = projected + bias
        return projected if letter == "v" else self._turn(projected[:, None], trie)[:, 0]

    def _attend(self, layer: int, head: int, parts: dict[str, Tensor], trie: PairTrie, passed: Pass) -> Tensor:
        """The result of one head [state, d_model] from its queries, keys and values [state, d_head]."""
        keys, values = parts["k"][trie.keys], parts["v"][trie.keys]
        scores = (keys @ parts["q"][:, :, None])[:, :, 0] / self.shape.d_head**0.5
        pattern = scores.masked_fill(~trie.seen, -torch.inf).softmax(-1)
        return (pattern[:, None] @ values)[:, 0] @ passed.weights.W_O[layer, head]

    def _written(self, place: Place, passed: Pass) -> Tensor:
        name = f"m{place.layer}" if place.kind == "mlp" else f"a{place.layer}.h{place.head}"
        return passed.sources[self.graph.source_index[name]]

    @torch.no_grad()
    def swapped_logits(self, sources: Sequence[str], trie: PairTrie, passed: Pass) -> Float[Tensor, "state output"]:
        """The logits at every state of runs in which some heads and MLPs write what they write on the donor.

        Args:
            sources: Names of the sources.
            trie: The runs.
            passed: The full runs.
        """
        cut = torch.zeros(self.graph.edge_mask.shape, dtype=torch.bool)
        cut[[self.graph.source_index[source] for source in sources]] = True
        return self.circuit_logits(cut, trie, "resample", passed)

    @torch.no_grad()
    def circuit_logits(self, cut: Tensor, trie: PairTrie, ablation: Ablation, passed: Pass) -> Tensor:
        """The logits at every state of runs with a set of edges cut [state, output].

        Args:
            cut: Whether an edge is cut [source, destination].
            trie: The runs.
            ablation: Kind of ablation of cut edges.
            passed: The full runs.
        """
        # With many edges cut nearly every node changes, so nothing of the full runs but the embeddings can be taken
        # over.
        puts, shape = self.replacements(ablation, passed), self.shape
        written = [trie.of_inputs(source) for source in passed.sources[: 1 if shape.rotary else 2]]
        total = torch.stack(written).sum(0)

        def read(destination: str) -> Tensor:
            column, stream = self.graph.destination_index[destination], total
            for source, own in enumerate(written):
                if cut[source, column]:
                    stream = stream + (trie.of_donors(puts[source]) - own)
            return stream

        for layer in range(shape.n_layers):
            results: list[Tensor] = []
            for head in range(shape.n_heads):
                reads = {letter: self._normed(layer, read(f"a{layer}.h{head}<{letter}>"), passed) for letter in LETTERS}
                parts = {x: self._project(layer, head, x, stream, trie, passed) for x, stream in reads.items()}
                results.append(self._attend(layer, head, parts, trie, passed))
            written += results
            total = total + torch.stack(results).sum(0)
            written.append(self._mlp(layer, read(f"m{layer}"), passed))
            total = total + written[-1]
        return unembed(shape, passed.weights, read("logits"))

    def pair_margins(
        self, run: Callable[[PairTrie, Pass], Tensor], inputs: Tensor, donors: Tensor, codes: Tensor, trie: PairTrie
    ) -> tuple[Tensor, float]:
        """Measure how far each pair's run is from other outputs than given ones, and how far a logit moves at most.

        Args:
            run: Makes the runs of a trie with one of the two passes; gives logits [state, output].
            inputs: The input of each pair [pair].
            donors: The donor of each pair [pair].
            codes: Codes that should be decoded on each pair, BOS's position left out [pair, position].
            trie: The pairs' trie.

        Returns:
            Margins [pair], positive exactly where all positions decode to the codes.
        """
        logits = run(trie, self.single)
        moved = float((logits - trie.of_inputs(self.single.logits))[trie.positions > 0].abs().max())

        def again(chosen: Tensor) -> Tensor:
            some = self.trie(inputs[chosen], donors[chosen])
            return run(some, self.double)[some.leaves[:, 1:]]

        return self.margins(logits[trie.leaves[:, 1:]], codes, again), moved

    def margins(self, logits: Tensor, codes: Tensor, again: Callable[[Tensor], Tensor]) -> Tensor:
        """Margins of runs, in float64 for all that are close, and for all where float32 is too far off to be trusted.

        Args:
            logits: In the dtype of the screen [row, position, output].
            codes: Codes that should be decoded [row, position].
            again: Gives the float64 logits of some rows.

        Returns:
            Margins [row], positive exactly where all positions decode to the codes.
        """
        decoder = self.network.decoder
        if self.screen == torch.float64:
            return exact_margins(decoder, logits, codes)
        margins = answer_margins(decoder, logits, codes).double()
        # Some are made again wherever they are: cuts lead to states that no full run has, where a norm can blow
        # rounding up tens of thousands of times: the error on the domain alone would not show that the bound holds.
        chosen = margins.abs() < self.near
        chosen[:: max(1, len(margins) // _CHECKED)] = True
        # First the chosen rows. If these show float32 to be nearly as far off as the bound, it is not trusted in this
        # batch, and the second turn makes all rows again.
        for rows in (torch.nonzero(chosen)[:, 0], torch.arange(len(margins))):
            self._counted["rechecked"] += len(rows)
            before, margins[rows] = margins[rows], exact_margins(decoder, again(rows), codes[rows])
            # Where nothing is asked both margins are infinite, and their difference is no number.
            known = before.isfinite() & margins[rows].isfinite()
            if _LEEWAY * largest((margins[rows] - before)[known]) <= self.near:
                break
        return margins
