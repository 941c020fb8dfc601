"""Models that keep their weights as TransformerLens does: ``blocks[l].attn.W_Q`` is [head, d_model, d_head]."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mib.errors import TaskError, did_you_mean, first_line
from mib.models.adapters.anatomy import Anatomy
from mib.models.adapters.parts import Attention, Block, Mlp, Norm

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "gelu": F.gelu,
    "gelu_new": lambda x: F.gelu(x, approximate="tanh"),
    "gelu_pytorch_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
}


def activation(name: str) -> Callable[[Tensor], Tensor]:
    """The activation function of a configuration's name.

    Raises:
        TaskError: If the name is unknown.
    """
    if name not in ACTIVATIONS:
        raise TaskError(f"unknown activation '{name}'.{did_you_mean(name, ACTIVATIONS)} Known: {[*ACTIVATIONS]}.")
    return ACTIVATIONS[name]


def follows_convention(model: nn.Module) -> bool:
    """Tell whether a model has ``cfg``, ``embed.W_E``, ``blocks[l].attn.W_Q`` and ``unembed.W_U``."""
    cfg, embed, unembed = (getattr(model, name, None) for name in ("cfg", "embed", "unembed"))
    return cfg is not None and hasattr(embed, "W_E") and hasattr(unembed, "W_U") and hasattr(model, "blocks")


def decompose_convention(model: nn.Module) -> Anatomy:
    """Take apart a model with weights in the TransformerLens convention. Weights are views, not copies.

    A block without an MLP gets one of no neurons, which writes nothing: its node is in the graph, and plays no part.

    Raises:
        TaskError: If a part that the convention asks for is missing, or does something that ``Anatomy`` cannot express.
    """
    _check_config(model.cfg)
    try:
        return _parts(model)
    except AttributeError as error:
        raise TaskError(
            f"cannot take apart a {type(model).__name__}: {first_line(error)}. The TransformerLens convention is cfg "
            "(with attn_scale, and act_fn where there are MLPs), embed.W_E, blocks[l].attn with W_Q, W_K, W_V and W_O, "
            "blocks[l].mlp with W_in and W_out or none at all, and unembed.W_U."
        ) from error


UNKNOWN = {
    "use_local_attn": (None, False),
    "positional_embedding_type": (None, "standard", "rotary"),
    "rotary_adjacent_pairs": (None, False),
    "output_logits_soft_cap": (None, -1, -1.0, 0),
    "attn_scores_soft_cap": (None, -1, -1.0, 0),
    "use_normalization_before_and_after": (None, False),
    "num_experts": (None, 0, 1),
}
"""Settings that ``Anatomy`` of such a module does not express, and the values by which they change nothing."""


def _check_config(cfg: Any) -> None:
    for name, neutral in UNKNOWN.items():
        value = getattr(cfg, name, None)
        if value not in neutral:
            raise TaskError(
                f"cfg.{name}={value!r} is not known of a module in the TransformerLens convention. Load the model with "
                "mib.load_model(...), or build a mib.models.adapters.Anatomy of your own."
            )


def _parts(model: nn.Module) -> Anatomy:
    cfg: Any = model.cfg
    parts: Any = model
    mlp_norm = not getattr(cfg, "parallel_attn_mlp", False)
    blocks: list[Block] = []
    for block in parts.blocks:
        norm, mlp = _norm(cfg, getattr(block, "ln1", None)), getattr(block, "mlp", None)
        before_mlp = _norm(cfg, getattr(block, "ln2", None)) if mlp_norm else norm
        mlp = no_mlp(parts.embed.W_E.detach()) if mlp is None else _mlp(cfg, mlp, before_mlp)
        blocks.append(Block(_attention(cfg, block.attn, norm), mlp))
    pos_embed = getattr(model, "pos_embed", None)
    return Anatomy(
        token_embedding=parts.embed.W_E.detach(),
        position_embedding=None if pos_embed is None else pos_embed.W_pos.detach(),
        blocks=tuple(blocks),
        final_norm=_norm(cfg, getattr(model, "ln_final", None)),
        W_U=parts.unembed.W_U.detach(),
        b_U=nonzero(getattr(parts.unembed, "b_U", None)),
        causal=getattr(cfg, "attention_dir", "causal") == "causal",
        parallel=not mlp_norm,
        rotary=RotaryTables.of(cfg) if getattr(cfg, "positional_embedding_type", None) == "rotary" else None,
    )


@dataclass(frozen=True)
class RotaryTables:
    """Cosines and sines of rotary positions in Hugging Face's half-split layout (Su et al. 2021, arXiv 2104.09864).

    Attributes:
        width: Number of dimensions of a head that are turned.
        base: Wavelengths grow to this, times 2 pi.
    """

    width: int
    base: float

    @classmethod
    def of(cls, cfg: Any) -> "RotaryTables":
        """The tables that a configuration in TransformerLens's names asks for."""
        return cls(int(getattr(cfg, "rotary_dim", None) or cfg.d_head), float(getattr(cfg, "rotary_base", 10_000.0)))

    def __call__(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Look the tables up [batch, position, width]."""
        exponents = torch.arange(0, self.width, 2, dtype=torch.float64, device=positions.device) / self.width
        angles = positions[..., None].double() * self.base**-exponents
        angles = torch.cat((angles, angles), dim=-1)
        return angles.cos(), angles.sin()


def _attention(cfg: Any, attn: Any, norm: Norm | None) -> Attention:
    return Attention(
        norm=norm,
        W_Q=attn.W_Q.detach(),
        W_K=attn.W_K.detach(),
        W_V=attn.W_V.detach(),
        W_O=attn.W_O.detach(),
        b_Q=nonzero(getattr(attn, "b_Q", None)),
        b_K=nonzero(getattr(attn, "b_K", None)),
        b_V=nonzero(getattr(attn, "b_V", None)),
        b_O=nonzero(getattr(attn, "b_O", None)),
        scale=float(cfg.attn_scale) if getattr(cfg, "use_attn_scale", True) else 1.0,
    )


def no_mlp(W_E: Tensor) -> Mlp:
    """An MLP of no neurons: what a block without one is taken for, so that every block has the same two steps."""
    d_model = W_E.shape[1]
    return Mlp(None, F.relu, W_in=W_E.new_zeros(d_model, 0), W_out=W_E.new_zeros(0, d_model))


def _mlp(cfg: Any, mlp: Any, norm: Norm | None) -> Mlp:
    return Mlp(
        norm=norm,
        act=activation(cfg.act_fn),
        W_in=mlp.W_in.detach(),
        W_out=mlp.W_out.detach(),
        b_in=nonzero(getattr(mlp, "b_in", None)),
        b_out=nonzero(getattr(mlp, "b_out", None)),
        W_gate=tensor_or_none(getattr(mlp, "W_gate", None)),
    )


def _norm(cfg: Any, module: nn.Module | None) -> Norm | None:
    kind = getattr(cfg, "normalization_type", None)
    if kind is None:
        return None
    if kind not in ("LN", "LNPre", "RMS", "RMSPre"):
        raise TaskError(f"unknown normalization_type '{kind}'. Known: None, 'LN', 'LNPre', 'RMS', 'RMSPre'.")
    scale, bias = tensor_or_none(getattr(module, "w", None)), nonzero(getattr(module, "b", None))
    return Norm("rms" if kind.startswith("RMS") else "layer", scale, bias, float(getattr(cfg, "eps", 1e-5)))


def tensor_or_none(value: object) -> Tensor | None:
    """A weight, or None where there is none."""
    return value.detach() if isinstance(value, Tensor) else None


def nonzero(weight: object) -> Tensor | None:
    """A bias, or None where there is none or it is all zero (adding it would change nothing)."""
    if not isinstance(weight, Tensor):
        return None
    return weight.detach() if bool(torch.any(weight != 0)) else None
