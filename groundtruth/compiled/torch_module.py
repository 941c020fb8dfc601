"""A compiled model as a torch module with TransformerLens hook points."""

from dataclasses import dataclass
from typing import Literal

import einops
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from groundtruth.compiled.forward import Weights
from groundtruth.compiled.lens_classes import HookedRootModule, HookPoint
from groundtruth.compiled.lens_parts import Embed, PosEmbed, Unembed, own_parameter
from groundtruth.errors import DomainError


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes, in TransformerLens's names."""

    n_layers: int
    n_heads: int
    d_model: int
    d_head: int
    d_mlp: int
    d_vocab: int
    d_vocab_out: int
    n_ctx: int
    attn_scale: float
    attention_dir: Literal["causal", "bidirectional"]
    act_fn: Literal["relu"] = "relu"
    normalization_type: None = None
    dtype: torch.dtype = torch.float32


class CompiledTransformer(HookedRootModule):
    """The transformer of a compiled model: no layer norm, no biases, ReLU, PAD not masked.

    Hooks are named as in TransformerLens, those of split query, key and value inputs and of per-head results
    included: ``hook_embed``, ``hook_pos_embed``, ``blocks.L.hook_q_input`` (``k``, ``v``), ``blocks.L.attn.hook_q``
    (``k``, ``v``, ``attn_scores``, ``pattern``, ``z``, ``result``), ``blocks.L.hook_attn_out``, ``hook_mlp_in``,
    ``blocks.L.mlp.hook_pre`` (``post``), ``hook_mlp_out``, ``hook_resid_pre`` (``mid``, ``post``).

    Args:
        weights: Weights to hold, in float64.
        dtype: To hold it in.
    """

    def __init__(self, weights: Weights, *, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.cfg = TransformerConfig(
            n_layers=weights.n_layers,
            n_heads=weights.n_heads,
            d_model=weights.d_model,
            d_head=weights.d_head,
            d_mlp=weights.d_mlp,
            d_vocab=weights.W_E.shape[0],
            d_vocab_out=weights.W_U.shape[1],
            n_ctx=weights.W_pos.shape[0],
            attn_scale=weights.attn_scale,
            attention_dir="causal" if weights.causal else "bidirectional",
            dtype=dtype,
        )
        self.embed = Embed(weights.W_E, dtype)
        self.hook_embed = HookPoint()
        self.pos_embed = PosEmbed(weights.W_pos, dtype)
        self.hook_pos_embed = HookPoint()
        self.blocks = nn.ModuleList([_Block(weights, layer, self.cfg) for layer in range(weights.n_layers)])
        self.unembed = Unembed(weights.W_U, dtype)
        self.setup()

    def forward(self, tokens: Int[Tensor, "batch position"]) -> Float[Tensor, "batch position d_vocab_out"]:
        """Logits for token ids, BOS first.

        Args:
            tokens: Ids; a sequence may be padded on the right with PAD.

        Raises:
            DomainError: If there are more positions than the model has.
        """
        if tokens.shape[1] > self.cfg.n_ctx:
            raise DomainError(f"{tokens.shape[1]} positions; the model has {self.cfg.n_ctx}, BOS among them.")
        embed = self.hook_embed(self.embed(tokens))
        pos = self.hook_pos_embed(self.pos_embed(tokens))
        residual = embed + pos
        for block in self.blocks:
            residual = block(residual)
        return self.unembed(residual)


class _Block(nn.Module):
    def __init__(self, weights: Weights, layer: int, cfg: TransformerConfig) -> None:
        super().__init__()
        self.hook_resid_pre = HookPoint()
        self.hook_q_input = HookPoint()
        self.hook_k_input = HookPoint()
        self.hook_v_input = HookPoint()
        self.attn = _Attention(weights, layer, cfg)
        self.hook_attn_out = HookPoint()
        self.hook_resid_mid = HookPoint()
        self.hook_mlp_in = HookPoint()
        self.mlp = _MLP(weights, layer, cfg)
        self.hook_mlp_out = HookPoint()
        self.hook_resid_post = HookPoint()
        self._n_heads = cfg.n_heads

    def forward(self, residual: Tensor) -> Tensor:
        residual = self.hook_resid_pre(residual)
        per_head = residual.unsqueeze(2).expand(-1, -1, self._n_heads, -1)
        attn_out = self.hook_attn_out(
            self.attn(
                # Three tensors, so that a hook that writes into what queries read leaves keys and values as they are.
                self.hook_q_input(per_head.clone()),
                self.hook_k_input(per_head.clone()),
                self.hook_v_input(per_head.clone()),
            )
        )
        residual = self.hook_resid_mid(residual + attn_out)
        mlp_out = self.hook_mlp_out(self.mlp(self.hook_mlp_in(residual.clone())))
        return self.hook_resid_post(residual + mlp_out)


class _Attention(nn.Module):
    def __init__(self, weights: Weights, layer: int, cfg: TransformerConfig) -> None:
        super().__init__()
        self.W_Q = own_parameter(weights.W_Q[layer], cfg.dtype)
        self.W_K = own_parameter(weights.W_K[layer], cfg.dtype)
        self.W_V = own_parameter(weights.W_V[layer], cfg.dtype)
        self.W_O = own_parameter(weights.W_O[layer], cfg.dtype)
        self.hook_q = HookPoint()
        self.hook_k = HookPoint()
        self.hook_v = HookPoint()
        self.hook_attn_scores = HookPoint()
        self.hook_pattern = HookPoint()
        self.hook_z = HookPoint()
        self.hook_result = HookPoint()
        self._scale = cfg.attn_scale
        self._causal = cfg.attention_dir == "causal"

    def forward(self, q_in: Tensor, k_in: Tensor, v_in: Tensor) -> Tensor:
        """Sum of head results [batch, position, d_model] from per-head inputs [batch, position, head, d_model]."""
        project = "batch position head d_model, head d_model d_head -> batch position head d_head"
        q = self.hook_q(_einsum(project, q_in, self.W_Q))
        k = self.hook_k(_einsum(project, k_in, self.W_K))
        v = self.hook_v(_einsum(project, v_in, self.W_V))
        scores = _einsum("batch query head d_head, batch key head d_head -> batch head query key", q, k) / self._scale
        if self._causal:
            future = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
            scores = scores.masked_fill(future, -torch.inf)
        pattern = self.hook_pattern(self.hook_attn_scores(scores).softmax(-1))
        z = self.hook_z(_einsum("batch head query key, batch key head d_head -> batch query head d_head", pattern, v))
        result = _einsum("batch position head d_head, head d_head d_model -> batch position head d_model", z, self.W_O)
        return self.hook_result(result).sum(2)


class _MLP(nn.Module):
    def __init__(self, weights: Weights, layer: int, cfg: TransformerConfig) -> None:
        super().__init__()
        self.W_in = own_parameter(weights.W_in[layer], cfg.dtype)
        self.W_out = own_parameter(weights.W_out[layer], cfg.dtype)
        self.hook_pre = HookPoint()
        self.hook_post = HookPoint()

    def forward(self, residual: Tensor) -> Tensor:
        return self.hook_post(self.hook_pre(residual @ self.W_in).relu()) @ self.W_out


def _einsum(pattern: str, left: Tensor, right: Tensor) -> Tensor:
    """Einstein sum with axes spelt out in words."""
    return einops.einsum(left, right, pattern)
