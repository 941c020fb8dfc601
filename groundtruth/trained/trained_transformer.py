"""A trained network as a torch module with TransformerLens hook points; the numbers are those of ``cut_forward``."""

from dataclasses import dataclass
from typing import Literal

import einops
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from groundtruth.compiled.lens_classes import HookedRootModule, HookPoint
from groundtruth.compiled.lens_parts import Embed, PosEmbed, Unembed, own_parameter
from groundtruth.errors import DomainError
from groundtruth.trained.architecture import Architecture
from groundtruth.trained.cut_forward import EPS, ROTARY_BASE, activate, attention_scores, rotate
from groundtruth.trained.trained_weights import TrainedWeights


@dataclass(frozen=True)
class TrainedTransformerConfig:
    """Sizes and kinds, in TransformerLens's names."""

    n_layers: int
    n_heads: int
    n_key_value_heads: int | None
    d_model: int
    d_head: int
    d_mlp: int
    d_vocab: int
    d_vocab_out: int
    n_ctx: int
    attn_scale: float
    attention_dir: Literal["causal", "bidirectional"]
    act_fn: Literal["gelu_new", "gelu", "relu", "silu"]
    gated_mlp: bool
    normalization_type: Literal["LN", "LNPre", "RMS", "RMSPre"] | None
    positional_embedding_type: Literal["standard", "rotary"]
    rotary_dim: int | None
    rotary_base: float = ROTARY_BASE
    eps: float = EPS
    dtype: torch.dtype = torch.float32

    @classmethod
    def of(
        cls, shape: Architecture, weights: TrainedWeights, *, n_ctx: int, dtype: torch.dtype
    ) -> "TrainedTransformerConfig":
        """The configuration of an architecture.

        Args:
            shape: The architecture.
            weights: Its weights.
            n_ctx: Number of positions that an input may have, BOS among them.
            dtype: Dtype of the weights in the module.
        """
        kinds: dict[str, tuple[Literal["LN", "RMS"], Literal["LNPre", "RMSPre"]]] = {
            "gpt2": ("LN", "LNPre"),
            "llama": ("RMS", "RMSPre"),
        }
        return cls(
            n_layers=shape.n_layers,
            n_heads=shape.n_heads,
            n_key_value_heads=shape.n_kv_heads,
            d_model=shape.d_model,
            d_head=shape.d_head,
            d_mlp=shape.d_mlp,
            d_vocab=weights.W_E.shape[0],
            d_vocab_out=weights.W_U.shape[1],
            n_ctx=n_ctx,
            attn_scale=shape.d_head**0.5,
            attention_dir="causal" if shape.causal else "bidirectional",
            act_fn="silu" if shape.gated else shape.activation,
            gated_mlp=shape.gated,
            normalization_type=kinds[shape.style][0 if shape.gains else 1] if shape.norm else None,
            positional_embedding_type="rotary" if shape.rotary else "standard",
            rotary_dim=shape.d_head if shape.rotary else None,
            dtype=dtype,
        )


