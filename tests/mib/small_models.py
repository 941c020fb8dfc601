"""Small models that the tests of ``mib`` run on."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn
from transformer_lens import HookedRootModule
from transformer_lens.hook_points import HookPoint

GOLDEN = Path(__file__).parent.parent / "golden"


class Part(nn.Module):
    """Named weights, and nothing else."""

    def __init__(self, weights: dict[str, torch.Tensor]) -> None:
        super().__init__()
        for name, weight in weights.items():
            self.register_parameter(name, nn.Parameter(weight, requires_grad=False))


class SmallModel(HookedRootModule):
    """A transformer in the TransformerLens weight convention: no layer norm, its own plain forward pass."""

    def __init__(self, cfg: dict[str, Any], weights: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self.cfg = SimpleNamespace(**cfg)

        def part(prefix: str) -> Part:
            chosen = {k.removeprefix(prefix + "."): v for k, v in weights.items() if k.startswith(prefix + ".")}
            return Part(chosen)

        self.embed, self.pos_embed, self.unembed = part("embed"), part("pos_embed"), part("unembed")
        self.blocks = nn.ModuleList()
        for layer in range(self.cfg.n_layers):
            block = nn.Module()
            block.attn = part(f"blocks.{layer}.attn")
            if not getattr(self.cfg, "attn_only", False):
                block.mlp = part(f"blocks.{layer}.mlp")
            self.blocks.append(block)
        self.hook_embed = HookPoint()
        self.setup()

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        stream = self.hook_embed(self.embed.W_E[tokens]) + self.pos_embed.W_pos[: tokens.shape[1]]
        for block in self.blocks:
            before, stream = stream, stream + self._attention(block.attn, stream)
            if not hasattr(block, "mlp"):
                continue
            read = before if getattr(self.cfg, "parallel_attn_mlp", False) else stream
            hidden = torch.relu(read @ block.mlp.W_in + block.mlp.b_in)
            stream = stream + hidden @ block.mlp.W_out + block.mlp.b_out
        return stream @ self.unembed.W_U + self.unembed.b_U

    def _attention(self, attn: Any, stream: torch.Tensor) -> torch.Tensor:
        q, k, v = (
            torch.einsum("bpd,hdk->bphk", stream, getattr(attn, f"W_{x}")) + getattr(attn, f"b_{x}") for x in "QKV"
        )
        scores = torch.einsum("bqhk,bshk->bhqs", q, k) / self.cfg.attn_scale
        if self.cfg.attention_dir == "causal":
            scores = scores.masked_fill(torch.ones_like(scores).triu(1).bool(), -torch.inf)
        z = torch.einsum("bhqs,bshk->bqhk", scores.softmax(-1), v)
        return torch.einsum("bqhk,hkd->bqd", z, attn.W_O) + attn.b_O


def golden_relu(dtype: torch.dtype = torch.float32) -> SmallModel:
    """The bidirectional ReLU model of the golden numbers."""
    folder = GOLDEN / "relu-bidirectional"
    weights = {k: v.to(dtype) for k, v in load_file(folder / "weights.safetensors").items()}
    return SmallModel(json.loads((folder / "config.json").read_text()), weights)


def random_model(
    *,
    n_layers: int = 2,
    n_heads: int = 2,
    d_model: int = 8,
    d_head: int = 4,
    d_mlp: int = 12,
    n_vocabulary: int = 7,
    n_outputs: int = 5,
    n_context: int = 6,
    causal: bool = False,
    parallel: bool = False,
    attn_only: bool = False,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
) -> SmallModel:
    """A random small model."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=dtype) / shape[-2 if len(shape) > 1 else -1] ** 0.5

    weights = {"embed.W_E": draw(n_vocabulary, d_model), "pos_embed.W_pos": draw(n_context, d_model)}
    for layer in range(n_layers):
        attn, mlp = f"blocks.{layer}.attn.", f"blocks.{layer}.mlp."
        for x in "QKV":
            weights[f"{attn}W_{x}"] = 2 * draw(n_heads, d_model, d_head)
            weights[f"{attn}b_{x}"] = draw(n_heads, d_head)
        weights[f"{attn}W_O"], weights[f"{attn}b_O"] = draw(n_heads, d_head, d_model), draw(d_model)
        weights[f"{mlp}W_in"], weights[f"{mlp}b_in"] = draw(d_model, d_mlp), draw(d_mlp)
        weights[f"{mlp}W_out"], weights[f"{mlp}b_out"] = draw(d_mlp, d_model), draw(d_model)
    weights["unembed.W_U"], weights["unembed.b_U"] = draw(d_model, n_outputs), draw(n_outputs)
    cfg = {
        "n_layers": n_layers, "n_heads": n_heads, "d_model": d_model, "d_head": d_head, "d_mlp": d_mlp,
        "act_fn": "relu", "normalization_type": None, "attn_scale": d_head**0.5,
        "attention_dir": "causal" if causal else "bidirectional", "parallel_attn_mlp": parallel,
        "attn_only": attn_only,
    }  # fmt: skip
    return SmallModel(cfg, weights)


def golden_gpt2() -> nn.Module:
    """The GPT-2 checkpoint of the golden numbers, loaded as any real model."""
    return bridge(GOLDEN / "gpt2-random" / "checkpoint")


def bridge(checkpoint: Path) -> nn.Module:
    """A local Hugging Face checkpoint, as TransformerLens presents it."""
    from transformer_lens.model_bridge import TransformerBridge

    return TransformerBridge.boot_transformers(str(checkpoint), device="cpu").eval()
