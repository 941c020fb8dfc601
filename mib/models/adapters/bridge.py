"""Real models, as TransformerLens's ``TransformerBridge`` presents them: GPT-2, Llama, Qwen, Gemma 2, Pythia, ..."""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mib.errors import TaskError
from mib.models.adapters.anatomy import Anatomy
from mib.models.adapters.lens_convention import activation, nonzero
from mib.models.adapters.parts import Attention, Block, Mlp, Norm


def is_bridge(model: nn.Module) -> bool:
    """Whether a model is a ``TransformerBridge``, found without importing TransformerLens."""
    return any(kind.__name__ == "TransformerBridge" for kind in type(model).__mro__)


def decompose_bridge(model: nn.Module) -> Anatomy:
    """Take a bridge apart, with whatever weight processing was done to it.

    Raises:
        TaskError: If the architecture has a part that ``Anatomy`` cannot express.
    """
    bridge: Any = model
    config = bridge.original_model.config
    try:
        blocks = tuple(_block(bridge.cfg, block) for block in bridge.blocks)
        W_E = bridge.embed.W_E.detach()
        scale = getattr(bridge.embed.original_component, "embed_scale", None)
        windows = {_sliding_window(block) for block in bridge.blocks} - {None}
        return Anatomy(
            token_embedding=W_E if scale is None else W_E * torch.as_tensor(scale, dtype=W_E.dtype, device=W_E.device),
            position_embedding=bridge.pos_embed.W_pos.detach() if hasattr(bridge, "pos_embed") else None,
            blocks=blocks,
            final_norm=_norm(bridge.cfg, bridge, "ln_final"),
            W_U=bridge.W_U.detach(),
            b_U=nonzero(bridge.b_U),
            causal=True,
            parallel=bool(bridge.cfg.parallel_attn_mlp),
            window=windows.pop() if windows else None,
            rotary=_Rotary(bridge.rotary_emb.original_component, W_E) if hasattr(bridge, "rotary_emb") else None,
            soft_cap=getattr(config, "final_logit_softcapping", None),
        )
    except (AttributeError, RuntimeError) as error:
        raise TaskError(
            f"cannot take apart a TransformerBridge of model_type '{config.model_type}': {error}. Known to work: "
            "gpt2, llama, qwen2, qwen3, gemma2, gpt_neox."
        ) from error


class _Rotary:
    """The model's own rotary tables, so that every scaling of frequencies comes along."""

    def __init__(self, module: nn.Module, like: Tensor) -> None:
        self._module, self._like = module, like

    @torch.no_grad()
    def __call__(self, positions: Int[Tensor, "batch position"]) -> tuple[Tensor, Tensor]:
        cos, sin = self._module(self._like[:1], positions)
        return cos, sin


def _block(cfg: Any, block: Any) -> Block:
    return Block(_attention(cfg, block), _mlp(cfg, block))


def _attention(cfg: Any, block: Any) -> Attention:
    attn, original = block.attn, block.attn.original_component
    W_Q, W_O = attn.W_Q.detach(), attn.W_O.detach()
    qk_norms = (_norm(cfg, attn, "q_norm"), _norm(cfg, attn, "k_norm"))
    return Attention(
        norm=_norm(cfg, block, "ln1"),
        W_Q=W_Q,
        W_K=_per_query_head(attn.W_K, len(W_Q)),
        W_V=_per_query_head(attn.W_V, len(W_Q)),
        W_O=W_O,
        b_Q=nonzero(attn.b_Q),
        b_K=nonzero(None if attn.b_K is None else _per_query_head(attn.b_K, len(W_Q))),
        b_V=nonzero(None if attn.b_V is None else _per_query_head(attn.b_V, len(W_Q))),
        b_O=nonzero(attn.b_O),
        scale=1 / float(original.scaling),
        soft_cap=getattr(original, "attn_logit_softcapping", None),
        local=_sliding_window(block) is not None,
        post=_norm(cfg, block, "ln1_post"),
        qk_norms=qk_norms if qk_norms[0] and qk_norms[1] else None,  # pyright: ignore[reportArgumentType]
    )


def _mlp(cfg: Any, block: Any) -> Mlp:
    mlp = block.mlp
    return Mlp(
        norm=_norm(cfg, block, "ln2") or _norm(cfg, block, "ln1"),
        act=activation(cfg.act_fn),
        W_in=mlp.W_in.detach(),
        W_out=mlp.W_out.detach(),
        b_in=nonzero(mlp.b_in),
        b_out=nonzero(mlp.b_out),
        W_gate=nonzero(mlp.W_gate),
        post=_norm(cfg, block, "ln2_post"),
    )


def _norm(cfg: Any, parent: Any, name: str) -> Norm | None:
    module = getattr(parent, name, None)
    original = getattr(module, "original_component", None)
    if module is None or original is None:
        return None
    weight, bias = original.weight.detach(), getattr(original, "bias", None)
    if isinstance(original, nn.LayerNorm):
        return Norm("layer", weight, nonzero(bias), original.eps)
    eps = getattr(original, "variance_epsilon", None) or getattr(original, "eps", None) or cfg.eps
    return Norm("rms", 1 + weight if cfg.rmsnorm_uses_offset else weight, nonzero(bias), float(eps))


def _sliding_window(block: Any) -> int | None:
    return getattr(block.attn.original_component, "sliding_window", None)


def _per_query_head(weights: Float[Tensor, "group ..."], n_heads: int) -> Float[Tensor, "head ..."]:
    """Grouped queries: each query head gets its group's keys or values as its own."""
    if len(weights) == n_heads:
        return weights.detach()
    return weights.detach().repeat_interleave(n_heads // len(weights), dim=0)
