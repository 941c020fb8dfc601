"""A compiled model with and without LayerNorm: one set of weights, two networks, a certificate for each.

Compiled models have no norm, and every real model has. To tell what a norm does to a method, all else has to be equal.
The residual stream is doubled, x beside -x, so that its mean is zero; before each read a LayerNorm with random gains
divides it by its scale; what reads it undoes the gains and the mean scale. Where every source always writes a vector of
the same length, the scale is constant and the pair computes the same. Elsewhere all inputs are tried; if answers are
wrong, a constant is added to the stream, which flattens the scale, the smallest that leaves them right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from groundtruth.compiled.domain import Domain
from groundtruth.errors import DomainError
from groundtruth.interpbench.import_model import claimed_correspondence
from groundtruth.interpbench.tracr_layout import TracrLayout
from groundtruth.model import CompiledModel
from groundtruth.trained.architecture import Architecture
from groundtruth.trained.certify_network import MAX_INPUTS, Certifier
from groundtruth.trained.cut_forward import EPS
from groundtruth.trained.trained_network import TrainedNetwork, TrainingRecipe, token_values_of
from groundtruth.trained.trained_weights import TrainedWeights

BULKS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 48.0, 64.0)
"""Constants that are tried, as multiples of the length of the stream."""

GAIN_SPREAD = 0.3
"""Standard deviation of the logarithm of a random gain."""


@dataclass(frozen=True)
class LayerNormPair:
    """Two networks that differ in their norm alone.

    Attributes:
        plain: Without a norm.
        normed: With a LayerNorm before every read.
        bulk: The constant in the stream of both, as a multiple of the stream's length.
        spread: Largest distance of the scale of a LayerNorm from its mean, as a share of it, over all inputs.
    """

    plain: TrainedNetwork
    normed: TrainedNetwork
    bulk: float
    spread: float


def layer_norm_pair(compiled: CompiledModel, *, length: int | None = None, seed: int = 0) -> LayerNormPair:
    """Put a compiled model's weights into two networks, with LayerNorm and without.

    Args:
        compiled: A model with values for outputs, whose inputs of one length can be enumerated.
        length: The length of the inputs; by default the greatest.
        seed: Draws the gains.

    Raises:
        DomainError: If there are too many inputs, the output is a number or empty somewhere, or no constant that is
            tried leaves every answer right.
    """
    domain = _domain(compiled, length)
    network = _network(compiled, domain)
    # The smallest constant that works: the larger it is, the nearer the norm comes to doing nothing.
    for bulk in BULKS:
        plain = _with_bulk(network, bulk)
        normed, spread = _normed(plain, seed)
        if not Certifier(normed).behaviour().wrong:
            return LayerNormPair(plain, normed, bulk, spread)
    raise DomainError(
        f"'{compiled.name}' gives wrong answers behind a LayerNorm even with a constant of {BULKS[-1]:g} times the "
        "length of its stream. Take another model."
    )


def _domain(compiled: CompiledModel, length: int | None) -> Domain:
    own = compiled.domain
    length = own.max_seq_len if length is None else length
    domain = Domain(own.vocab, length, min_seq_len=length, valid=own.valid, valid_text=own.valid_text)
    if domain.size is None or not 0 < domain.size <= MAX_INPUTS:
        raise DomainError(
            f"'{compiled.name}' has {'too many' if domain.size is None else format(domain.size, ',')} inputs of length "
            f"{length}; 1 to {MAX_INPUTS:,} are enumerated. Take a smaller length."
        )
    if not compiled.decoder.categorical:
        raise DomainError(f"'{compiled.name}' gives a number, which a norm would scale. Take one that gives values.")
    return domain


def _network(compiled: CompiledModel, domain: Domain) -> TrainedNetwork:
    """The compiled weights as a network, the stream doubled; its claim is the circuit that was proven of them."""
    own = compiled.weights
    rows = [compiled.token_values.index(token) for token in token_values_of(domain)]
    reads = {name: _doubled_rows(getattr(own, name)) for name in ("W_Q", "W_K", "W_V", "W_in", "W_U")}
    writes = {name: torch.cat([tensor := getattr(own, name), -tensor], -1) for name in ("W_O", "W_out")}
    layers, heads, _, d_head = own.W_Q.shape
    # A trained network divides scores by the root of d_head, whatever the compiled one divides by.
    reads["W_Q"] = reads["W_Q"] * (d_head**0.5 / own.attn_scale)
    tokens, positions = own.W_E[rows], own.W_pos[: domain.max_seq_len + 1]
    weights = TrainedWeights.of(
        reads
        | writes
        | {"W_E": torch.cat([tokens, -tokens], -1), "W_pos": torch.cat([positions, -positions], -1)}
        | {"b_in": torch.zeros(layers, own.d_mlp).double(), "b_out": torch.zeros(layers, 2 * own.d_model).double()}
    )
    shape = Architecture(
        n_layers=layers, n_heads=heads, d_model=2 * own.d_model, d_head=d_head, d_mlp=own.d_mlp, causal=own.causal,
        norm=False, gains=False, activation="relu",
    )  # fmt: skip
    layout = TracrLayout.of(compiled, compiled.provenance)
    return TrainedNetwork(
        name=f"{compiled.name}@doubled",
        program=compiled.program,
        token_values=token_values_of(domain),
        decoder=compiled.decoder,
        domain=domain,
        correspondence=claimed_correspondence(compiled.circuit("resample", "fixed").edges, layout, shape.graph),
        architecture=shape,
        weights=weights,
        training=TrainingRecipe("imported", 0, 0, {"source": "compiled"}),
        description=compiled.description,
        family=compiled.family,
        rasp_source=compiled.rasp_source,
    )


def _doubled_rows(matrix: Tensor) -> Tensor:
    """A matrix that reads half of its input from x and half from -x."""
    return torch.cat([matrix, -matrix], -2) / 2


def _with_bulk(network: TrainedNetwork, bulk: float) -> TrainedNetwork:
    """The network with two more dimensions that every token's embedding sets to a constant and its negative."""
    weights = network.weights
    length = float(weights.W_E.norm(dim=-1).max())
    padded = {
        name: _padded(tensor, axis=-1 if name in ("W_E", "W_pos", "W_O", "W_out", "b_out") else -2)
        for name, tensor in weights.tensors.items()
        if name != "b_in"
    }
    constant = bulk * length / 2**0.5
    padded["W_E"][:, -2:] = torch.tensor([constant, -constant], dtype=torch.float64)
    # BOS has no position: the constant there makes up for it, so that the embedding is as long everywhere.
    missing = float(weights.W_pos[1:].norm(dim=-1).max()) if weights.W_pos is not None else 0.0
    more = (constant**2 + missing**2 / 2) ** 0.5 - constant
    padded["W_pos"][0, -2:] = torch.tensor([more, -more], dtype=torch.float64)
    shape = replace(network.architecture, d_model=network.architecture.d_model + 2)
    return replace(network, architecture=shape, weights=replace(weights, **padded))


