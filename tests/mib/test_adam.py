"""Adam is torch's, to the bit, and imports no compiler."""

import os
import subprocess
import sys

import pytest
import torch
from torch import Tensor

from mib.adam import Adam


def gradients(parameters: list[Tensor], step: int) -> list[Tensor | None]:
    """Large and tiny ones, zeros, and none at all now and then."""
    generator = torch.Generator().manual_seed(step)
    drawn = [torch.randn(p.shape, generator=generator, dtype=torch.float64) for p in parameters]
    scaled = [(x * 10.0 ** (4 * (step % 3) - 6) * (x > -1)).to(p) for x, p in zip(drawn, parameters, strict=True)]
    return [None if (step + index) % 5 == 4 else gradient for index, gradient in enumerate(scaled)]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.AdamW])
def test_it_does_what_torch_does_to_the_bit(dtype: torch.dtype, maximize: bool, kind: type[torch.optim.Adam]) -> None:
    start = torch.linspace(-2, 3, 12, dtype=dtype)
    ours, theirs = ([start.clone().view(3, 4).requires_grad_(), start.clone().requires_grad_()] for _ in range(2))
    own = Adam(ours[:1], 0.05, (ours[1:], 0.001), maximize=maximize)
    groups = [{"params": theirs[:1], "lr": 0.05}, {"params": theirs[1:], "lr": 0.001}]
    other = kind(groups, weight_decay=0.0, maximize=maximize)
    for step in range(300):
        own.zero_grad()
        assert all(parameter.grad is None for parameter in ours)
        for parameters in (ours, theirs):
            for parameter, gradient in zip(parameters, gradients(parameters, step), strict=True):
                parameter.grad = gradient
        own.step()
        other.step()
        assert all(map(torch.equal, ours, theirs))
    assert not torch.equal(ours[1], start)


def test_masks_and_rotations_are_learned_without_torch_s_compiler() -> None:
    code = """
import sys, torch, mib
from mib.metrics import LogitDifference
from tests.mib.small_models import random_model
ids = torch.arange(8).view(4, 2) % 7
metric = LogitDifference.at_position(torch.zeros(2).long(), torch.ones(2).long(), n_positions=2)
task = mib.LocalizationTask(model=random_model(), clean=ids[:2], counterfactual=ids[2:], metric=metric)
for name in ("ugs", "edge-pruning", "subnetwork-probing", "optimal-ablation"):
    mib.localization.get(name)(task, steps=1)
print("torch._dynamo" in sys.modules)
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.stdout.strip() == "False", done.stderr
