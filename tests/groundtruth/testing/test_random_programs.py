"""What is drawn is within its bounds and proven; what fails is shrunk to the smallest program and can be repeated."""

import re

import pytest
from hypothesis import HealthCheck, Phase, find, given, seed, settings

from groundtruth.errors import ProgramError
from groundtruth.specs import find_model
from groundtruth.testing.random_programs import (
    compiled_models,
    featurization_tasks,
    localization_tasks,
    programs,
    shared_models,
)

FEW = settings(max_examples=8, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
SEARCH = settings(FEW, max_examples=100, phases=[Phase.generate, Phase.shrink])


@FEW
@given(compiled_models(depth=(2, 3), vocab=(2, 2), length=(3, 3), live=(4, 40), causal=False))
def test_models_are_proven_and_within_bounds(model):
    assert 2 <= model.weights.n_layers <= 3
    assert (len(model.domain.vocab), model.domain.max_seq_len, model.causal) == (2, 3, False)
    assert model.check.exhaustive
    circuit = model.circuit()
    assert 4 <= len(circuit.edges) <= 40
    assert circuit.counts["undecided"] == 0


def test_a_program_that_comes_again_is_proven_once_and_each_user_has_a_module_of_their_own():
    def drawn(models):
        found = []

        @seed(0)
        @settings(FEW, max_examples=2, phases=[Phase.generate])
        @given(models)
        def keep(model):
            found.append(model)

        keep()
        return found

    again = [*drawn(shared_models(depth=(1, 1))), *drawn(shared_models(depth=(1, 1)))]
    assert len(again) == 4 and len(set(map(id, again))) == 2
    given_away = drawn(compiled_models(depth=(1, 1)))
    assert [model.name for model in given_away] == [model.name for model in again[:2]]
    first, other, anew = (
        models[0].transformer.state_dict() for models in (given_away, again, drawn(compiled_models(depth=(1, 1))))
    )
    for weight in first.values():
        weight.zero_()
    assert any(weight.any() for weight in other.values()) and any(weight.any() for weight in anew.values())
    assert given_away[0].circuit() is again[0].circuit()


@FEW
@given(programs(depth=(1, 2)))
def test_programs_say_what_they_are(program):
    assert program.rasp_source.startswith(f"def {program.name}():")
    assert program.family == "generated"


@FEW
@given(localization_tasks(depth=(1, 2), n_pairs=16))
def test_localization_tasks_can_be_scored(task):
    from mib.localization import get

    assert len(task) <= 16
    assert get("exact")(task).require_complete()


@settings(FEW, max_examples=3)
@given(featurization_tasks(depth=(1, 2), length=(2, 3)))
def test_featurization_tasks_can_be_learned_from(task):
    from mib.featurization import get

    assert get("full-vector")(task)
    assert len(task.split.train) and len(task.split.test)


def test_the_smallest_program_of_a_kind_is_found():
    moving = find(programs(depth=(1, 3)), lambda program: "aggregate(" in program.rasp_source, settings=SEARCH)
    body = moving.rasp_source.splitlines()[2:]
    assert len(body) == 2, moving.rasp_source  # one variable, and what is returned
    assert (len(moving.domain.vocab), moving.domain.max_seq_len) == (2, 2)


def test_a_failure_prints_the_program_and_its_code():
    @settings(FEW, max_examples=10)
    @given(programs(depth=(1, 2)))
    def never_counts(program):
        assert "count(" not in program.rasp_source

    with pytest.raises(AssertionError) as failure:
        never_counts()
    told = "\n".join(failure.value.__notes__)
    assert "count(" in told and "def g" in told
    code = re.search(r"groundtruth show (gen:\w+)", told)[1]
    assert "count(" in find_model(code).rasp_source


def test_bounds_that_are_none_are_refused_at_once():
    with pytest.raises(ProgramError, match=r"depth=\(4, 2\) is no range"):
        compiled_models(depth=(4, 2))
