"""Running only the positions that an interchange can change gives what running all of them gives."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

import mib
from mib.featurization import FeaturizationTask, Site
from mib.featurization.site_runs import Recording, record, resume
from tests.mib.checkpoints import ARCHITECTURES, WORDS

N, LENGTH, FIRST = 6, 9, 6
SITES = (
    Site.residual(0, "pre"),
    Site.residual(1, "mid"),
    Site.residual(1),
    Site.at_head(0, 1),
    Site.at_mlp(1),
    Site.residual(2),
)


def made(model: mib.LoadedModel, site: Site, *, at: int = FIRST, memory: int = 2**30) -> FeaturizationTask:
    """Pairs with padding on the left, of which some positions from ``at`` on are swapped."""
    generator = torch.Generator().manual_seed(3)
    base, source = torch.randint(4, len(WORDS), (2, N, LENGTH), generator=generator)
    mask = torch.arange(LENGTH) >= torch.arange(N)[:, None] % 4
    places = torch.stack([torch.randperm(LENGTH - at, generator=generator)[:2] + at for _ in range(N)])
    places[0, 0], places[0, 1] = at, LENGTH - 1
    return FeaturizationTask(
        model=model,
        site=site,
        base=base,
        source=source,
        expected=torch.zeros(N, LENGTH, dtype=torch.long),
        mask=torch.arange(LENGTH).expand(N, -1) == LENGTH - 1,
        base_positions=places,
        source_positions=places,
        base_attention_mask=mask,
        source_attention_mask=mask.flip(0),
        memory=memory,
    )


@pytest.fixture(scope="module", params=ARCHITECTURES)
def model(request: pytest.FixtureRequest, checkpoints: dict[str, Path]) -> mib.LoadedModel:
    return mib.load_model(checkpoints[request.param], dtype=torch.float64)


@pytest.mark.parametrize("site", SITES, ids=str)
def test_logits_and_gradients_are_those_of_all_positions(model: mib.LoadedModel, site: Site) -> None:
    task = made(model, site)
    assert task.pairs._prefix is not None
    assert task.pairs._prefix.first == FIRST
    examples = torch.tensor([5, 0, 3, 0])
    new = torch.randn(4, 2, task.width, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    short, long = new.clone().requires_grad_(), new.clone().requires_grad_()
    found = task.logits(examples, short)
    mask, where = task.base_attention_mask, task.pairs.base_positions[examples]
    assert mask is not None
    whole = record(task.anatomy, site, task.base[examples], mask[examples])
    changed = whole.activation.scatter(1, where[..., None].expand_as(long), long)
    wanted = resume(task.anatomy, site, Recording(changed, whole.others), task.base[examples], mask[examples])
    torch.testing.assert_close(found, wanted, atol=1e-10, rtol=0)
    for logits in (found, wanted):
        logits.square().sum().backward()
    torch.testing.assert_close(short.grad, long.grad, atol=1e-9, rtol=0)
    assert long.grad is not None and float(long.grad.abs().max()) > 1e-3


def test_a_part_of_the_task_runs_as_in_the_whole(model: mib.LoadedModel) -> None:
    task = made(model, Site.residual(0))
    chosen = torch.tensor([4, 1])
    part = task.take(chosen)
    source = task.activations(chosen)[1]
    torch.testing.assert_close(part.logits(torch.tensor([0, 1]), source), task.logits(chosen, source))


@pytest.mark.parametrize(("at", "memory"), [(3, 2**30), (FIRST, 2**17)])
def test_all_positions_are_run_where_few_are_spared_or_nothing_more_fits(
    model: mib.LoadedModel, at: int, memory: int
) -> None:
    task = made(model, Site.residual(0), at=at, memory=memory)
    assert task.pairs._prefix is None
    generous = replace(task, memory=2**30)
    source = task.activations()[1]
    torch.testing.assert_close(task.logits(task.everything, source), generous.logits(task.everything, source))
