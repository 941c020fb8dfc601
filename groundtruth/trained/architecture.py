"""The shape of a transformer that is trained: GPT-2's or Llama's, and that of TransformerLens's own models."""

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from groundtruth.errors import DomainError
from mib.counted_nouns import layers_by_heads
from mib.graph import Graph

Style: TypeAlias = Literal["gpt2", "llama"]

Activation: TypeAlias = Literal["gelu_new", "gelu", "relu"]
"""TransformerLens's names: ``gelu_new`` is GELU by its tanh approximation, as in GPT-2; ``gelu`` is exact."""

_LIMITS = {"n_layers": (1, 16), "n_heads": (1, 32), "d_model": (2, 512), "d_head": (1, 64), "d_mlp": (1, 2048)}


@dataclass(frozen=True)
class Architecture:
    """Sizes and style of a transformer.

    Attributes:
        style: ``gpt2``: learned positions, LayerNorm, GELU, MLPs with biases. ``llama``: rotary positions, RMSNorm,
            a gated SiLU MLP, no biases.
        n_layers: Number of blocks.
        n_heads: Query heads a block.
        d_model: Width of the residual stream.
        d_head: Size of a head.
        d_mlp: Neurons a block.
        n_kv_heads: Heads whose keys and values the query heads share in groups; ``None`` = as many as query heads.
        causal: Whether a position sees only itself and the past.
        norm: Whether each destination normalises what it reads (before it, as both styles do).
        gains: Whether the norms have learned gains.
        activation: Nonlinearity of an MLP without a gate.
        attention_biases: Whether queries, keys, values and logits have biases too, as in TransformerLens's own models.

    Raises:
        DomainError: If a size is out of range or the parts do not fit together.
    """

    style: Style = "gpt2"
    n_layers: int = 2
    n_heads: int = 4
    d_model: int = 64
    d_head: int = 8
    d_mlp: int = 128
    n_kv_heads: int | None = None
    causal: bool = True
    norm: bool = True
    gains: bool = True
    activation: Activation = "gelu_new"
    attention_biases: bool = False

    def __post_init__(self) -> None:
        if self.style not in get_args(Style):
            raise DomainError(f"style={self.style!r} is unknown; choose from {', '.join(get_args(Style))}.")
        if self.activation not in get_args(Activation):
            raise DomainError(
                f"activation={self.activation!r} is unknown; choose from {', '.join(get_args(Activation))}."
            )
        for name, (low, high) in _LIMITS.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise DomainError(f"{name}={value} is out of range; choose from {low} to {high}.")
        if self.n_kv_heads is not None and (self.n_kv_heads < 1 or self.n_heads % self.n_kv_heads):
            raise DomainError(
                f"n_kv_heads={self.n_kv_heads} does not divide n_heads={self.n_heads}; groups must be equally large."
            )
        if self.rotary and self.d_head % 2:
            raise DomainError(f"d_head={self.d_head} is odd; rotary positions turn pairs of dimensions.")

    @property
    def kv_heads(self) -> int:
        """Number of heads with keys and values of their own."""
        return self.n_heads if self.n_kv_heads is None else self.n_kv_heads

    @property
    def rotary(self) -> bool:
        """True if positions turn queries and keys, so that no position embedding is written."""
        return self.style == "llama"

    @property
    def gated(self) -> bool:
        """True if a gate multiplies each neuron."""
        return self.style == "llama"

    @property
    def biases(self) -> bool:
        """True if MLPs have biases."""
        return self.style == "gpt2"

    @property
    def graph(self) -> Graph:
        """Nodes and edges; ``pos`` is a source where positions are embedded."""
        return Graph(self.n_layers, self.n_heads, self.d_model, pos=not self.rotary)

    def __str__(self) -> str:
        norm = {"gpt2": "LayerNorm", "llama": "RMSNorm"}[self.style] if self.norm else "no norm"
        sight = "causal" if self.causal else "bidirectional"
        return (
            f"{self.style}, {layers_by_heads(self.n_layers, self.n_heads)}, d_model {self.d_model}, d_head "
            f"{self.d_head}, d_mlp {self.d_mlp}, {norm}{' with gains' if self.norm and self.gains else ''}, {sight}"
        )
