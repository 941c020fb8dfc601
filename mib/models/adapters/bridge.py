"""Language models, as TransformerLens's ``TransformerBridge`` presents them: GPT-2, Llama, Qwen, Gemma 2, ..."""

import copy
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mib.errors import MibError, TaskError, first_line
from mib.models.adapters.anatomy import Anatomy
from mib.models.adapters.lens_convention import activation, nonzero, tensor_or_none
from mib.models.adapters.parts import Attention, Block, Mlp, Norm
from mib.models.adapters.unsupported import reasons

KNOWN = ("gpt2", "gpt_neox", "llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "phi", "phi3", "starcoder2")
"""Model types whose logits the tests hold against Hugging Face's."""


def is_bridge(model: nn.Module) -> bool:
    """Tell whether a model is a ``TransformerBridge``, found without importing TransformerLens."""
    return any(kind.__name__ == "TransformerBridge" for kind in type(model).__mro__)


def decompose_bridge(model: nn.Module) -> Anatomy:
    """Take a bridge apart, with whatever weight processing was done to it.

    Raises:
        TaskError: If the architecture has a part that ``Anatomy`` cannot express.
    """
    bridge: Any = model
    try:
        return decompose_ends(bridge, tuple(decompose_block(bridge, block, i) for i, block in enumerate(bridge.blocks)))
    except (MibError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # every architecture lacks an attribute of its own, or calls a part otherwise
        raise refusal(bridge, f"{type(error).__name__}: {first_line(error)}") from error


def refusal(bridge: Any, otherwise: str) -> TaskError:
    """The error for an architecture that cannot be taken apart.

    Args:
        bridge: The model.
        otherwise: Description of what went wrong; said where no reason is known.
    """
    config = bridge.original_model.config
    found = reasons(config, bridge) or [otherwise]
    return TaskError(
        f"cannot take apart model_type '{config.model_type}': {'; '.join(found)}. mib has no part for that. "
        f"Known to work: {', '.join(KNOWN)}."
    )


def decompose_ends(bridge: Any, blocks: tuple[Block, ...]) -> Anatomy:
    """Give what is before and behind a bridge's blocks, with blocks that were taken apart already."""
    W_E, config = bridge.embed.W_E.detach(), bridge.original_model.config
    scale = getattr(bridge.embed.original_component, "embed_scale", None)
    return Anatomy(
        token_embedding=W_E if scale is None else W_E * torch.as_tensor(scale, dtype=W_E.dtype, device=W_E.device),
        position_embedding=bridge.pos_embed.W_pos.detach() if hasattr(bridge, "pos_embed") else None,
        blocks=blocks,
        final_norm=_norm(bridge.cfg, bridge, "ln_final"),
        W_U=bridge.W_U.detach(),
        b_U=nonzero(bridge.b_U),
        causal=True,
        parallel=bool(bridge.cfg.parallel_attn_mlp),
        window=_window(bridge),
        rotary=_Rotary(bridge.rotary_emb.original_component, W_E) if hasattr(bridge, "rotary_emb") else None,
        soft_cap=getattr(config, "final_logit_softcapping", None),
    )


def decompose_block(bridge: Any, block: Any, layer: int) -> Block:
    """One block of a bridge."""
    local = _width(bridge, block, layer) is not None
    return Block(_attention(bridge.cfg, block, local=local), _mlp(bridge.cfg, block))


class _Rotary:
    """The model's own rotary tables, so that every scaling of frequencies comes along.

    Some scalings depend on the length of the input (``dynamic``, ``longrope``): each row gets the tables of its own
    length, whatever is beside it and whatever ran before.
    """

    def __init__(self, module: nn.Module, like: Tensor) -> None:
        self._module: Any = copy.deepcopy(module)  # such modules change themselves as they run
        self._like = like[:1]
        kind: object = getattr(module, "rope_type", "default")
        self._by_length = isinstance(kind, str) and ("dynamic" in kind or kind == "longrope")

    @torch.no_grad()
    def __call__(self, positions: Int[Tensor, "batch position"]) -> tuple[Tensor, Tensor]:
        if not self._by_length:
            return self._module(self._like, positions)
        longest, where = positions.amax(1).unique(return_inverse=True)
        tables = [self._of_length(positions[where == i]) for i in range(len(longest))]
        order = torch.cat([(where == i).nonzero()[:, 0] for i in range(len(longest))]).argsort()
        cos, sin = (torch.cat(parts)[order] for parts in zip(*tables, strict=True))
        return cos, sin

    def _of_length(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Tables of rows of one length, from the frequencies that a fresh model has."""
        module = self._module
        module.inv_freq = module.original_inv_freq.to(positions.device, copy=True)
        module.max_seq_len_cached = module.original_max_seq_len
        return module(self._like, positions)


def _window(bridge: Any) -> int | None:
    """The width of the sliding window of the layers that have one.

    Raises:
        TaskError: If there are several.
    """
    widths = {_width(bridge, block, layer) for layer, block in enumerate(bridge.blocks)} - {None}
    if len(widths) > 1:
        raise TaskError(f"its layers have sliding windows of {len(widths)} widths; mib has one for all.")
    return widths.pop() if widths else None


def _width(bridge: Any, block: Any, layer: int) -> int | None:
    """Return how many positions a layer sees; None for all.

    Hugging Face makes masks from the configuration: by ``layer_types`` where there are any, else, unless the layer has
    a width of its own, the same for every layer.
    """
    config, original = bridge.original_model.config, block.attn.original_component
    width, kinds = getattr(config, "sliding_window", None), getattr(config, "layer_types", None)
    if kinds:
        return width if kinds[layer] == "sliding_attention" else None
    own = getattr(original, "sliding_window", width)
    return None if own is None else width


def _attention(cfg: Any, block: Any, *, local: bool) -> Attention:
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
        local=local,
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
        W_gate=tensor_or_none(mlp.W_gate),
        b_gate=nonzero(getattr(mlp, "b_gate", None)),
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


def _per_query_head(weights: Float[Tensor, "group ..."], n_heads: int) -> Float[Tensor, "head ..."]:
    """Grouped queries: each query head gets its group's keys or values as its own."""
    if len(weights) == n_heads:
        return weights.detach()
    return weights.detach().repeat_interleave(n_heads // len(weights), dim=0)
