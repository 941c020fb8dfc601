"""Logits that a metric says it does not read are not computed, and no measurement or score is another for it."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import mib
import mib.localization.task
from mib.engine.metric import first_position
from mib.errors import TaskError
from mib.localization.objectives import positions_read
from mib.metrics import KLDivergence, LogitDifference
from mib.metrics.faithfulness import areas
from mib.metrics.probability_difference import ProbabilityDifference
from tests.mib.checkpoints import ARCHITECTURES, make_checkpoint

N, LENGTH, FIRST = 3, 8, 6
TOKENS = torch.randint(4, 60, (2 * N, LENGTH), generator=torch.Generator().manual_seed(0))
PADDED = torch.ones(N, LENGTH, dtype=torch.bool)
PADDED[0, :3] = False
READ = torch.arange(LENGTH).expand(N, -1) >= torch.tensor([[6], [7], [7]])
FEW: dict[str, Any] = {"steps": 3, "rounds": 1, "proposals": 4, "thresholds": (0.1,)}
CASES = [(level, name) for name in mib.localization.names() for level in mib.localization.get(name).levels]


@dataclass(frozen=True)
class Silent:
    """A metric that does not say what it reads."""

    metric: Callable[..., torch.Tensor]

    def __call__(self, logits: torch.Tensor, examples: torch.Tensor) -> torch.Tensor:
        return self.metric(logits, examples)


@pytest.fixture(autouse=True)
def _small_models_skip_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mib.localization.task, "WORTH_SKIPPING", 1)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> mib.LoadedModel:
    return mib.load_model(
        make_checkpoint(tmp_path_factory.mktemp("llama"), "llama", num_hidden_layers=2), dtype="float64"
    )


def difference() -> LogitDifference:
    answers = torch.arange(5, 5 + N)[:, None].expand(-1, LENGTH)
    return LogitDifference(answers, answers + 10, READ)


def divergence(model: mib.LoadedModel) -> KLDivergence:
    return KLDivergence(model.anatomy.logits(TOKENS[:N], PADDED), READ)


def task(model: Any, metric: Any, **more: Any) -> mib.LocalizationTask:
    return mib.LocalizationTask(
        model=model, clean=TOKENS[:N], counterfactual=TOKENS[N:], metric=metric, attention_mask=PADDED, **more
    )


def pair(model: mib.LoadedModel, metric: Any, **more: Any) -> tuple[mib.LocalizationTask, mib.LocalizationTask]:
    """A task that leaves logits out, and one that cannot."""
    frugal, whole = task(model, metric, **more), task(model, Silent(metric), **more)
    assert (frugal.engine.anatomy.unread, whole.engine.anatomy.unread) == (FIRST, 0)
    return frugal, whole


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_what_is_read_is_as_it_was_and_the_rest_is_no_number(architecture: str, checkpoints: dict[str, Path]) -> None:
    frugal, whole = pair(mib.load_model(checkpoints[architecture], dtype="float64"), difference())
    every = torch.ones(1, *frugal.graph.edge_mask.shape, dtype=torch.bool)
    inputs = torch.arange(N)
    for logits in (
        lambda engine: engine.logits(inputs),
        lambda engine: engine.run(every, inputs, inputs + N),
        lambda engine: engine.run(~every, inputs, inputs + N),
        lambda engine: engine.trace(inputs).logits.detach(),
        lambda engine: engine.run_single_cuts(["input->logits", "m0->m1"], inputs, inputs + N),
    ):
        found, wanted = logits(frugal.engine), logits(whole.engine)
        torch.testing.assert_close(found[..., FIRST:, :], wanted[..., FIRST:, :], atol=1e-12, rtol=0)
        assert found[..., :FIRST, :].isnan().all()
        assert wanted.isfinite().all()


@pytest.mark.parametrize(("level", "name"), CASES)
def test_every_method_scores_as_it_did(level: Any, name: str, llama: mib.LoadedModel) -> None:
    method = mib.localization.get(name)
    known = inspect.signature(method.function).parameters
    given = {key: value for key, value in FEW.items() if key in known}
    found, wanted = (method(one, **given).values for one in pair(llama, difference(), level=level))
    np.testing.assert_allclose(found, wanted, atol=1e-9 * np.nanmax(np.abs(wanted)), rtol=0)


@pytest.mark.parametrize(("memory", "names"), [(2**30, ("eap-ig-inputs", "acdc")), (2**16, ("eap-ig-inputs",))])
def test_gradients_through_a_divergence_are_numbers(
    memory: int, names: tuple[str, ...], llama: mib.LoadedModel
) -> None:
    frugal, whole = pair(llama, divergence(llama), memory=memory)
    for name in names:
        few = {"thresholds": (0.1,)} if name == "acdc" else {"steps": 3}
        found, wanted = (mib.localization.get(name)(one, **few).values for one in (frugal, whole))
        np.testing.assert_allclose(found, wanted, atol=1e-9 * np.nanmax(np.abs(wanted)), rtol=0)


@pytest.mark.parametrize("metric", [lambda _: difference(), divergence])
def test_which_positions_are_read_is_seen_all_the_same(
    metric: Callable[[mib.LoadedModel], Any], llama: mib.LoadedModel
) -> None:
    for one in pair(llama, metric(llama)):
        assert positions_read(one).tolist() == READ.tolist()


def test_areas_are_the_same(llama: mib.LoadedModel) -> None:
    frugal, whole = pair(llama, difference())
    scores = mib.localization.get("eap")(whole)
    found, wanted = (areas(one, scores) for one in (frugal, whole))
    assert found.cpr.value == pytest.approx(wanted.cpr.value, abs=1e-9)
    assert found.cmd.value == pytest.approx(wanted.cmd.value, abs=1e-9)


def test_metrics_say_from_where_on_they_read() -> None:
    last = LogitDifference.at_position(torch.tensor([5]), torch.tensor([8]), n_positions=LENGTH)
    answers = ProbabilityDifference(torch.tensor([5, 6]), torch.tensor([[True, False]]))
    assert [first_position(metric, LENGTH) for metric in (last, answers, difference(), Silent(last))] == [7, 7, 6, 0]


def test_small_models_leave_nothing_out(llama: mib.LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mib.localization.task, "WORTH_SKIPPING", 2**16)
    assert task(llama, difference()).engine.anatomy.unread == 0


def test_another_metric_of_the_same_parts_reads_all_that_it_needs(llama: mib.LoadedModel) -> None:
    frugal, whole = pair(llama, difference())
    again = task(frugal.engine.anatomy, Silent(difference()))
    torch.testing.assert_close(again.engine.logits(torch.arange(N)), whole.engine.logits(torch.arange(N)))


def test_a_metric_that_reads_what_it_says_it_does_not_is_found_out(llama: mib.LoadedModel) -> None:
    class Liar(Silent):
        first_position = -1

    answers = torch.full((N, LENGTH), 5)
    everywhere = LogitDifference(answers, answers + 3, torch.ones_like(READ))
    with pytest.raises(TaskError, match="Liar is nan on the clean input of example 0. It says that it reads no logits"):
        task(llama, Liar(everywhere))
