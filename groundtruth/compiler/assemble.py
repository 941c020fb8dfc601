"""From Tracr's craft model to arrays in TransformerLens's weight convention, without JAX, with provenance."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from tracr.compiler import nodes
from tracr.craft import bases, transformers
from tracr.rasp import rasp

from groundtruth.compiled.domain import BOS, PAD
from groundtruth.compiled.provenance import Direction, DirectionKind, Head, Neuron, Provenance
from groundtruth.errors import UnsupportedProgram

Array = NDArray[np.float64]

CLEAN_BOS = "_hidden_clean_bos_"
"""Tracr's name for the neuron that cleans BOS, the same one for every SelectorWidth."""


def clean_bos_of(label: str) -> str:
    """The name of a clean-BOS neuron that one SelectorWidth has for itself."""
    return f"{CLEAN_BOS}{label}_"


@dataclass(frozen=True)
class Assembled:
    """Arrays and what they mean.

    Attributes:
        arrays: ``W_E`` [token, d_model], ``W_pos`` [position, d_model], ``W_Q``, ``W_K``, ``W_V`` [layer, head,
            d_model, d_head], ``W_O`` [layer, head, d_head, d_model], ``W_in`` [layer, d_model, d_mlp], ``W_out``
            [layer, d_mlp, d_model], ``W_U`` [d_model, output]; float64.
        token_values: The token that each row of ``W_E`` embeds, BOS and PAD among them.
        output_values: The value that each column of ``W_U`` stands for; empty for a numerical output.
        provenance: Expression that each part implements.
    """

    arrays: dict[str, Array]
    token_values: tuple[Any, ...]
    output_values: tuple[Any, ...]
    provenance: Provenance


@dataclass(frozen=True)
class _Layer:
    heads: tuple[transformers.AttentionHead, ...] = ()
    mlp: transformers.MLP | None = None


def assemble(
    craft_model: transformers.SeriesWithResiduals,
    graph: nx.DiGraph,  # pyright: ignore[reportMissingTypeArgument]
    sink: dict[str, Any],
    *,
    max_seq_len: int,
    undiluted_softmax: bool,
    value_sized_heads: bool,
) -> Assembled:
    """Lay the blocks of a craft model out as the arrays of a transformer.

    Args:
        craft_model: Result of ``craft_graph_to_model``.
        graph: The program's graph with value sets, bases and blocks.
        sink: The graph's node of the output.
        max_seq_len: Longest input, without BOS.
        undiluted_softmax: Multiply ``W_Q`` by the square root of the head size, which the attention divides by.
        value_sized_heads: Let the head size also hold the largest value; Tracr looks at queries and keys only.
    """
    tokens_space = bases.VectorSpaceWithBasis.from_values(
        rasp.tokens.label, {*graph.nodes[rasp.tokens.label][nodes.VALUE_SET], BOS, PAD}
    )
    indices_space = bases.VectorSpaceWithBasis.from_values(rasp.indices.label, range(max_seq_len))
    output_space = bases.VectorSpaceWithBasis(sink[nodes.OUTPUT_BASIS])
    # All tokens, BOS and PAD and all indices have a direction, also those that no block reads: any input can be
    # embedded.
    residual = bases.join_vector_spaces(craft_model.residual_space, tokens_space, indices_space, output_space)
    layers = _layers(craft_model.blocks)
    arrays = {
        "W_E": _embed(residual, tokens_space),
        # BOS stands before the first token and has no index.
        "W_pos": np.concatenate([np.zeros((1, residual.num_dims)), _place(indices_space, residual)]),
        **_attention_arrays(layers, residual, undiluted_softmax, value_sized_heads),
        **_mlp_arrays(layers, residual),
        "W_U": _place(output_space, residual).T,
    }
    categorical = rasp.is_categorical(sink[nodes.EXPR])
    return Assembled(
        arrays={name: np.ascontiguousarray(array) for name, array in arrays.items()},
        token_values=tuple(direction.value for direction in tokens_space.basis),
        output_values=tuple(direction.value for direction in output_space.basis) if categorical else (),
        provenance=_provenance(layers, residual, graph),
    )


