"""Norms, biases, activations and rotary positions in the page equal PyTorch's: what trained models have."""

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from groundtruth.explorer.network_data import (
    Activation,
    Affine,
    AttentionStep,
    HeadStep,
    MlpStep,
    Norm,
    Rotary,
    Steps,
    steps_data,
)
from tests.groundtruth.explorer.node import run_script

SCRIPT = Path(__file__).with_name("run_steps.mjs")
D_MODEL, D_HEAD, D_MLP, N_TOKENS, N_OUTPUTS = 12, 6, 20, 5, 4

ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
    "none": lambda x: x,
}


def network(activation: Activation, *, causal: bool, norm: Any, rotary: Rotary | None, biased: bool) -> Steps:
    rng = np.random.default_rng(0)

    def bias(size: int) -> Any:
        return rng.normal(size=size) if biased else None

    def affine(rows: int, columns: int) -> Affine:
        return Affine(rng.normal(size=(rows, columns)), bias(columns))

    def normalization() -> Norm | None:
        return norm and Norm(norm, 1e-5, rng.normal(size=D_MODEL), rng.normal(size=D_MODEL))

    steps: list[AttentionStep | MlpStep] = []
    for layer in range(2):
        heads = tuple(
            HeadStep(h, *(affine(D_MODEL, D_HEAD) for _ in "qkv"), rng.normal(size=(D_HEAD, D_MODEL))) for h in range(2)
        )
        steps.append(AttentionStep(layer, heads, D_HEAD**0.5, normalization(), rotary, bias(D_MODEL)))
        steps.append(MlpStep(layer, affine(D_MODEL, D_MLP), affine(D_MLP, D_MODEL), activation, normalization()))
    return Steps(
        n_layers=2,
        n_heads=2,
        causal=causal,
        token=rng.normal(size=(N_TOKENS, D_MODEL)),
        position=None if rotary else rng.normal(size=(8, D_MODEL)),
        steps=tuple(steps),
        unembed=affine(D_MODEL, N_OUTPUTS),
        norm=normalization(),
    )


def reference(steps: Steps, ids: list[int]) -> Tensor:
    """The same network in PyTorch."""
    stream = tensor(steps.token)[ids]
    if steps.position is not None:
        stream = stream + tensor(steps.position)[: len(ids)]
    for step in steps.steps:
        read = normalized(step.norm, stream)
        if isinstance(step, MlpStep):
            stream = stream + applied(step.written, ACTIVATIONS[step.activation](applied(step.read, read)))
            continue
        for head in step.heads:
            query, key, value = (applied(part, read) for part in (head.query, head.key, head.value))
            if step.rotary:
                query, key = turned(step.rotary, query), turned(step.rotary, key)
            mixed = F.scaled_dot_product_attention(
                query[None], key[None], value[None], is_causal=steps.causal, scale=1 / step.scale
            )
            stream = stream + mixed[0] @ tensor(head.output)
        if step.bias is not None:
            stream = stream + tensor(step.bias)
    return applied(steps.unembed, normalized(steps.norm, stream))


def tensor(array: Any) -> Tensor:
    return torch.from_numpy(array)


def applied(affine: Affine, values: Tensor) -> Tensor:
    return F.linear(values, tensor(affine.weight).T, None if affine.bias is None else tensor(affine.bias))


def normalized(norm: Norm | None, values: Tensor) -> Tensor:
    if norm is None:
        return values
    weight, bias = tensor(norm.weight), tensor(norm.bias)
    if norm.kind == "layernorm":
        return F.layer_norm(values, (D_MODEL,), weight, bias, norm.eps)
    return F.rms_norm(values, (D_MODEL,), weight, norm.eps) + bias


def turned(rotary: Rotary, values: Tensor) -> Tensor:
    """Pairs (i, i + dims / 2) as complex numbers, turned by position / base ** (2 i / dims)."""
    half = rotary.dims // 2
    angles = torch.arange(len(values), dtype=torch.float64)[:, None] / rotary.base ** (
        torch.arange(half, dtype=torch.float64) * 2 / rotary.dims
    )
    pairs = torch.complex(values[:, :half], values[:, half : 2 * half]) * torch.polar(torch.ones_like(angles), angles)
    return torch.cat([pairs.real, pairs.imag, values[:, 2 * half :]], dim=1)


@pytest.mark.parametrize(
    ("activation", "causal", "norm", "rotary", "biased"),
    [
        ("relu", False, None, None, False),
        ("gelu", False, "layernorm", None, True),
        ("gelu_tanh", True, "layernorm", None, True),
        ("silu", True, "rms", Rotary(4), False),
        ("none", False, "rms", Rotary(6, base=100.0), True),
    ],
)
def test_a_network_of_any_kind_equals_pytorch(
    activation: Activation, causal: bool, norm: Any, rotary: Rotary | None, biased: bool, tmp_path: Path
) -> None:
    steps = network(activation, causal=causal, norm=norm, rotary=rotary, biased=biased)
    inputs = [[0, *ids] for ids in itertools.product(range(N_TOKENS), repeat=3)][::7]
    path = tmp_path / "network.json"
    path.write_text(json.dumps({"network": steps_data(steps), "inputs": inputs}))
    found = torch.tensor(run_script(SCRIPT, path), dtype=torch.float64)
    expected = torch.stack([reference(steps, ids) for ids in inputs])
    assert float((found - expected).abs().max()) <= 1e-9
    # What the case is about matters: without it the network gives something else.
    plain = replace(steps, steps=tuple(replace(step, norm=None) for step in steps.steps), norm=None)
    if norm:
        assert float((torch.stack([reference(plain, ids) for ids in inputs]) - expected).abs().max()) > 1e-3
