"""A transformer as the steps that the page runs: which matrices each head and MLP has, in JSON.

The steps are the attentions and MLPs in the order of computation. A step may have a norm, biases, rotary positions and
an activation other than ReLU; compiled models have none of these, trained ones do (``Step`` lists them).
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from groundtruth.compiled.forward import Weights
from groundtruth.compiled.frame import aligned
from groundtruth.compiled.network import CompiledNetwork
from groundtruth.explorer.packed_matrix import Packed, pack_matrix

Array = NDArray[np.float64]
Activation = Literal["relu", "gelu", "gelu_tanh", "silu", "none"]


@dataclass(frozen=True, eq=False)
class Norm:
    """A normalization of the residual stream before it is read.

    Attributes:
        kind: ``layernorm`` subtracts the mean and divides by the standard deviation; ``rms`` only divides by the root
            of the mean square.
        eps: Number added to the variance.
        weight: Factor of each dimension [d_model]; ``None`` for 1.
        bias: Summand of each dimension [d_model]; ``None`` for 0.
    """

    kind: Literal["layernorm", "rms"]
    eps: float
    weight: Array | None = None
    bias: Array | None = None


@dataclass(frozen=True, eq=False)
class Affine:
    """A matrix with an optional bias.

    Attributes:
        weight: Matrix [read, written].
        bias: Summand [written]; ``None`` for 0.
    """

    weight: Array
    bias: Array | None = None


@dataclass(frozen=True)
class Rotary:
    """Positions as rotations of queries and keys, as in GPT-NeoX: dimension i is paired with i + dims / 2.

    Attributes:
        dims: Number of dimensions of a head that are rotated.
        base: Base of the wave lengths.
    """

    dims: int
    base: float = 10_000.0


@dataclass(frozen=True, eq=False)
class HeadStep:
    """One head of an attention.

    Attributes:
        head: Its index in the block.
        query: Reads the stream [d_model, d_head].
        key: See ``query``.
        value: See ``query``.
        output: Writes to the stream [d_head, d_model].
    """

    head: int
    query: Affine
    key: Affine
    value: Affine
    output: Array


@dataclass(frozen=True, eq=False)
class AttentionStep:
    """The attention of a block.

    Attributes:
        layer: Its block.
        heads: Heads that have weights.
        scale: Number that scores are divided by.
        norm: Applied to what is read.
        rotary: Positions, where they are rotations.
        bias: Constant that the attention writes besides its heads [d_model].
    """

    layer: int
    heads: tuple[HeadStep, ...]
    scale: float
    norm: Norm | None = None
    rotary: Rotary | None = None
    bias: Array | None = None


@dataclass(frozen=True, eq=False)
class MlpStep:
    """The MLP of a block.

    Attributes:
        layer: Its block.
        read: To the neurons [d_model, d_mlp].
        written: From the neurons [d_mlp, d_model]; its bias belongs to what the MLP writes.
        activation: Function of each neuron, or of its gate where it has one.
        norm: Applied to what is read.
        gate: Reads what each neuron is multiplied by [d_model, d_mlp].
    """

    layer: int
    read: Affine
    written: Affine
    activation: Activation = "relu"
    norm: Norm | None = None
    gate: Affine | None = None


@dataclass(frozen=True, eq=False)
class Steps:
    """A transformer as what is computed, in order.

    Attributes:
        n_layers: Number of blocks.
        n_heads: Heads a block, those without weights among them.
        causal: Whether a position sees only itself and the past.
        token: Token embedding [token, d_model].
        position: Position embedding [position, d_model]; ``None`` where positions are rotations.
        steps: Attentions and MLPs.
        unembed: Reads the last stream [d_model, output].
        norm: Applied to what the unembedding reads.
        d_model: Width of the residual stream, where it is written in other coordinates.
        gram: Products of these coordinates' directions, an upper triangle with half its diagonal.
    """

    n_layers: int
    n_heads: int
    causal: bool
    token: Array
    position: Array | None
    steps: tuple[AttentionStep | MlpStep, ...]
    unembed: Affine
    norm: Norm | None = None
    d_model: int | None = None
    gram: Array | None = None


def steps_of(weights: Weights) -> Steps:
    """The steps of compiled weights; heads and neurons of zeros, which pad the narrower layers, are left out."""
    steps: list[AttentionStep | MlpStep] = []
    for layer in range(weights.n_layers):
        q, k, v, o = (matrix[layer].numpy() for matrix in (weights.W_Q, weights.W_K, weights.W_V, weights.W_O))
        heads = tuple(HeadStep(h, Affine(q[h]), Affine(k[h]), Affine(v[h]), o[h]) for h in weights.busy_heads[layer])
        steps.append(AttentionStep(layer, heads, weights.attn_scale))
        neurons = (weights.W_in[layer].any(0) | weights.W_out[layer].any(1)).numpy()
        read, written = weights.W_in[layer].numpy()[:, neurons], weights.W_out[layer].numpy()[neurons]
        steps.append(MlpStep(layer, Affine(read), Affine(written)))
    return Steps(
        n_layers=weights.n_layers,
        n_heads=weights.n_heads,
        causal=weights.causal,
        token=weights.W_E.numpy(),
        position=weights.W_pos.numpy(),
        steps=tuple(steps),
        unembed=Affine(weights.W_U.numpy()),
    )


def network_data(model: CompiledNetwork) -> dict[str, Any]:
    """The network of a compiled model as JSON.

    Rotated weights are dense, and yet products of sparse ones with the frame in which the directions lie. They are
    packed as these factors, so that the page multiplies them again: equal up to the rounding of that product.
    """
    if model.frame is None:
        return steps_data(steps_of(model.weights))
    return steps_data(steps_of(aligned(model.weights, model.frame))) | {"frame": pack_matrix(model.frame.numpy())}


def steps_data(steps: Steps) -> dict[str, Any]:
    """Steps as JSON."""
    return {
        "n_layers": steps.n_layers,
        "n_heads": steps.n_heads,
        "causal": steps.causal,
        "token": pack_matrix(steps.token),
        "position": None if steps.position is None else pack_matrix(steps.position),
        "steps": [_step_data(step) for step in steps.steps],
        "unembed": {"norm": _norm_data(steps.norm), **_affine_data(steps.unembed)},
        **({} if steps.gram is None else {"gram": pack_matrix(steps.gram), "d_model": steps.d_model}),
    }


def _step_data(step: AttentionStep | MlpStep) -> dict[str, Any]:
    if isinstance(step, MlpStep):
        return {
            "kind": "mlp",
            "layer": step.layer,
            "norm": _norm_data(step.norm),
            "activation": step.activation,
            "read": _affine_data(step.read),
            "written": _affine_data(step.written),
            "gate": step.gate and _affine_data(step.gate),
        }
    return {
        "kind": "attention",
        "layer": step.layer,
        "norm": _norm_data(step.norm),
        "scale": step.scale,
        "rotary": step.rotary and {"dims": step.rotary.dims, "base": step.rotary.base},
        "bias": _vector_data(step.bias),
        "heads": [
            {
                "head": head.head,
                "q": _affine_data(head.query),
                "k": _affine_data(head.key),
                "v": _affine_data(head.value),
                "o": pack_matrix(head.output),
            }
            for head in step.heads
        ],
    }


def _affine_data(affine: Affine) -> dict[str, Packed | list[float] | None]:
    return {"weight": pack_matrix(affine.weight), "bias": _vector_data(affine.bias)}


def _norm_data(norm: Norm | None) -> dict[str, Any] | None:
    if norm is None:
        return None
    return {
        "kind": norm.kind,
        "eps": norm.eps,
        "weight": _vector_data(norm.weight),
        "bias": _vector_data(norm.bias),
    }


def _vector_data(vector: Array | None) -> list[float] | None:
    return None if vector is None else vector.tolist()
