"""Results are read back as they were written, several as one, and shown on the tiers's page."""

import re
from pathlib import Path

import pytest

from groundtruth.bench.circuit_track import circuit_methods
from groundtruth.bench.result_data import result_data
from groundtruth.errors import ArtifactError
from groundtruth.files import to_json
from groundtruth.report.views.tiers_page import BEGIN, END, main
from groundtruth.results.cell import Failed, Skipped
from groundtruth.results.circuit_scores import CircuitScores, ExactCircuitScores, Ranked, WrongEdge
from groundtruth.results.read_results import read_results
from groundtruth.results.result import Result
from groundtruth.results.tiers_run import tier_models
from tests.groundtruth.bench.cell_makers import circuit_cell


def _row(method, model, auroc):
    live = Ranked(10, 5, auroc, 1.0, 1.0, 1.0, 1.0, auroc == 1.0, rounded_auroc=auroc / 2)
    wrong = (WrongEdge("m0->logits", "missed", 0.0, "live", "x for y"),)
    certainty = "measured" if model.endswith("@superposed") else "exact"
    return CircuitScores(
        method, model, "resample", "edge", 0, 8, 1.0, 0.0, 1.0, 0.0, (0.0, 1.0), (0.5, 1.0), 1.0, 0.0, 0.1,
        ExactCircuitScores("fixed", live, live, None, None, 0.0, wrong, certainty),
    )  # fmt: skip


def _written(path, outcomes):
    path.write_bytes(to_json(result_data(Result(tuple(outcomes), {"seed": 0}, 2.0, frozenset({"random"})))))
    return path


def _cells(method, auroc, models=("hist",)):
    return [(circuit_cell(method, name), _row(method, name, auroc)) for name in tier_models(models)]


def test_a_result_is_read_as_it_was_written(tmp_path):
    outcomes = [
        *_cells("random", 0.5),
        (circuit_cell("ifr", "hist", parameters=(("steps", 3),)), Skipped("there is nothing to localize", "model")),
        (circuit_cell("eap", "hist"), Failed("broken")),
    ]
    found = read_results([_written(tmp_path / "a.json", outcomes)])
    assert found.outcomes == tuple(outcomes)
    assert (found.settings, found.seconds) == ({"seed": 0}, 2.0)


def test_controls_are_those_of_the_files_whoever_registered_them(tmp_path):
    first = _written(tmp_path / "a.json", _cells("random", 0.5) + _cells("eap", 0.5))
    second = tmp_path / "b.json"
    second.write_bytes(to_json(result_data(Result(tuple(_cells("hisp", 0.6)), {}, 1.0, frozenset({"hisp"})))))
    found = read_results([first, second])
    assert [found.is_control(name) for name in ("random", "eap", "hisp", "oracle")] == [True, False, True, True]


def test_of_a_cell_in_several_files_the_last_counts(tmp_path):
    first = _written(tmp_path / "a.json", [*_cells("random", 0.5), (circuit_cell("eap", "hist"), Failed("broken"))])
    second = _written(tmp_path / "b.json", [(circuit_cell("eap", "hist"), _row("eap", "hist", 0.75))])
    found = dict(read_results([first, second]).outcomes)
    assert found[circuit_cell("eap", "hist")] == _row("eap", "hist", 0.75)
    assert len(found) == len(tier_models(["hist"])) + 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[", "is no JSON"),
        ("", "is no JSON, it is empty. Name a .json file that groundtruth bench or score wrote. If it was cut off"),
        ("[]", "is no result of bench or score: it has no 'schema_version'. Name a .json file"),
        ('{"schema_version": 2}', "is no result of bench or score: it has no 'created'"),
        (
            '{"schema_version": 9, "created": 0, "seconds": 0, "settings": {}, "environment": {}, "cells": []}',
            "has schema_version 9; this version reads 2. Run bench or score again, or read it with the version of",
        ),
        (
            '{"schema_version": 2, "created": 0, "seconds": 0, "settings": {}, "environment": {}, '
            '"cells": [{"outcome": "scored", "cell": {}}]}',
            "is no result of a track",
        ),
    ],
)
def test_other_files_are_refused(tmp_path, content, message):
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(ArtifactError, match=message):
        read_results([path])
    with pytest.raises(ArtifactError, match=r"cannot read .*b\.json"):
        read_results([tmp_path / "b.json"])


def test_a_page_shows_the_tables_between_its_marks_and_keeps_the_rest(tmp_path, capsys):
    files = [
        _written(tmp_path / "a.json", _cells("random", 0.5, ("hist", "sort"))),
        _written(tmp_path / "b.json", _cells("eap", 0.75)),
    ]
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}old\n{END}after\n")
    assert main([*map(str, files), "--page", str(page)]) == 0
    text = page.read_text()
    assert text.startswith(f"before\n{BEGIN}") and text.endswith(f"{END}after\n") and "old" not in text
    assert "2 models (hist, sort)" in text
    assert "| random | " + " | ".join(["0.50"] * 6) + " | 0.50 |" in text
    assert "| eap (1 model) | " + " | ".join(["0.75"] * 7) + " |" in text
    assert "| random | " + " | ".join(["0.25"] * 7) + " |" in text  # of rounded scores
    assert "| random | " + " | ".join(["0/2"] * 6) + " |" in text
    page.write_text("no marks")
    assert main([*map(str, files), "--page", str(page)]) == 1
    assert "error: the page has no place for the tables" in capsys.readouterr().err
    assert page.read_text() == "no marks"


def test_the_page_that_ships_has_a_table_of_every_method_under_resample_ablation():
    text = (Path(__file__).parents[3] / "docs" / "tiers.md").read_text()
    tables = text.partition(BEGIN)[2].partition(END)[0]
    for method in circuit_methods("edge"):
        assert re.search(rf"^\| {method}( \(\d+ models?\))? \|", tables, re.MULTILINE), method
