"""A model whose variable is known by hand: each token is a pair (a, b), the answer is (a + b) mod 3.

Residual stream, 12 dimensions: one-hot a, one-hot b, a copy of one-hot a that nothing reads, one-hot answer. Layer 0
does nothing; the MLP of layer 1 has a neuron for each (a, b). So before layer 1 the variable a is coordinates 0 to 2,
and an interchange of it needs only the differences of its values: rank 2.
"""

import itertools
from typing import Any

import torch

from mib.featurization import FeaturizationTask, Site, Split
from tests.mib.small_models import SmallModel

WIDTH = 12
PAIRS = list(itertools.product(range(9), range(9)))


def model(*, rotation: torch.Tensor | None = None, dtype: torch.dtype = torch.float32) -> SmallModel:
    """The model, its residual stream rotated by an orthogonal matrix if there is one."""
    turn = torch.eye(WIDTH, dtype=torch.float64) if rotation is None else rotation.double()
    a, b = torch.arange(9) // 3, torch.arange(9) % 3
    embedding = torch.zeros(9, WIDTH, dtype=torch.float64)
    for start, value in ((0, a), (3, b), (6, a)):
        embedding[torch.arange(9), start + value] = 1.0
    read, write = torch.zeros(WIDTH, 9, dtype=torch.float64), torch.zeros(9, WIDTH, dtype=torch.float64)
    read[a, torch.arange(9)] = read[3 + b, torch.arange(9)] = 1.0
    write[torch.arange(9), 9 + (a + b) % 3] = 1.0
    unembed = torch.zeros(WIDTH, 3, dtype=torch.float64)
    unembed[9:] = torch.eye(3)
    weights = {"embed.W_E": embedding @ turn, "pos_embed.W_pos": torch.zeros(2, WIDTH), "unembed.W_U": turn.T @ unembed}
    for layer in range(2):
        attn, mlp = f"blocks.{layer}.attn.", f"blocks.{layer}.mlp."
        weights |= {f"{attn}W_{x}": torch.zeros(1, WIDTH, 4) for x in "QKV"}
        weights |= {f"{attn}b_{x}": torch.zeros(1, 4) for x in "QKV"}
        weights |= {f"{attn}W_O": torch.zeros(1, 4, WIDTH), f"{attn}b_O": torch.zeros(WIDTH)}
        weights |= {f"{mlp}W_in": layer * (turn.T @ read), f"{mlp}b_in": -layer * torch.ones(9)}
        weights |= {f"{mlp}W_out": layer * (write @ turn), f"{mlp}b_out": torch.zeros(WIDTH)}
    weights["unembed.b_U"] = torch.zeros(3)
    cfg = {
        "n_layers": 2, "n_heads": 1, "d_model": WIDTH, "d_head": 4, "d_mlp": 9, "act_fn": "relu",
        "normalization_type": None, "attn_scale": 2.0, "attention_dir": "bidirectional",
    }  # fmt: skip
    return SmallModel(cfg, {name: weight.to(dtype) for name, weight in weights.items()})


def task(*, rotation: torch.Tensor | None = None, isolation: bool = False, **changes: Any) -> FeaturizationTask:
    """Swap a at position 1 of every pair of tokens, before layer 1; every pair is in the training split.

    With ``isolation``, the same pairs follow as isolation pairs: their source has the base's a, so nothing may change.
    """
    base, source = torch.tensor(PAIRS).T
    isolates = torch.zeros(len(base), dtype=torch.bool)
    if isolation:
        isolates = torch.cat((isolates, ~isolates))
        base, source = torch.cat((base, base)), torch.cat((source, 3 * (base // 3) + source % 3))
    answer = (source // 3 + base % 3) % 3
    everything = torch.arange(len(base))
    nothing = torch.zeros_like(base)

    def spread(token: torch.Tensor) -> torch.Tensor:
        return torch.stack((nothing, token), dim=1)

    parts: dict[str, Any] = {
        "model": model(rotation=rotation),
        "site": Site.residual(0, positions=1),
        "base": spread(base),
        "source": spread(source),
        "expected": spread(answer),
        "mask": torch.tensor([False, True]).expand(len(base), -1),
        "isolates": isolates if isolation else None,
        "base_values": base[:, None] // 3,
        "source_values": source[:, None] // 3,
        "split": Split(everything[::2], everything[1::2], everything[:0]),
    }
    return FeaturizationTask(**(parts | changes))


def live() -> torch.Tensor:
    """Orthonormal basis of the differences of one-hot a, [12, 2]."""
    basis = torch.zeros(WIDTH, 2)
    basis[:3] = torch.linalg.svd(torch.eye(3) - 1 / 3).U[:, :2]
    return basis


def random_rotation(seed: int = 0) -> torch.Tensor:
    """A random orthogonal matrix."""
    drawn = torch.randn(WIDTH, WIDTH, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.linalg.qr(drawn).Q
