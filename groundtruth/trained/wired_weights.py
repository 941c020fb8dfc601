"""Weights in which every edge that nothing needs is absent by algebra, at every step of training.

Each source writes into a random space of few dimensions, and each destination reads through the orthogonal complement
of the spaces of all sources that it must not read. So what such a source writes, times what the destination reads with,
is zero but for rounding, whatever the trained numbers are; the matrices are dense and the spaces overlap freely.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from groundtruth.errors import DomainError
from groundtruth.trained.architecture import Architecture
from groundtruth.trained.correspondence import Correspondence
from groundtruth.trained.trained_weights import TrainedWeights
from mib.graph import Graph

HEAD_RANK = 4
MLP_RANK = 8
"""Dimensions of the space that a head or an MLP writes into."""

_LEAST_READ = 6
"""A destination that must avoid so many spaces that fewer dimensions are left cannot read enough."""


@dataclass(frozen=True, eq=False)
class Wiring:
    """Where sources write, and what destinations may read.

    Attributes:
        shape: The architecture.
        spaces: Orthonormal columns that span what each source writes [d_model, rank].
        readers: By name of a reading matrix, the projection that it is multiplied by [..., d_model, d_model].
    """

    shape: Architecture
    spaces: Mapping[str, Tensor]
    readers: Mapping[str, Tensor]
    _made: dict[torch.dtype, Mapping[str, Tensor]] = field(
        default_factory=dict[torch.dtype, Mapping[str, Tensor]], init=False, repr=False
    )

    def weights(self, numbers: Mapping[str, Tensor]) -> TrainedWeights:
        """The weights that trained numbers stand for; differentiable, in their dtype.

        Args:
            numbers: By name of a weight; writing matrices have the rank of their space in place of d_model.
        """
        found = {name: value for name, value in numbers.items() if name in ("b_in",) or name.endswith("_gain")}
        fixed = self._fixed(numbers["W_E"].dtype)
        for name in self.readers:
            if name in numbers:
                found[name] = fixed[name] @ numbers[name]
        for name in ("W_E", "W_pos", "W_O", "W_out"):
            if name in numbers:
                found[name] = numbers[name] @ fixed[name]
        if "b_out" in numbers:
            # The MLP writes its bias too, so it has to stay in the MLP's space.
            found["b_out"] = (numbers["b_out"][:, None] @ fixed["W_out"])[:, 0]
        return TrainedWeights.of(found)

    def _fixed(self, dtype: torch.dtype) -> Mapping[str, Tensor]:
        """The matrices that numbers are multiplied by, by name of a weight; training asks for them at each step."""
        if dtype not in self._made:
            layers, heads = range(self.shape.n_layers), range(self.shape.n_heads)
            made = dict(self.readers)
            made |= {name: self.spaces[of].T for name, of in (("W_E", "input"), ("W_pos", "pos")) if of in self.spaces}
            of_heads = [torch.stack([self.spaces[f"a{layer}.h{head}"].T for head in heads]) for layer in layers]
            made["W_O"] = torch.stack(of_heads)
            made["W_out"] = torch.stack([self.spaces[f"m{layer}"].T for layer in layers])
            self._made[dtype] = {name: value.to(dtype) for name, value in made.items()}
        return self._made[dtype]

    def number_shapes(self, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
        """The shapes of the trained numbers, from those of the weights."""
        # One head stands for all, and one MLP: their spaces have one size.
        ranks = {"W_E": "input", "W_pos": "pos", "W_O": "a0.h0", "W_out": "m0", "b_out": "m0"}
        return {
            name: (*shape[:-1], self.spaces[ranks[name]].shape[1]) if name in ranks else shape
            for name, shape in shapes.items()
        }


def draw_wiring(
    shape: Architecture, correspondence: Correspondence, *, n_tokens: int, n_positions: int, generator: torch.Generator
) -> Wiring:
    """Draw spaces, and projections that leave out those of all sources that a destination does not need.

    Args:
        shape: The architecture.
        correspondence: Correspondence that says which edges are needed; spare components read everything.
        n_tokens: Token ids that occur in inputs, BOS among them.
        n_positions: Positions, BOS among them.
        generator: Draws the spaces.

    Raises:
        DomainError: If the residual stream is too narrow to keep sources apart.
    """
    spaces: dict[str, Tensor] = {}
    for source, rank in _ranks(shape, n_tokens, n_positions).items():
        drawn = torch.randn(shape.d_model, rank, generator=generator, dtype=torch.float64)
        # LayerNorm subtracts the mean, so that what is written must have none for readers to see all of it.
        spaces[source] = torch.linalg.qr(drawn - drawn.mean(0) if _centres(shape) else drawn)[0]
    return Wiring(shape, spaces, _readers(shape, correspondence, spaces))


def with_gains(weights: TrainedWeights, generator: torch.Generator) -> TrainedWeights:
    """The same network with random gains, made up for by the matrices that read through them.

    Args:
        weights: Without gains.
        generator: Draws them.
    """
    tensors = dict(weights.tensors)
    layers, d_model = tensors["W_in"].shape[:2]
    drawn = torch.rand(2 * layers + 1, d_model, generator=generator, dtype=torch.float64) * 1.5 + 0.5
    attn, mlp, final = drawn[:layers], drawn[layers:-1], drawn[-1]
    # What reads through a gain is divided by it, so that gain and matrix together are what the matrix was.
    for name in ("W_Q", "W_K", "W_V"):
        tensors[name] = tensors[name] / attn[:, None, :, None]
    for name in ("W_in", "W_gate"):
        if name in tensors:
            tensors[name] = tensors[name] / mlp[:, :, None]
    tensors |= {"W_U": tensors["W_U"] / final[:, None], "attn_gain": attn, "mlp_gain": mlp, "final_gain": final}
    return TrainedWeights.of(tensors)


def least_width(shape: Architecture, correspondence: Correspondence, *, n_tokens: int, n_positions: int) -> int:
    """A residual stream at least this wide leaves every destination room to read what it needs.

    Args:
        shape: The architecture.
        correspondence: Correspondence that says which edges are needed.
        n_tokens: Token ids that occur in inputs, BOS among them.
        n_positions: Positions, BOS among them.
    """
    ranks = _ranks(shape, n_tokens, n_positions)
    avoided = [
        sum(ranks[source] for source in _forbidden(shape.graph, correspondence, (name,)))
        for name in shape.graph.destinations
    ]
    return max(avoided) + _centres(shape) + 2 * _LEAST_READ


def _ranks(shape: Architecture, n_tokens: int, n_positions: int) -> dict[str, int]:
    """Count the dimensions that each source writes into."""
    ranks = {"input": n_tokens, "pos": n_positions}
    return {source: ranks.get(source, HEAD_RANK if "h" in source else MLP_RANK) for source in shape.graph.sources}


def _centres(shape: Architecture) -> bool:
    return shape.norm and shape.style == "gpt2"


def _readers(shape: Architecture, correspondence: Correspondence, spaces: Mapping[str, Tensor]) -> dict[str, Tensor]:
    def projection(*destinations: str) -> Tensor:
        return _complement(shape, correspondence, spaces, destinations)

    layers, group = range(shape.n_layers), shape.n_heads // shape.kv_heads
    found = {"W_U": projection("logits"), "W_in": torch.stack([projection(f"m{layer}") for layer in layers])}
    if shape.gated:
        # Gate and input are one destination, so that both read the same.
        found["W_gate"] = found["W_in"]
    for letter in "qkv":
        # Heads that share a key matrix may all read what any of them needs.
        size = 1 if letter == "q" else group
        rows = [
            [
                projection(*(f"a{layer}.h{first + i}<{letter}>" for i in range(size)))
                for first in range(0, shape.n_heads, size)
            ]
            for layer in layers
        ]
        found[f"W_{letter.upper()}"] = torch.stack([torch.stack(row) for row in rows])
    return found


def _complement(
    shape: Architecture, correspondence: Correspondence, spaces: Mapping[str, Tensor], destinations: tuple[str, ...]
) -> Tensor:
    """The projection onto what is orthogonal to the spaces of all sources that none of some destinations needs."""
    d_model = shape.d_model
    avoided = [spaces[source] for source in _forbidden(shape.graph, correspondence, destinations)]
    if _centres(shape):
        avoided.append(torch.ones(d_model, 1, dtype=torch.float64))
    if not avoided:
        return torch.eye(d_model, dtype=torch.float64)
    basis, _ = torch.linalg.qr(torch.cat(avoided, dim=1))
    if d_model - basis.shape[1] < _LEAST_READ:
        raise DomainError(
            f"d_model={d_model} is too narrow for '{destinations[0]}' to read nothing of the sources that it does not "
            f"need, which write into {basis.shape[1]} dimensions. Take at least {basis.shape[1] + 2 * _LEAST_READ}."
        )
    return torch.eye(d_model, dtype=torch.float64) - basis @ basis.T


def _forbidden(graph: Graph, correspondence: Correspondence, destinations: tuple[str, ...]) -> list[str]:
    """The sources that come before some destinations and that none of them needs."""
    column = graph.destination_index[destinations[0]]
    before = graph.sources[: graph.n_readable[column]]
    spare = {*correspondence.spare_components, *correspondence.idle(graph)}
    # Nothing needs what these write, so it does no harm that they read everything.
    if any(name.split("<")[0] in spare for name in destinations):
        return []
    needed = {edge.source for edge in correspondence.edges if edge.destination in destinations}
    return [source for source in before if source not in needed]
