"""A task refuses parts that do not fit, and hands a method everything it needs."""

from dataclasses import FrozenInstanceError
from typing import Any

import pytest
import torch

import mib
from mib.errors import TaskError
from tests.mib.localization.test_methods import N, make_task


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ablation": "patching"}, "unknown ablation 'patching'.* Known: resample, zero"),
        ({"level": "edges"}, r"unknown level 'edges'. Did you mean: edge\? Known: edge, node, neuron"),
        ({"counterfactual": torch.zeros(N, 5, dtype=torch.long)}, r"clean has shape \(4, 6\), counterfactual \(4, 5\)"),
        ({"clean": torch.full((N, 6), 9)}, "token ids from 0 to 9; the model's vocabulary is 0 to 6"),
        ({"graph": mib.Graph(1, 2, 8)}, "does not fit the model, whose graph is"),
        (
            {"attention_mask": torch.ones(N, 5, dtype=torch.bool)},
            r"attention_mask has shape \(4, 5\); expected that of the inputs, \(4, 6\)",
        ),
        ({"counterfactual_mask": torch.ones(N, 6, dtype=torch.bool)}, "give both or neither"),
        ({"ablation": "optimal", "constants": None}, "constants=None, but the ablation is 'optimal'"),
        (
            {"ablation": "optimal", "constants": torch.full((7, 8), torch.nan)},
            "constants are not finite: give a number for every source",
        ),
        ({"metric": "logit difference"}, "metric is a str; expected a callable"),
        ({"clean": [[1, 2]]}, "clean is a list; expected a torch tensor of token ids"),
        ({"counterfactual": None}, "counterfactual is a NoneType; expected a torch tensor"),
        ({"clean": torch.zeros(N, 6)}, "clean has dtype torch.float32; expected token ids"),
        ({"attention_mask": [[1] * 6] * N}, "attention_mask is a list; expected a torch tensor"),
        (
            {"attention_mask": torch.full((N, 6), -1.0)},
            r"attention_mask holds -1.0 \(torch.float32\); expected 1 or True",
        ),
        ({"seed": 0.5}, "seed=0.5; expected an integer from 0 on"),
        ({"memory": -1}, "memory=-1; expected an integer from 1 on"),
    ],
)
def test_parts_that_do_not_fit_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(TaskError, match=message):
        make_task(**change)


def test_batches_cover_every_example_once_in_any_memory() -> None:
    for memory in (1, 10**5, 2 * 2**30):
        task = make_task(memory=memory)
        batches = list(task.batches())
        assert torch.cat([batch.examples for batch in batches]).tolist() == list(range(N))
        assert torch.equal(torch.cat([task.engine.inputs[batch.clean] for batch in batches]), task.clean)
        others = torch.cat([task.engine.inputs[batch.counterfactual] for batch in batches])
        assert torch.equal(others, task.counterfactual)


def test_a_generator_is_fresh_each_time_and_seeded() -> None:
    task, other = make_task(seed=3), make_task(seed=4)

    def draw(task: mib.LocalizationTask) -> float:
        return torch.rand(1, generator=task.generator()).item()

    assert draw(task) == draw(task) != draw(other)


def test_a_task_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        make_task().seed = 1  # type: ignore[misc]


def test_means_are_over_the_clean_inputs() -> None:
    task = make_task(ablation="mean-positional")
    mean = task.engine.ablated(None)
    assert mean is not None
    expected = task.engine.outputs(task.everything.clean).mean(0, keepdim=True)
    torch.testing.assert_close(mean, expected)