class TrainedTransformer(HookedRootModule):
    """The transformer of a trained network; PAD is not masked.

    Hooks are named as in TransformerLens, those of split query, key and value inputs and of per-head results included,
    see ``groundtruth.compiled.torch_module.CompiledTransformer``; norms have ``hook_scale`` and ``hook_normalized``.
    With grouped queries ``hook_k_input`` and ``hook_v_input`` have an entry for every query head all the same.

    Args:
        shape: The architecture.
        weights: Weights to hold.
        n_ctx: Number of positions that an input may have, BOS among them.
        dtype: To hold it in.
    """

    def __init__(
        self, shape: Architecture, weights: TrainedWeights, *, n_ctx: int, dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        self.cfg = TrainedTransformerConfig.of(shape, weights, n_ctx=n_ctx, dtype=dtype)
        self.embed = Embed(weights.W_E, dtype)
        self.hook_embed = HookPoint()
        if weights.W_pos is not None:
            self.pos_embed = PosEmbed(weights.W_pos, dtype)
            self.hook_pos_embed = HookPoint()
        self.blocks = nn.ModuleList([_Block(shape, weights, layer, dtype) for layer in range(shape.n_layers)])
        if shape.norm:
            self.ln_final = _Norm(shape, weights.final_gain, dtype)
        self.unembed = Unembed(weights.W_U, dtype, weights.b_U)
        self._rotary = shape.rotary
        self._normed = shape.norm
        self.setup()

    def forward(self, tokens: Int[Tensor, "batch position"]) -> Float[Tensor, "batch position d_vocab_out"]:
        """Logits for token ids, BOS first.

        Raises:
            DomainError: If there are more positions than the model has.
        """
        # Rotary positions have no end; only learned ones run out.
        if tokens.shape[1] > self.cfg.n_ctx and not self._rotary:
            raise DomainError(f"{tokens.shape[1]} positions; the model has {self.cfg.n_ctx}, BOS among them.")
        residual = self.hook_embed(self.embed(tokens))
        if not self._rotary:
            residual = residual + self.hook_pos_embed(self.pos_embed(tokens))
        for block in self.blocks:
            residual = block(residual)
        return self.unembed(self.ln_final(residual) if self._normed else residual)


class _Norm(nn.Module):
    def __init__(self, shape: Architecture, gain: Tensor | None, dtype: torch.dtype) -> None:
        super().__init__()
        self.w = None if gain is None else own_parameter(gain, dtype)
        self.hook_scale = HookPoint()
        self.hook_normalized = HookPoint()
        self._centred = shape.style == "gpt2"

    def forward(self, residual: Tensor) -> Tensor:
        if self._centred:
            residual = residual - residual.mean(-1, keepdim=True)
        scale = self.hook_scale((residual.pow(2).mean(-1, keepdim=True) + EPS).sqrt())
        normalised = self.hook_normalized(residual / scale)
        return normalised if self.w is None else normalised * self.w


class _Block(nn.Module):
    def __init__(self, shape: Architecture, weights: TrainedWeights, layer: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.hook_resid_pre = HookPoint()
        self.hook_q_input = HookPoint()
        self.hook_k_input = HookPoint()
        self.hook_v_input = HookPoint()
        self.attn = _Attention(shape, weights, layer, dtype)
        self.hook_attn_out = HookPoint()
        self.hook_resid_mid = HookPoint()
        self.hook_mlp_in = HookPoint()
        self.mlp = _MLP(shape, weights, layer, dtype)
        self.hook_mlp_out = HookPoint()
        self.hook_resid_post = HookPoint()
        self._normed = shape.norm
        self._n_heads = shape.n_heads
        if shape.norm:
            self.ln1 = _Norm(shape, None if weights.attn_gain is None else weights.attn_gain[layer], dtype)
            self.ln2 = _Norm(shape, None if weights.mlp_gain is None else weights.mlp_gain[layer], dtype)

    def forward(self, residual: Tensor) -> Tensor:
        residual = self.hook_resid_pre(residual)
        per_head = residual.unsqueeze(2).expand(-1, -1, self._n_heads, -1)
        hooks = (self.hook_q_input, self.hook_k_input, self.hook_v_input)
        # A copy for each hook: one that writes in place must change one input of one head, not the stream.
        reads = [hook(per_head.clone()) for hook in hooks]
        attn_out = self.hook_attn_out(self.attn(*(self.ln1(read) if self._normed else read for read in reads)))
        residual = self.hook_resid_mid(residual + attn_out)
        read = self.hook_mlp_in(residual.clone())
        mlp_out = self.hook_mlp_out(self.mlp(self.ln2(read) if self._normed else read))
        return self.hook_resid_post(residual + mlp_out)


class _Attention(nn.Module):
    def __init__(self, shape: Architecture, weights: TrainedWeights, layer: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.W_Q = own_parameter(weights.W_Q[layer], dtype)
        self._W_K = own_parameter(weights.W_K[layer], dtype)
        self._W_V = own_parameter(weights.W_V[layer], dtype)
        self.W_O = own_parameter(weights.W_O[layer], dtype)
        self.b_Q = None if weights.b_Q is None else own_parameter(weights.b_Q[layer], dtype)
        self._b_K = None if weights.b_K is None else own_parameter(weights.b_K[layer], dtype)
        self._b_V = None if weights.b_V is None else own_parameter(weights.b_V[layer], dtype)
        self.hook_q = HookPoint()
        self.hook_k = HookPoint()
        self.hook_v = HookPoint()
        self.hook_rot_q = HookPoint()
        self.hook_rot_k = HookPoint()
        self.hook_attn_scores = HookPoint()
        self.hook_pattern = HookPoint()
        self.hook_z = HookPoint()
        self.hook_result = HookPoint()
        self._shape = shape

    @property
    def W_K(self) -> Tensor:
        """The key matrix of every query head [head, d_model, d_head]."""
        return self._W_K.repeat_interleave(self._group, dim=0)

    @property
    def W_V(self) -> Tensor:
        """The value matrix of every query head [head, d_model, d_head]."""
        return self._W_V.repeat_interleave(self._group, dim=0)

    @property
    def b_K(self) -> Tensor | None:
        """The bias of every query head's keys [head, d_head], where there is one."""
        return None if self._b_K is None else self._b_K.repeat_interleave(self._group, dim=0)

    @property
    def b_V(self) -> Tensor | None:
        """The bias of every query head's values [head, d_head], where there is one."""
        return None if self._b_V is None else self._b_V.repeat_interleave(self._group, dim=0)

    @property
    def _group(self) -> int:
        return self._shape.n_heads // self._shape.kv_heads

    def forward(self, q_in: Tensor, k_in: Tensor, v_in: Tensor) -> Tensor:
        """Sum of head results [batch, position, d_model] from per-head inputs [batch, position, head, d_model]."""
        into = "batch position head d_model, head d_model d_head -> batch position head d_head"
        q = self.hook_q(_shifted(einops.einsum(q_in, self.W_Q, into), self.b_Q)).transpose(1, 2)
        k = self.hook_k(_shifted(einops.einsum(k_in, self.W_K, into), self.b_K)).transpose(1, 2)
        v = self.hook_v(_shifted(einops.einsum(v_in, self.W_V, into), self.b_V)).transpose(1, 2)
        if self._shape.rotary:
            q = self.hook_rot_q(rotate(self._shape, q).transpose(1, 2)).transpose(1, 2)
            k = self.hook_rot_k(rotate(self._shape, k).transpose(1, 2)).transpose(1, 2)
        scores = self.hook_attn_scores(attention_scores(self._shape, q, k))
        z = self.hook_z((self.hook_pattern(scores.softmax(-1)) @ v).transpose(1, 2))
        out_of = "batch position head d_head, head d_head d_model -> batch position head d_model"
        return self.hook_result(einops.einsum(z, self.W_O, out_of)).sum(2)


def _shifted(values: Tensor, bias: Tensor | None) -> Tensor:
    return values if bias is None else values + bias


class _MLP(nn.Module):
    def __init__(self, shape: Architecture, weights: TrainedWeights, layer: int, dtype: torch.dtype) -> None:
        super().__init__()
        self._shape = shape
        self.W_in = own_parameter(weights.W_in[layer], dtype)
        self.W_out = own_parameter(weights.W_out[layer], dtype)
        self.W_gate = None if weights.W_gate is None else own_parameter(weights.W_gate[layer], dtype)
        self.b_in = None if weights.b_in is None else own_parameter(weights.b_in[layer], dtype)
        self.b_out = None if weights.b_out is None else own_parameter(weights.b_out[layer], dtype)
        self.hook_pre = HookPoint()
        self.hook_pre_linear = HookPoint()
        self.hook_post = HookPoint()

    def forward(self, residual: Tensor) -> Tensor:
        linear = residual @ self.W_in
        if self.W_gate is not None:
            gate = F.silu(self.hook_pre(residual @ self.W_gate))
            return self.hook_post(gate * self.hook_pre_linear(linear)) @ self.W_out
        pre = self.hook_pre(linear if self.b_in is None else linear + self.b_in)
        written = self.hook_post(activate(self._shape, pre)) @ self.W_out
        return written if self.b_out is None else written + self.b_out