def _padded(tensor: Tensor, axis: int) -> Tensor:
    shape = list(tensor.shape)
    shape[axis] = 2
    return torch.cat([tensor, tensor.new_zeros(shape)], axis)


def _normed(plain: TrainedNetwork, seed: int) -> tuple[TrainedNetwork, float]:
    """The network behind norms, and how far a norm's scale is from its mean at most."""
    generator = torch.Generator().manual_seed(seed)
    shape = replace(plain.architecture, norm=True, gains=True)
    scales = dict(_scales(plain))
    changed: dict[str, Tensor] = {}
    for gain, readers in _READERS.items():
        means = torch.stack(
            [scales[gain, layer].mean() for layer in range(1 if gain == "final_gain" else shape.n_layers)]
        )
        random = torch.randn(len(means), shape.d_model, generator=generator, dtype=torch.float64)
        gains = (GAIN_SPREAD * random).exp()
        for name in readers:
            matrix = plain.weights.tensors[name]
            undo = gains.reshape(len(means), *[1] * (matrix.dim() - 3), shape.d_model, 1)
            changed[name] = matrix / (undo[0] if gain == "final_gain" else undo)
        changed[gain] = (gains * means[:, None]).squeeze(0) if gain == "final_gain" else gains * means[:, None]
    spread = max(float((scale / scale.mean() - 1).abs().max()) for scale in scales.values())
    network = replace(
        plain,
        name=plain.name.replace("@doubled", "@layernorm"),
        architecture=shape,
        weights=replace(plain.weights, **changed),
    )
    return network, spread


_READERS: Mapping[str, tuple[str, ...]] = {
    "attn_gain": ("W_Q", "W_K", "W_V"),
    "mlp_gain": ("W_in",),
    "final_gain": ("W_U",),
}
"""The matrices that read through each norm."""


def _scales(network: TrainedNetwork) -> Iterator[tuple[tuple[str, int], Tensor]]:
    """Return what a norm before each read would divide by, on every input and position."""
    runs, shape = Certifier(network).runs, network.architecture
    sources = runs.double.sources
    stream, done = sources[:2].sum(0), 2
    for layer in range(shape.n_layers):
        yield ("attn_gain", layer), _scale(stream)
        stream = stream + sources[done : done + shape.n_heads].sum(0)
        yield ("mlp_gain", layer), _scale(stream)
        stream = stream + sources[done + shape.n_heads]
        done += shape.n_heads + 1
    yield ("final_gain", 0), _scale(stream)


def _scale(stream: Tensor) -> Tensor:
    return (stream.var(-1, unbiased=False) + EPS).sqrt()