def _layers(blocks: Sequence[transformers.HalfLayerBlock]) -> list[_Layer]:
    """Pair half-layers up: attention opens a layer, an MLP closes one."""
    layers: list[_Layer] = []
    for block in blocks:
        if isinstance(block, transformers.MLP):
            # An MLP that follows an MLP opens a layer of its own, without heads.
            heads = layers.pop().heads if layers and layers[-1].mlp is None else ()
            layers.append(_Layer(heads, block))
        else:
            layers.append(_Layer(tuple(block.as_multi().heads())))
    return layers


def _dimensions(space: bases.VectorSpaceWithBasis, residual: bases.VectorSpaceWithBasis) -> NDArray[np.int64]:
    """Find where each direction of a subspace of the residual stream sits in it."""
    index = residual.index_by_direction
    return np.array([index[direction] for direction in space.basis], dtype=np.int64)


def _place(space: bases.VectorSpaceWithBasis, residual: bases.VectorSpaceWithBasis) -> Array:
    """0/1 matrix [space, residual] that puts each direction of a space at its place in the residual stream."""
    return np.eye(residual.num_dims)[_dimensions(space, residual)]


def _embed(residual: bases.VectorSpaceWithBasis, tokens_space: bases.VectorSpaceWithBasis) -> Array:
    matrix = _place(tokens_space, residual)
    one = bases.BasisDirection("one")
    if one in residual:
        matrix[:, residual.index_by_direction[one]] = 1.0
    return matrix


def _attention_arrays(
    layers: Sequence[_Layer], residual: bases.VectorSpaceWithBasis, undiluted: bool, value_sized: bool
) -> dict[str, Array]:
    heads = [head for layer in layers for head in layer.heads]
    n_heads = max([len(layer.heads) for layer in layers] + [1])
    # At least 1, so that a model without heads has arrays all the same.
    sizes = [max(head.w_qk.matrix.shape) for head in heads] + [1]
    value_sizes = [head.w_ov.matrix.shape[1] for head in heads]
    if value_sized:
        sizes += value_sizes
    elif max(value_sizes, default=0) > max(sizes):
        raise UnsupportedProgram(
            [
                f"an Aggregate moves one of {max(value_sizes)} values through heads of size {max(sizes)}, which Tracr "
                "sizes by keys and queries alone. Size them by values too (value_sized_heads, as is the default)."
            ]
        )
    d_head, d_model = max(sizes), residual.num_dims
    # Attention divides by this root; Tracr meant its temperature of 100 without it.
    scale = np.sqrt(d_head) if undiluted else 1.0
    shape = (len(layers), n_heads, d_model, d_head)
    arrays = {name: np.zeros(shape) for name in ("W_Q", "W_K", "W_V")}
    arrays["W_O"] = np.zeros((len(layers), n_heads, d_head, d_model))
    for l, layer in enumerate(layers):
        for h, head in enumerate(layer.heads):
            qk, ov = head.w_qk, head.w_ov
            n_keys, n_values = qk.matrix.shape[1], ov.matrix.shape[1]
            arrays["W_Q"][l, h, _dimensions(qk.left_space, residual), :n_keys] = qk.matrix * scale
            arrays["W_K"][l, h, :, :n_keys] = _place(qk.right_space, residual).T
            arrays["W_V"][l, h, _dimensions(ov.input_space, residual), :n_values] = ov.matrix
            arrays["W_O"][l, h, :n_values, :] = _place(ov.output_space, residual)
    return arrays


