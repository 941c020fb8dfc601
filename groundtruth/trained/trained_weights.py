"""The weights of a trained transformer as plain values, and where training starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from groundtruth.errors import ArtifactError
from groundtruth.trained.architecture import Architecture

QUERY_HEADS = ("W_Q", "b_Q", "W_O")
"""Arrays with an entry for each head of a layer, in their second axis."""

KEY_HEADS = ("W_K", "W_V", "b_K", "b_V")
"""Arrays with an entry for each head that has keys and values of its own, in their second axis."""

_INITIAL_SCALE = 1.0
"""Standard deviation of an initial matrix, times the root of the number of its inputs."""


@dataclass(frozen=True, eq=False)
class TrainedWeights:
    """All weights of a trained transformer; ``None`` for what its architecture does not have.

    Attributes:
        W_E: Token embedding [token, d_model].
        W_Q: [layer, head, d_model, d_head].
        W_K: [layer, kv_head, d_model, d_head], as is ``W_V``.
        W_V: See ``W_K``.
        W_O: [layer, head, d_head, d_model].
        W_in: [layer, d_model, d_mlp].
        W_out: [layer, d_mlp, d_model].
        W_U: [d_model, output].
        W_pos: Position embedding [position, d_model].
        W_gate: [layer, d_model, d_mlp].
        b_in: [layer, d_mlp].
        b_out: [layer, d_model]; the MLP writes it.
        attn_gain: Gains of the norm that a layer's heads read through [layer, d_model].
        mlp_gain: Gains of the norm that a layer's MLP reads through [layer, d_model].
        final_gain: Gains of the norm before the unembedding [d_model].
        b_Q: [layer, head, d_head].
        b_K: [layer, kv_head, d_head], as is ``b_V``.
        b_V: See ``b_K``.
        b_U: [output].
    """

    W_E: Tensor
    W_Q: Tensor
    W_K: Tensor
    W_V: Tensor
    W_O: Tensor
    W_in: Tensor
    W_out: Tensor
    W_U: Tensor
    W_pos: Tensor | None = None
    W_gate: Tensor | None = None
    b_in: Tensor | None = None
    b_out: Tensor | None = None
    attn_gain: Tensor | None = None
    mlp_gain: Tensor | None = None
    final_gain: Tensor | None = None
    b_Q: Tensor | None = None
    b_K: Tensor | None = None
    b_V: Tensor | None = None
    b_U: Tensor | None = None

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> TrainedWeights:
        """Wrap tensors by name."""
        return cls(**tensors)

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The tensors that there are, by name."""
        return {item.name: value for item in fields(self) if (value := getattr(self, item.name)) is not None}

    def convert(self, change: Callable[[Tensor], Tensor]) -> TrainedWeights:
        """The same weights with each tensor changed, such as to another dtype."""
        return TrainedWeights.of({name: change(value) for name, value in self.tensors.items()})

    def to(self, dtype: torch.dtype) -> TrainedWeights:
        """The same weights in another dtype."""
        return self.convert(lambda value: value.to(dtype))

    @property
    def size(self) -> int:
        """Number of parameters."""
        return sum(value.numel() for value in self.tensors.values())


def weight_shapes(
    shape: Architecture, *, n_tokens: int, n_positions: int, n_outputs: int
) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor of an architecture, by name.

    Args:
        shape: The architecture.
        n_tokens: Token ids, BOS and PAD among them.
        n_positions: Positions, BOS among them.
        n_outputs: Output values.
    """
    layers, d, k, m = shape.n_layers, shape.d_model, shape.d_head, shape.d_mlp
    found: dict[str, tuple[int, ...]] = {
        "W_E": (n_tokens, d),
        "W_Q": (layers, shape.n_heads, d, k),
        "W_K": (layers, shape.kv_heads, d, k),
        "W_V": (layers, shape.kv_heads, d, k),
        "W_O": (layers, shape.n_heads, k, d),
        "W_in": (layers, d, m),
        "W_out": (layers, m, d),
        "W_U": (d, n_outputs),
    }
    if not shape.rotary:
        found["W_pos"] = (n_positions, d)
    if shape.gated:
        found["W_gate"] = (layers, d, m)
    if shape.biases:
        found |= {"b_in": (layers, m), "b_out": (layers, d)}
    if shape.attention_biases:
        shared = (layers, shape.kv_heads, k)
        found |= {"b_Q": (layers, shape.n_heads, k), "b_K": shared, "b_V": shared, "b_U": (n_outputs,)}
    if shape.norm and shape.gains:
        found |= {"attn_gain": (layers, d), "mlp_gain": (layers, d), "final_gain": (d,)}
    return found


def initial_weights(shapes: Mapping[str, tuple[int, ...]], generator: torch.Generator) -> TrainedWeights:
    """Random float64 weights: gains 1, biases 0, matrices so that what they give is of the size of what they read.

    Args:
        shapes: Shapes by name, as ``weight_shapes`` gives them.
        generator: Draws them.
    """
    tensors: dict[str, Tensor] = {}
    for name, shape in shapes.items():
        if name.endswith("_gain"):
            tensors[name] = torch.ones(shape, dtype=torch.float64)
        elif name.startswith("b_"):
            tensors[name] = torch.zeros(shape, dtype=torch.float64)
        else:
            # A row of an embedding is read as it is, so that its own width sets its size; any other matrix sums over
            # its inputs.
            inputs = shape[-1] if name in ("W_E", "W_pos") else shape[-2]
            drawn = torch.randn(shape, generator=generator, dtype=torch.float64)
            tensors[name] = drawn * _INITIAL_SCALE / inputs**0.5
    return TrainedWeights.of(tensors)


def require_shapes(weights: TrainedWeights, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse weights that are not those of an architecture.

    Raises:
        ArtifactError: Naming the first tensor that is missing, superfluous or of another shape.
    """
    found = {name: tuple(value.shape) for name, value in weights.tensors.items()}
    # Both ways: a tensor may be missing, and one may be there that the architecture does not have.
    for name in [*shapes, *found]:
        if found.get(name) != shapes.get(name):
            raise ArtifactError(
                f"weight '{name}' has shape {found.get(name)}; the architecture asks for {shapes.get(name)}."
            )
