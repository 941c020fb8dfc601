"""Two results compared: what changed beyond chance, where, on which edges, and what is missing."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from groundtruth.bench import Failed, result_of
from groundtruth.bench.circuit_track import CIRCUITS
from groundtruth.cli import main
from groundtruth.errors import DomainError
from groundtruth.report.views.track_report import write_result
from groundtruth.results.compare_results import compare_results, worse_than
from groundtruth.results.result import Result
from groundtruth.results.thresholds import parse_limits
from tests.groundtruth.bench.cell_makers import circuit_cell
from tests.groundtruth.results.test_results import row
from tests.groundtruth.results.test_variable_results import result as variable_result
from tests.groundtruth.results.test_variable_results import row as variable_row

MODELS = ("hist", "reverse", "sort", "rotate", "copy_first", "contains_x")


def scored(auroc: Callable[[str], float], cmd: float = 0.2, *, models: tuple[str, ...] = MODELS) -> Result:
    outcomes = [(circuit_cell("eap", model), row("eap", model, auroc(model), 0.7, cmd)) for model in models]
    return result_of(outcomes, seconds=1.0, seed=0, level="edge")


def test_what_is_the_same_has_not_changed() -> None:
    found = compare_results(scored(lambda _: 0.9), scored(lambda _: 0.9))
    assert (found.changes, found.edges, found.new, found.missing, found.n_shared) == ((), (), (), (), 6)


def test_a_change_on_every_model_is_told_and_one_on_some_this_way_on_some_that_way_is_not() -> None:
    after = scored(lambda model: 0.8 if model in MODELS[::2] else 0.98, cmd=0.5)
    found = compare_results(scored(lambda _: 0.9), after)
    assert {change.column for change in found.changes} == {"cmd", "mib_cmd"}
    (change,) = [change for change in found.changes if change.column == "cmd"]
    assert (change.before, change.after, change.worse, change.n_places) == (
        pytest.approx(0.2), pytest.approx(0.5), True, 6,
    )  # fmt: skip
    assert change.interval == (pytest.approx(0.3), pytest.approx(0.3))


def test_on_few_models_every_change_counts_and_the_largest_is_named_first() -> None:
    models = ("hist", "reverse")
    after = scored(lambda model: {"hist": 0.95, "reverse": 0.4}[model], models=models)
    found = compare_results(scored(lambda _: 0.9, models=models), after)
    (change,) = [change for change in found.changes if change.column == "auroc"]
    assert [name for name, _ in change.places] == ["reverse, resample", "hist, resample"]
    assert change.worse


def test_edges_cells_and_failures_that_came_and_went() -> None:
    before = scored(lambda _: 1.0)
    after = scored(lambda model: 0.9 if model == "hist" else 1.0, models=("hist", "reverse", "flip_halves"))
    broken = (circuit_cell("eap", "sort"), Failed("ValueError: no (x.py, line 1)"))
    after = replace(after, outcomes=(*after.outcomes, broken))
    found = compare_results(before, after)
    ((edge),) = found.edges
    assert (edge.place, edge.edge, edge.kind, edge.now) == ("hist", "input->a0.h0<q>", "missed", True)
    assert found.new == ("eap on flip_halves, resample",)
    assert found.failing == ("eap on sort, resample",)
    assert "eap on rotate, resample" in found.missing and "eap on sort, resample" not in found.missing
    assert worse_than(found, {}) == ["fails now: eap on sort, resample"]


def test_limits_are_of_the_mean_and_of_what_is_worse() -> None:
    found = compare_results(scored(lambda _: 0.9), scored(lambda _: 0.87, cmd=0.1))
    assert worse_than(found, {"auroc": 0.05, "cmd": 0.0}) == []
    (line,) = worse_than(found, {"auroc": 0.02})
    assert line == "worse: auroc of eap from 0.9000 to 0.8700 over 6 places, more than 0.02"


def test_results_that_share_no_cell_do_not_pass_for_unchanged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [
        write_result(scored(lambda _: 0.9, models=(model,)), tmp_path, model)[0] for model in ("hist", "copy_first")
    ]
    with pytest.raises(SystemExit) as done:
        main(["compare", *map(str, paths)])
    out = " ".join(capsys.readouterr().out.split())
    assert done.value.code == 0 and "Nothing changed" not in out and "Nothing can be compared." in out
    with pytest.raises(SystemExit) as done:
        main(["compare", *map(str, paths), "--fail-if-worse", "auroc=0.02"])
    told = capsys.readouterr()
    assert (done.value.code, told.out) == (2, "")
    assert "error: nothing to hold a limit against: the two results have no cell in common" in told.err


def test_a_method_that_is_gone_is_no_method_that_became_no_worse() -> None:
    own = [(circuit_cell("m.py:mine", model), row("m.py:mine", model, 0.9, 0.7, 0.2)) for model in MODELS]
    before = scored(lambda _: 0.9)
    before = replace(before, outcomes=(*before.outcomes, *own))
    found = compare_results(before, scored(lambda _: 0.9))
    assert worse_than(found, {"auroc": 0.02}) == [
        "gone: m.py:mine is in the first result, and has no score in the second"
    ]
    failed = [(cell, Failed("ValueError: no")) for cell, _ in own]
    found = compare_results(before, replace(before, outcomes=(*before.outcomes[: len(MODELS)], *failed)))
    assert {line.partition(":")[0] for line in worse_than(found, {"auroc": 0.02})} == {"fails now"}


def test_a_limit_that_nothing_is_held_to_is_an_error() -> None:
    found = compare_results(scored(lambda _: 0.9), scored(lambda _: 0.9))
    for column in ("passes", "stability"):
        with pytest.raises(DomainError, match=f"no limit can be held to '{column}' in these results. What .*: auroc, "):
            worse_than(found, {column: 0.02})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "--fail-if-worse '' holds nothing. Write such as auroc=0.02, or leave it out."),
        (" , ", "holds nothing"),
        ("auroc=-0.1", "auroc=-0.1 is below 0. Write how much worse it may become: auroc=0 for not at all."),
        ("auroc", "'auroc' is no threshold; write auroc=NUMBER, such as auroc=0.02."),
        ("aurok=1", "unknown column 'aurok'. Did you mean: auroc?"),
    ],
)
def test_a_limit_that_is_none_is_told(text: str, told: str) -> None:
    with pytest.raises(DomainError, match=re.escape(told)):
        parse_limits(text, CIRCUITS.tables.thresholds, option="--fail-if-worse")


def test_what_the_truth_reaches_is_no_change_of_a_method() -> None:
    before = scored(lambda _: 0.9)
    changed = [
        (cell, replace(outcome, truth=replace(outcome.truth, true_cpr=0.5))) for cell, outcome in before.outcomes
    ]
    assert compare_results(before, replace(before, outcomes=tuple(changed))).changes == ()


def test_results_of_two_tracks_are_not_compared() -> None:
    with pytest.raises(DomainError, match="one result is of the track of circuits, the other of variables"):
        compare_results(scored(lambda _: 0.9), variable_result(variable_row("das", 1.0)))


def test_the_command_prints_what_changed_and_sets_the_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, *_ = write_result(scored(lambda _: 0.9), tmp_path, "one")
    two, *_ = write_result(scored(lambda _: 0.8), tmp_path, "two")

    def run(*arguments: object) -> tuple[int, str]:
        with pytest.raises(SystemExit) as done:
            main(["compare", *map(str, arguments)])
        return int(done.value.code or 0), capsys.readouterr().out

    code, out = run(one, two)
    assert code == 0 and "auroc" in out and "-0.100" in out
    assert max(map(len, out.splitlines())) <= 100
    code, out = run(one, one)
    assert code == 0 and "Nothing changed beyond its interval." in out
    code, out = run(one, two, "--fail-if-worse", "auroc=0.02")
    assert code == 1 and "worse: auroc of eap from 0.9000 to 0.8000" in out
    code, out = run(one, two, "--json")
    assert json.loads(out)["n_shared"] == 6