def _mlp_arrays(layers: Sequence[_Layer], residual: bases.VectorSpaceWithBasis) -> dict[str, Array]:
    d_mlp = max([layer.mlp.fst.output_space.num_dims for layer in layers if layer.mlp] + [1])
    w_in = np.zeros((len(layers), residual.num_dims, d_mlp))
    w_out = np.zeros((len(layers), d_mlp, residual.num_dims))
    for l, layer in enumerate(layers):
        if layer.mlp is not None:
            fst, snd = layer.mlp.fst, layer.mlp.snd
            n = fst.output_space.num_dims
            w_in[l, _dimensions(fst.input_space, residual), :n] = fst.matrix
            w_out[l, :n, _dimensions(snd.output_space, residual)] = snd.matrix.T
    return {"W_in": w_in, "W_out": w_out}


def _provenance(
    layers: Sequence[_Layer],
    residual: bases.VectorSpaceWithBasis,
    graph: nx.DiGraph,  # pyright: ignore[reportMissingTypeArgument]
) -> Provenance:
    head_owner: dict[int, tuple[str, str]] = {}
    neuron_owner: dict[bases.BasisDirection, tuple[str, str]] = {}
    direction_owner: dict[bases.BasisDirection, tuple[str, DirectionKind]] = {}
    for label, node in graph.nodes.items():
        for direction in node.get(nodes.OUTPUT_BASIS) or ():
            direction_owner[direction] = (label, "variable")
        block = node.get(nodes.MODEL_BLOCK)
        if isinstance(block, transformers.AttentionHead):
            head_owner[id(block)] = (label, "aggregate")
        elif isinstance(block, transformers.MLP):
            for direction in block.fst.output_space.basis:
                neuron_owner[direction] = (label, "clean_bos" if direction.name == clean_bos_of(label) else "compute")
        elif isinstance(block, transformers.SeriesWithResiduals):
            head, mlp = block.blocks
            assert isinstance(head, transformers.AttentionHead) and isinstance(mlp, transformers.MLP)  # noqa: S101
            head_owner[id(head)] = (label, "width")
            direction_owner |= {d: (label, "scratch") for d in head.w_ov.output_space.basis}
            for direction in mlp.fst.output_space.basis:
                clean = direction.name in (CLEAN_BOS, clean_bos_of(label))
                neuron_owner[direction] = (label, "clean_bos" if clean else "compute")
    return Provenance(
        directions=tuple(_direction(direction, direction_owner) for direction in residual.basis),
        heads=tuple(_heads(layers, head_owner)),
        neurons=tuple(_neurons(layers, neuron_owner)),
    )


def _direction(
    direction: bases.BasisDirection, owner: dict[bases.BasisDirection, tuple[str, DirectionKind]]
) -> Direction:
    name, value = str(direction), direction.value
    if direction.name == "one":
        return Direction(name, "one", None, None)
    if direction.name == rasp.tokens.label:
        special: dict[Any, DirectionKind] = {BOS: "bos", PAD: "pad"}
        return Direction(name, special.get(value, "token"), rasp.tokens.label, value)
    if direction.name == rasp.indices.label:
        return Direction(name, "position", rasp.indices.label, value)
    label, kind = owner[direction]
    return Direction(name, kind, label, value)


def _heads(layers: Sequence[_Layer], owner: dict[int, tuple[str, str]]) -> list[Head]:
    n_heads = max([len(layer.heads) for layer in layers] + [1])
    found: list[Head] = []
    for l, layer in enumerate(layers):
        for h in range(n_heads):
            label, role = owner[id(layer.heads[h])] if h < len(layer.heads) else (None, "idle")
            found.append(Head(l, h, label, role))  # pyright: ignore[reportArgumentType]
    return found


def _neurons(layers: Sequence[_Layer], owner: dict[bases.BasisDirection, tuple[str, str]]) -> list[Neuron]:
    found: list[Neuron] = []
    for l, layer in enumerate(layers):
        for i, direction in enumerate(layer.mlp.fst.output_space.basis if layer.mlp else ()):
            label, role = owner[direction]
            found.append(Neuron(l, i, label, role))  # pyright: ignore[reportArgumentType]
    return found
