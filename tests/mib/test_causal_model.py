"""One protocol for causal models: a hypothesis of a task and the program of a compiled model."""

from typing import Any

import pytest

import groundtruth
from groundtruth.truth.variables.rasp_causal_model import CausalModel as ProgramModel
from mib import tasks
from mib.causal_model import CausalModel

HYPOTHESES = [
    name for name in tasks.names() if tasks.get(name).causal_model is not None and tasks.get(name).draw is not None
]


def laws(model: CausalModel[Any, Any], base: Any, other: Any, taken: Any) -> None:
    """What holds of every causal model.

    Args:
        model: The model.
        base: An input.
        other: Another input.
        taken: Makes the source of an input.
    """
    assert isinstance(model, CausalModel)
    clean, swapped = model.run(base), model.run(other)
    assert set(clean) == set(model.variables) and model.output in clean
    assert model.interchange(base, {}) == clean
    for name in model.variables:  # swapped for its own value, nothing changes; the output for another's, it is that one
        assert model.interchange(base, {name: taken(base)}) == clean
    assert model.interchange(base, {model.output: taken(other)})[model.output] == swapped[model.output]


@pytest.mark.parametrize("name", HYPOTHESES)
def test_a_hypothesis_of_a_task_is_a_causal_model(name: str) -> None:
    task = tasks.get(name)
    example = next(e for e in task.generate(20) if task.default_family in e.counterfactuals)
    assert task.causal_model is not None
    laws(task.causal_model, example.variables, example.counterfactual(task.default_family).variables, lambda run: run)


def test_the_program_of_a_compiled_model_is_a_causal_model() -> None:
    program: CausalModel[Any, Any] = ProgramModel(groundtruth.load("reverse"))
    laws(program, (1, 2, 3), (3, 1, 1), lambda tokens: (tokens, None))


def test_what_has_no_interchange_is_none() -> None:
    assert not isinstance(tasks.get("ioi"), CausalModel)
