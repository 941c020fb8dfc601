"""Gradients and changes taken a step at a time are those taken at once, and take the memory that they are given."""

from pathlib import Path
from typing import Any

import pytest
import torch

import mib
from mib.engine.checkpointed_backward import CheckpointedBackward
from mib.engine.gradients import trace
from mib.engine.source_changes import InMemoryChanges, StreamingChanges
from mib.graph import Graph
from mib.localization.methods.bootstrap_ilp import consistent_scores
from mib.metrics import LogitDifference
from mib.models.adapters import decompose
from mib.models.adapters.anatomy import Anatomy
from tests.mib.checkpoints import ARCHITECTURES
from tests.mib.small_models import random_model

N, LENGTH = 4, 6
KINDS = (*ARCHITECTURES, "parallel", "bidirectional")
CLOSE: dict[str, Any] = {"atol": 1e-10, "rtol": 1e-8}
GRADIENTS = ("eap", "eap-ig-inputs", "clean-corrupted", "eap-ig-activations", "relp", "hisp")
METHODS = (*GRADIENTS, "ifr", "activation-norm")


@pytest.fixture(scope="module", params=KINDS)
def anatomy(request: pytest.FixtureRequest, checkpoints: dict[str, Path]) -> Anatomy:
    if request.param in ARCHITECTURES:
        return mib.load_model(checkpoints[request.param], dtype="float64").anatomy
    return decompose(random_model(parallel=request.param == "parallel", causal=request.param == "parallel", n_layers=3))


def tokens() -> torch.Tensor:
    return torch.randint(7, (2 * N, LENGTH), generator=torch.Generator().manual_seed(0))


def mask() -> torch.Tensor:
    real = torch.ones(N, LENGTH, dtype=torch.bool)
    real[0, :3] = False
    return real


def loss(logits: torch.Tensor) -> torch.Tensor:
    weights = torch.randn(logits.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return (logits.tanh() * weights)[mask()].sum()


def visited(into: dict[int, torch.Tensor]) -> Any:
    return lambda step, gradient: into.__setitem__(step, gradient)


def test_each_step_s_gradients_are_those_of_one_backward_pass(anatomy: Anatomy) -> None:
    context = anatomy.context(tokens()[:N], mask())
    generator = torch.Generator().manual_seed(2)
    for first in range(0, 2 * anatomy.n_layers + 1, 2 if anatomy.parallel else 1):
        stream = torch.randn(N, LENGTH, anatomy.d_model, generator=generator, dtype=torch.float64)
        held, found = trace(anatomy, stream, context, first=first), dict[int, torch.Tensor]()
        expected, start = held.gradients_and_start(loss(held.logits))
        backward = CheckpointedBackward.of(anatomy, stream, context, first=first)
        torch.testing.assert_close(backward.back(loss, visited(found)), start, **CLOSE)
        assert list(found) == list(reversed(range(first, 2 * anatomy.n_layers + 1)))
        for step, gradient in enumerate(expected, first):
            torch.testing.assert_close(found[step], gradient, **CLOSE)


def test_gradients_around_each_step_are_carried_back(anatomy: Anatomy) -> None:
    context = anatomy.context(tokens()[:N], mask())
    stream = anatomy.embed(tokens()[:N]) + anatomy.position(tokens()[:N], mask())
    held, found = trace(anatomy, stream, context), dict[int, torch.Tensor]()
    generator = torch.Generator().manual_seed(3)
    around = [torch.randn(x.shape, generator=generator, dtype=torch.float64) for x in held.around]
    expected = held.pulled_back(around)
    CheckpointedBackward.of(anatomy, stream, context).pull_back(around, visited(found))
    for step, gradient in found.items():
        torch.testing.assert_close(gradient, expected[step], **CLOSE)
    assert sorted(found) == list(range(2 * anatomy.n_layers))
    assert not expected[-1].any()


@pytest.mark.parametrize("ablation", mib.engine.ABLATIONS)
def test_streaming_changes_are_those_in_memory(anatomy: Anatomy, ablation: Any) -> None:
    pos = anatomy.position_embedding is not None
    graph = Graph(anatomy.n_layers, anatomy.n_heads, anatomy.d_model, parallel=anatomy.parallel, pos=pos)
    constants = torch.randn(len(graph.sources), anatomy.d_model).double() if ablation == "optimal" else None
    engine = mib.Engine(anatomy, tokens(), graph=graph, ablation=ablation, constants=constants)
    clean, other = torch.arange(N), torch.arange(N) + N
    held = InMemoryChanges(engine.columns, engine.differences(clean, other))
    streamed = engine.streaming_changes(clean, other)
    assert isinstance(streamed, StreamingChanges)
    for step in range(-1, engine.columns.n_sublayers - 1):
        torch.testing.assert_close(streamed.of(step), held.of(step), **CLOSE)
    for step in range(engine.columns.n_sublayers):
        parts = [(rows.start, rows.stop, change) for rows, change in streamed.before(step)]
        assert [start for start, *_ in parts] == [0, *(stop for _, stop, _ in parts[:-1])]
        ((_, whole),) = held.before(step)
        torch.testing.assert_close(torch.cat([change for *_, change in parts], dim=1), whole, **CLOSE)


def in_memory_and_streaming(
    anatomy: Anatomy, ablation: Any = "resample"
) -> tuple[mib.LocalizationTask, mib.LocalizationTask]:
    parts = {"clean": tokens()[:N], "counterfactual": tokens()[N:], "attention_mask": mask(), "ablation": ablation}
    metric = LogitDifference.at_position(torch.arange(N), torch.arange(N) + 1, n_positions=LENGTH)
    large = mib.LocalizationTask(model=anatomy, metric=metric, **parts)
    small = mib.LocalizationTask(model=anatomy, metric=metric, **parts, memory=2**16)
    assert (large.engine.must_stream, small.engine.must_stream) == (False, True)
    return large, small


@pytest.mark.parametrize("method", METHODS)
def test_methods_score_the_same_when_they_must_stream(anatomy: Anatomy, method: str) -> None:
    require_same_scores(anatomy, method, "resample")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("ablation", ["zero", "mean-positional"])
def test_so_they_do_under_other_ablations(method: str, ablation: Any) -> None:
    """On one model: that changes of each ablation stream as they should is shown above on every kind."""
    require_same_scores(decompose(random_model(n_layers=3)), method, ablation)


def require_same_scores(anatomy: Anatomy, method: str, ablation: Any) -> None:
    large, small = in_memory_and_streaming(anatomy, ablation)
    chosen = mib.localization.get(method)
    few = {"steps": 2} if "steps" in chosen.parameters else {}  # the last of them is the same as any in between
    wanted, got = (chosen(task, **few) for task in (large, small))
    torch.testing.assert_close(torch.from_numpy(got.flat), torch.from_numpy(wanted.flat), **CLOSE)
    assert small.engine.cost.backward == pytest.approx(large.engine.cost.backward)
    assert float(torch.from_numpy(wanted.flat).abs().max()) > 1e-3


def test_resampled_scores_are_the_same_when_they_must_stream(anatomy: Anatomy) -> None:
    large, small = in_memory_and_streaming(anatomy)
    given: dict[str, Any] = {"steps": 2, "resamples": 5, "confidence": 0.5}
    wanted, got = (consistent_scores(task, **given) for task in (large, small))
    torch.testing.assert_close(torch.from_numpy(got.flat), torch.from_numpy(wanted.flat), **CLOSE)
    assert 0 < (wanted.flat != 0).mean() < 1
