"""Why a featurizer is wrong: known subspaces are told for what they are, and failing pairs are the program's."""

import json
from dataclasses import asdict

import pytest
import torch

import groundtruth
from groundtruth.cli import main
from groundtruth.evaluation.variables.variable_diagnosis import VariableDiagnosis, diagnose_variable
from groundtruth.evaluation.variables.variable_evaluator import VariableEvaluator
from groundtruth.results.cell_settings import Sizes
from mib.featurization import FeaturizationTask, Featurizer, as_featurizer

PLACE = ("opposite", "residual.2.post")
SMALL = Sizes(60, 20, 60)


@pytest.fixture(scope="module")
def evaluator() -> VariableEvaluator:
    return VariableEvaluator.of(groundtruth.load("reverse"), *PLACE, controls=False, sizes=SMALL, dtype=torch.float64)


def diagnosis(evaluator: VariableEvaluator, columns: torch.Tensor) -> VariableDiagnosis:
    def given(task: FeaturizationTask) -> Featurizer:
        """A subspace that is known."""
        return Featurizer.subspace(columns)

    return diagnose_variable(as_featurizer(given), evaluator)


def test_the_exact_subspace_has_nothing_to_explain(evaluator: VariableEvaluator) -> None:
    live = evaluator.landscape.live
    turn = torch.linalg.qr(
        torch.randn(live.shape[1], live.shape[1], generator=torch.Generator().manual_seed(0)).double()
    )
    found = diagnosis(evaluator, live @ turn[0])
    assert [one.cosine for one in found.directions] == pytest.approx([1.0] * live.shape[1])
    assert {one.holds[0][0] for one in found.directions} == {"opposite"}
    assert found.failed == () and found.scores.method == "given"


def test_directions_are_turned_so_that_the_closest_comes_first(evaluator: VariableEvaluator) -> None:
    own, other = evaluator.landscape.live[:, :1], evaluator.landscape.others[:, :1]
    mixed = torch.cat((own - other, own + other), dim=1) / 2**0.5
    assert [one.cosine for one in diagnosis(evaluator, mixed).directions] == pytest.approx([1.0, 0.0], abs=1e-6)


@pytest.mark.parametrize("part", ["others", "dormant", "dead", "null"])
def test_what_lies_outside_the_variable_is_told_for_what_it_is(evaluator: VariableEvaluator, part: str) -> None:
    space = getattr(evaluator.landscape, part)
    if not space.shape[1]:
        pytest.skip(f"no {part} directions at this site")
    mixed = (evaluator.landscape.live[:, :1] + 3**0.5 * space[:, :1]) / 2  # at 60 degrees to the variable
    (direction,) = diagnosis(evaluator, mixed).directions
    assert direction.cosine == pytest.approx(0.5)
    others = {name: 0.75 if name == part else 0.0 for name in ("others", "dormant", "dead", "null")}
    assert asdict(direction.energy) == pytest.approx({"live": 0.25, **others}, abs=1e-9)


def test_failing_pairs_are_those_that_a_no_op_gets_wrong_in_the_programs_words(evaluator: VariableEvaluator) -> None:
    found = diagnosis(evaluator, evaluator.landscape.null[:, :0])
    task, model = evaluator.task, evaluator.model
    assert found.directions == ()
    isolates = task.isolates[task.split.test] if task.isolates is not None else torch.zeros(60)
    assert sum(pair.n_wrong for pair in found.failed) == int((~isolates.bool()).sum())
    counts = [pair.n_wrong for pair in found.failed]
    assert counts == sorted(counts, reverse=True) and all(pair.n_wrong <= pair.n_pairs for pair in found.failed)
    for pair in found.failed:
        own = model.run(pair.base)
        assert list(pair.given) == list(own) != list(pair.expected)  # nothing was swapped
        assert not pair.isolation and pair.values[0] != pair.values[1]
        (before,), (after,) = pair.values
        program = opposites(pair.base), opposites(pair.source)
        assert before in program[0] and after in program[1]


def opposites(tokens: tuple[int, ...]) -> list[int]:
    """What ``opposite`` is, by hand: the place from the other end."""
    return [len(tokens) - 1 - place for place in range(len(tokens))]


def test_the_command_tells_it_and_refuses_what_is_about_edges(capsys: pytest.CaptureFixture[str]) -> None:
    place = "reverse:opposite@residual.2.post"
    with pytest.raises(SystemExit) as done:
        main(["why", "no-op", place, "--json"])
    assert done.value.code in (0, None)
    data = json.loads(capsys.readouterr().out)
    assert data["scores"]["method"] == "no-op" and data["directions"] == [] and data["failed"]
    with pytest.raises(SystemExit) as done:
        main(["why", "no-op", place, "--ablation", "zero"])
    assert done.value.code == 2
    assert (
        capsys.readouterr().err == f"error: --ablation is about edges, and '{place}' names a variable. Leave it out.\n"
    )
