"""Models whose circuit is known because it was written by hand."""

from typing import Any

import torch

import mib
from mib.metrics import LogitDifference
from tests.mib.small_models import SmallModel, random_model

CHAIN = ("input->m0", "m0->m1", "m1->logits")
"""The only edges of ``chain`` that carry the answer."""


def chain(n_heads: int = 1) -> SmallModel:
    """Token (dimensions 0-3) to m0 (4-7) to m1 (8-11) to the logits; heads write where nothing reads (12-15)."""
    model = random_model(n_layers=2, n_heads=n_heads, d_model=16, d_mlp=4, n_vocabulary=4, n_outputs=4)
    unit = torch.eye(4, dtype=torch.float64)
    for parameter in (model.embed.W_E, model.pos_embed.W_pos, model.unembed.W_U, model.unembed.b_U):
        parameter.zero_()
    model.embed.W_E[:, :4] = unit
    model.unembed.W_U[8:12] = 3 * unit
    for layer, block in enumerate(model.blocks):
        block.attn.W_O[..., :12] = 0
        block.attn.b_O[:12] = 0
        for weight in (block.mlp.W_in, block.mlp.W_out, block.mlp.b_in, block.mlp.b_out):
            weight.zero_()
        block.mlp.W_in[4 * layer : 4 * layer + 4] = unit
        block.mlp.W_out[:, 4 * layer + 4 : 4 * layer + 8] = unit
    return model


def chain_task(n: int = 16, **changes: Any) -> mib.LocalizationTask:
    """Tell the clean tokens from the counterfactual ones, which differ everywhere."""
    generator = torch.Generator().manual_seed(0)
    clean = torch.randint(4, (n, 6), generator=generator)
    counterfactual = (clean + torch.randint(1, 4, (n, 6), generator=generator)) % 4
    metric = LogitDifference(clean, counterfactual, torch.ones_like(clean, dtype=torch.bool))
    arguments = {"model": chain(), "clean": clean, "counterfactual": counterfactual, "metric": metric}
    return mib.LocalizationTask(**{**arguments, **changes})


def top(scores: Any, n: int = 3) -> set[str]:
    """The best edges by magnitude."""
    ranked = sorted(scores.as_dict().items(), key=lambda item: -abs(item[1]))
    return {name for name, _ in ranked[:n]}
