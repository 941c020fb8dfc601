"""Hints lead on: to the option that a method needs, to the model that it fails on, to the report of this very run."""

from pathlib import Path

import pytest

from groundtruth.bench import Cell, Skipped, result_of
from groundtruth.cli import main
from groundtruth.report.views.circuit_sentences import circuit_sentences
from groundtruth.report.views.track_report import result_ending
from groundtruth.results.cell_settings import CircuitSetting
from tests.groundtruth.report.test_fitted_table import printed
from tests.groundtruth.report.test_result_page import row
from tests.groundtruth.results.test_variable_results import result as variable_result
from tests.groundtruth.results.test_variable_results import row as variable_row


def test_a_method_of_another_level_is_told_the_option() -> None:
    cell = Cell("exact-node", "hist", CircuitSetting())
    outcome = Skipped("exact-node scores node, not level='edge'.", "method")
    result = result_of([(cell, outcome)], seconds=1.0, level="edge")
    told = [line.plain for line in circuit_sentences(result, "resample")]
    assert told == ["Left out: exact-node scores node, not level='edge'. Add --level node."]


@pytest.mark.parametrize(
    ("arguments", "method", "track"),
    [
        (["bench", "--methods", "eap,das"], "das", "variables"),
        (["check", "das"], "das", "variables"),
        (["bench", "--track", "variables", "--methods", "eap"], "eap", "circuits"),
    ],
)
def test_a_method_of_the_other_track_is_told_the_option(
    arguments: list[str], method: str, track: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = ["--out", str(tmp_path)] if arguments[0] == "bench" else []
    with pytest.raises(SystemExit) as left:
        main([*arguments, *out])
    assert left.value.code == 2
    assert capsys.readouterr().err == f"error: '{method}' is a method of the track of {track}. Add --track {track}.\n"


def test_what_comes_next_is_why_it_fails_on_the_worst_model_and_the_report_of_this_run() -> None:
    setting = CircuitSetting()
    result = result_of([(Cell("eap", "hist", setting), row("eap", 0.5))], seconds=1.0, level="edge")
    text = printed(result_ending(result, [Path("results/a-b-c.json")]), 40)
    assert "next: groundtruth why eap hist\n" in text
    assert "      groundtruth report results/a-b-c.json\n" in text


def test_a_featurizer_is_explained_at_the_variable_where_it_is_least_precise() -> None:
    rows = [variable_row("das", 1.0, precision=0.9), variable_row("das", 1.0, precision=0.2, site="residual.1.post")]
    text = printed(result_ending(variable_result(*rows), [Path("r.json")]), 60)
    assert "next: groundtruth why das reverse:opposite@residual.1.post\n" in text
