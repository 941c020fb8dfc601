"""What a run wrote is what a run of its own would write, to the bit, so that no input is run twice."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import mib
from mib.engine.checkpointed_backward import CheckpointedBackward
from mib.engine.gradients import trace
from mib.engine.single_cuts import FullRun
from mib.engine.source_changes import CompactOutputs, KnownOutputs, embedded
from mib.localization.frozen_parts import with_frozen_norms
from mib.localization.methods.atp_star import leave_out
from mib.localization.methods.gim import with_modified_gradients
from mib.localization.methods.relp import with_rules
from mib.metrics import LogitDifference
from mib.models.adapters import decompose
from mib.models.adapters.anatomy import Anatomy
from mib.models.adapters.parts import Attention, Norm, normalise_shared
from tests.mib.checkpoints import ARCHITECTURES
from tests.mib.small_models import random_model

N, LENGTH = 4, 6
THROUGH: dict[str, Callable[[Anatomy], Anatomy]] = {
    "own": lambda anatomy: anatomy,
    "gim": lambda anatomy: with_modified_gradients(anatomy, 2.0),
    "relp": with_rules,
    "frozen norms": lambda anatomy: with_frozen_norms(anatomy, Attention),
    "atp-star": lambda anatomy: leave_out(anatomy, 0),
}


@pytest.fixture(scope="module", params=(*ARCHITECTURES, "parallel"))
def anatomy(request: pytest.FixtureRequest, checkpoints: dict[str, Path]) -> Anatomy:
    if request.param == "parallel":
        return decompose(random_model(parallel=True, causal=True, n_layers=3))
    return mib.load_model(checkpoints[request.param], dtype="float32").anatomy


def tokens() -> torch.Tensor:
    return torch.randint(7, (N, LENGTH), generator=torch.Generator().manual_seed(0))


def assert_same(found: CompactOutputs, wanted: CompactOutputs, anatomy: Anatomy) -> None:
    assert torch.equal(found.write_out(anatomy), wanted.write_out(anatomy))
    assert torch.equal(found.final, wanted.final)


@pytest.mark.parametrize("through", THROUGH)
def test_runs_for_gradients_write_what_a_plain_run_writes(anatomy: Anatomy, through: str) -> None:
    plain = CompactOutputs.of(anatomy, tokens(), None, pos=False)
    start = anatomy.embed(tokens()) + anatomy.position(tokens()), anatomy.context(tokens())
    embeddings, other = embedded(anatomy, tokens(), None, pos=False), THROUGH[through](anatomy)
    assert_same(trace(other, *start).written(embeddings), plain, anatomy)
    assert_same(trace(other, *start, split=False).written(embeddings), plain, anatomy)
    assert_same(CheckpointedBackward.of(other, *start).written(embeddings), plain, anatomy)


def test_full_runs_and_kept_logits_are_those_of_a_plain_run(anatomy: Anatomy) -> None:
    plain = CompactOutputs.of(anatomy, tokens(), None, pos=False)
    assert_same(FullRun.of(anatomy, tokens(), None, pos=False).written, plain, anatomy)
    engine = mib.Engine(anatomy, tokens())
    assert torch.equal(engine.logits(torch.tensor([2, 0, 2])), anatomy.logits(tokens())[[2, 0, 2]])
    before = engine.cost.forward
    assert torch.equal(engine.logits(), anatomy.logits(tokens()))
    assert torch.equal(engine.outputs(torch.arange(N)), plain.write_out(anatomy))
    # Two of the four inputs had been run, and are unembedded; the others are run.
    assert engine.cost.forward - before == pytest.approx(2 + 2 * engine.columns.share(2 * anatomy.n_layers))


@pytest.mark.parametrize(
    ("runs", "clean", "other"),
    [
        ([[0, 1], [2, 3]], [0, 1], [2, 3]),  # a run each
        ([[0], [1], [2, 3]], [0, 1], [2, 3]),  # of several runs
        ([[0, 1], [2, 3]], [1, 0], [2, 3]),  # in another order than they were run
        ([[0, 1], [2, 3]], [0, 3], [2, 1]),  # each begins as a run does
        ([[0, 1]], [0, 1, 0], [3, 2, 2]),  # some run for it, with repetitions
        ([[0, 1, 3], [0, 2]], [0, 1, 3], [0, 2, 2]),  # two runs that begin with one input
        ([], [3, 1], [0, 1]),
    ],
)  # fmt: skip
def test_changes_are_differences_of_outputs_however_these_became_known(
    anatomy: Anatomy, runs: list[list[int]], clean: list[int], other: list[int]
) -> None:
    plain = CompactOutputs.of(anatomy, tokens(), None, pos=False).write_out(anatomy)
    wanted, used = plain[other] - plain[clean], {*clean, *other}
    engine, *rest = mib.Engine(anatomy, tokens()), torch.tensor(clean), torch.tensor(other)
    for run in map(torch.tensor, runs):
        ran = CompactOutputs.of(anatomy, tokens()[run], None, pos=False)
        engine.differences(run, run, known=KnownOutputs(ran, ran))
    torch.testing.assert_close(engine.differences(*rest), wanted)
    assert torch.equal(engine.differences(*rest), engine.outputs(rest[1]) - engine.outputs(rest[0]))
    assert torch.equal(engine.differences(*rest), engine.outputs(rest[1]) - engine.outputs(rest[0]))  # written out
    assert engine.cost.forward == len(used - {i for run in runs for i in run})
    torch.testing.assert_close(engine.outputs(torch.arange(N)), plain)


def test_each_head_has_a_gradient_of_its_own_where_all_read_one_stream(anatomy: Anatomy) -> None:
    attention, context = anatomy.blocks[0].attention, anatomy.context(tokens())
    stream = torch.randn(N, 1, LENGTH, anatomy.d_model, generator=torch.Generator().manual_seed(1))
    shared = stream.to(anatomy.W_U).expand(-1, anatomy.n_heads, -1, -1).requires_grad_()
    copied = shared.detach().clone().requires_grad_()  # multiplied a head at a time
    for project in (attention.queries, attention.keys):
        one, other = project(shared, context), project(copied, context)
        weights = torch.randn(one.shape, generator=torch.Generator().manual_seed(2)).to(one)
        torch.testing.assert_close(one, other)
        gradients = (torch.autograd.grad((y * weights).sum(), x)[0] for y, x in ((one, shared), (other, copied)))
        torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_one_layer_norm_for_all_heads_is_that_of_each_to_the_bit(dtype: torch.dtype, affine: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    weight, bias = torch.randn(2, 8, generator=generator).to(dtype) if affine else (None, None)
    norm = Norm("layer", weight, bias, 1e-5)
    one = torch.randn(N, 1, LENGTH, 8, generator=generator).to(dtype)
    upstream = torch.randn(N, 3, LENGTH, 8, generator=generator).to(dtype)
    shared = one.expand(-1, 3, -1, -1).requires_grad_()
    copied = shared.detach().clone().requires_grad_()
    assert torch.equal(normalise_shared(norm, shared), norm(copied))
    found, wanted = (
        torch.autograd.grad((y * upstream).sum(), x)[0]
        for y, x in ((normalise_shared(norm, shared), shared), (norm(copied), copied))
    )
    assert torch.equal(found, wanted) and not torch.equal(found[:, 0], found[:, 1])


def test_padding_decides_whether_cutting_everything_runs_the_counterfactual() -> None:
    anatomy = decompose(random_model(causal=True, n_layers=1))
    metric = LogitDifference.at_position(torch.zeros(N).long(), torch.ones(N).long(), n_positions=LENGTH)
    task = mib.LocalizationTask(model=anatomy, clean=tokens(), counterfactual=tokens().flip(0), metric=metric)
    mask = torch.ones(N, LENGTH, dtype=torch.bool)
    other = mask.clone()
    other[0, 0] = False
    assert task.cuts_to_counterfactual
    assert not replace(task, ablation="zero").cuts_to_counterfactual
    assert replace(task, attention_mask=mask, counterfactual_mask=mask.clone()).cuts_to_counterfactual
    assert not replace(task, attention_mask=mask, counterfactual_mask=other).cuts_to_counterfactual
