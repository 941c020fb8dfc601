import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from groundtruth.bench import result_of
from groundtruth.cli import main
from groundtruth.report.score_files import write_scores
from groundtruth.results.kept_scores import KeptScores
from mib.graph import EdgeScores, Graph
from mib.leaderboard.formats import read_circuit
from tests.groundtruth.bench.cell_makers import circuit_cell
from tests.groundtruth.report.test_result_page import row


def test_each_scored_cell_gets_mibs_json_and_a_matrix_with_the_same_numbers(tmp_path: Path) -> None:
    graph = Graph(1, 2, 8, pos=True)
    scores = EdgeScores(graph, np.random.default_rng(0).normal(size=len(graph.edges)))
    outcomes = [
        (circuit_cell("../mine.py:eap", "hist"), replace(row("eap", 0.5), scores=KeptScores.of(scores))),
        (circuit_cell("eap", "hist"), row("eap", 0.5)),  # of an older result: nothing to write
    ]
    assert write_scores(result_of(outcomes, seconds=0.0), tmp_path) == [tmp_path / "_mine.py_eap" / "hist"]
    read = read_circuit(tmp_path / "_mine.py_eap" / "hist" / "importances.json")
    assert not read.graph.pos
    matrix = list(csv.reader((tmp_path / "_mine.py_eap" / "hist" / "scores.csv").open()))
    assert matrix[0] == ["source", *graph.destinations]
    assert [line[0] for line in matrix[1:]] == list(graph.sources)
    for line in matrix[1:]:
        for destination, text in zip(graph.destinations, line[1:], strict=True):
            name = f"{line[0]}->{destination}"
            if not graph.edge_mask[graph.source_index[line[0]], graph.destination_index[destination]]:
                assert text == ""
                continue
            assert float(text) == scores[name]
            if line[0] != "pos":
                assert float(text) == read.scores[name]


def test_scores_of_edges_are_asked_for_on_the_circuit_track_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["score", "das", "--track", "variables", "--scores", "folder"])
    assert ended.value.code == 2
    assert "scores" in capsys.readouterr().err
