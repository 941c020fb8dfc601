"""Work is cut so that it fits into the memory that a task is given, and does not leave most of it unused."""

import importlib.util
import sys
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import mib
from mib.engine.row_batches import Work, bytes_of_a_row
from mib.engine.source_changes import CompactOutputs, KnownOutputs
from mib.localization.methods.bootstrap_ilp import consistent_scores
from mib.metrics import LogitDifference
from mib.models.adapters import decompose
from mib.models.adapters.anatomy import Anatomy
from tests.mib.small_models import random_model

LENGTH, EXAMPLES = 16, 6
SIZES: dict[str, Any] = {"n_heads": 8, "d_model": 64, "d_head": 8, "d_mlp": 128, "n_context": LENGTH, "causal": True}
METHODS = ("eap", "eap-ig-inputs", "clean-corrupted", "eap-ig-activations", "relp", "hisp", "activation-norm")


class Watch(TorchDispatchMode):
    """Counts the bytes of all tensors that are made while it is on, and notes the most that lived at once."""

    def __init__(self) -> None:
        super().__init__()
        self.alive, self.peak, self._known = 0, 0, set[int]()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        given = {x.untyped_storage()._cdata for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)}
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor) and tensor.untyped_storage()._cdata not in self._known | given:
                storage = tensor.untyped_storage()
                self._known.add(storage._cdata)
                self.alive += storage.nbytes()
                weakref.finalize(storage, self._gone, storage._cdata, storage.nbytes())
        self.peak = max(self.peak, self.alive)
        return result

    def _gone(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.alive -= size


def test_the_watch_sees_what_lives_at_once() -> None:
    with Watch() as watch:
        first = torch.zeros(1000, dtype=torch.uint8)
        view = first.view(10, 100)
        del first
        second = view + 1
        del view
        third = second + 1
        del second, third
    assert (watch.peak, watch.alive) == (2000, 0)


@pytest.fixture(scope="module")
def anatomy() -> Anatomy:
    return decompose(random_model(n_layers=4, dtype=torch.float32, **SIZES))


def law(anatomy: Anatomy, work: Work) -> int:
    return bytes_of_a_row(anatomy, anatomy.graph(), LENGTH, work=work)


def task(anatomy: Anatomy, memory: int) -> mib.LocalizationTask:
    inputs = torch.randint(7, (2 * EXAMPLES, LENGTH), generator=torch.Generator().manual_seed(0))
    metric = LogitDifference.at_position(torch.zeros(EXAMPLES).long(), torch.ones(EXAMPLES).long(), n_positions=LENGTH)
    return mib.LocalizationTask(
        model=anatomy, clean=inputs[:EXAMPLES], counterfactual=inputs[EXAMPLES:], metric=metric, memory=memory
    )


@pytest.mark.parametrize(("work", "rows"), [("gradients", 6), ("checkpointed", 3)])
def test_methods_stay_within_their_memory_and_the_dearest_uses_it(anatomy: Anatomy, work: Work, rows: int) -> None:
    memory = 2 * rows * law(anatomy, work)  # half of it is for work, half for what is kept between batches
    peaks: dict[str, int] = {}
    for method in METHODS:
        asked = task(anatomy, memory)
        assert asked.engine.must_stream == (work == "checkpointed")
        chosen = mib.localization.get(method)
        few = {"steps": 2} if "steps" in chosen.parameters else {}  # each takes the memory of the one before
        with Watch() as watch:
            chosen(asked, **few)
        peaks[method] = watch.peak
    assert memory / 5 < max(peaks.values()) < memory, peaks


def test_what_cutting_changes_is_found_without_room_for_the_outputs_of_all_inputs(anatomy: Anatomy) -> None:
    engine, batch = (asked := task(anatomy, 2**30)).engine, asked.everything
    known = KnownOutputs(
        *(CompactOutputs.of(anatomy, *engine.tokens(i), pos=False) for i in (batch.clean, batch.counterfactual))
    )
    with Watch() as watch:
        changes = engine.differences(batch.clean, batch.counterfactual, known=known)
    assert changes.nbytes <= watch.peak < 1.5 * changes.nbytes  # that of one input in two would be as much again
    with Watch() as watch:
        engine.outputs(batch.clean)
    assert watch.peak > 2 * changes.nbytes


@pytest.mark.parametrize(("work", "rows"), [("gradients", 6), ("checkpointed", 3)])
def test_so_do_norms_of_outputs_and_resampled_scores(anatomy: Anatomy, work: Work, rows: int) -> None:
    memory = 2 * rows * law(anatomy, work)
    with Watch() as alone:
        mib.localization.get("ifr")(task(anatomy, memory))
    with Watch() as resampled:
        consistent_scores(task(anatomy, memory), steps=2, resamples=10, confidence=0.9)
    assert alone.peak < memory / 4 and resampled.peak < memory


def test_circuit_runs_stay_within_their_memory(anatomy: Anatomy) -> None:
    memory = 2 * 8 * law(anatomy, "circuits")
    asked = task(anatomy, memory)
    batch, graph = asked.everything, asked.graph
    generator = torch.Generator().manual_seed(1)
    kept = torch.rand(2 * EXAMPLES, len(graph.sources), len(graph.destinations), generator=generator) < 0.5
    with Watch() as watch:
        asked.engine.measure(
            lambda logits, _: logits[:, -1, 0], kept, batch.clean.repeat(2), batch.counterfactual.repeat(2)
        )
    assert memory / 8 < watch.peak < memory


def test_streaming_takes_a_layer_s_memory_where_holding_takes_all_layers() -> None:
    """On one example: what grows with depth is a few residual streams, not gradients for every head."""
    peaks: dict[tuple[int, bool], int] = {}
    for n_layers in (2, 8):
        model = decompose(random_model(n_layers=n_layers, dtype=torch.float32, **SIZES))
        for memory in (1, 2**30):
            inputs = torch.randint(7, (2, LENGTH), generator=torch.Generator().manual_seed(0))
            metric = LogitDifference.at_position(torch.zeros(1).long(), torch.ones(1).long(), n_positions=LENGTH)
            asked = mib.LocalizationTask(
                model=model, clean=inputs[:1], counterfactual=inputs[1:], metric=metric, memory=memory
            )
            with Watch() as watch:
                mib.localization.get("eap")(asked)
            scores = 8 * asked.graph.edge_mask.size  # of the result, whatever the way
            peaks[n_layers, memory == 1] = watch.peak - 3 * scores
    assert peaks[8, False] > 2.5 * peaks[2, False]
    assert peaks[8, True] < 2 * peaks[2, True]
    assert peaks[8, True] < peaks[8, False] / 4


def test_the_page_says_what_the_law_says_of_llama() -> None:
    root = Path(__file__).parents[3]
    spec = importlib.util.spec_from_file_location("memory_benchmark", root / "benchmarks" / "memory.py")
    assert spec is not None and spec.loader is not None
    benchmark = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    llama = benchmark.model(benchmark.LLAMA, device="meta", dtype=torch.bfloat16)
    page, works = (root / "docs" / "memory.md").read_text(), ("gradients", "checkpointed", "circuits")
    one = [bytes_of_a_row(llama, llama.graph(), benchmark.LLAMA.positions, work=work) / 2**30 for work in works]
    for rows in (1, 2, 5, 10, 20):
        assert f"| {rows} | " + " | ".join(f"{rows * gib:.2f}" for gib in one) + " |" in page
