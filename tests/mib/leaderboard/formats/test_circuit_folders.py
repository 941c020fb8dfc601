from pathlib import Path

import numpy as np
import pytest

from mib.errors import FormatError
from mib.graph import EdgeScores, Graph
from mib.leaderboard.formats import CircuitFile, read_cell, read_submission, write_circuit
from mib.leaderboard.formats.circuit_folders import FRACTIONS

GRAPH = Graph(n_layers=6, n_heads=6, d_model=4)
SIZES = [int(fraction * len(GRAPH.edges)) for fraction in FRACTIONS]


def circuit_of(size: int, graph: Graph = GRAPH) -> CircuitFile:
    kept = np.zeros(graph.edge_mask.shape, dtype=np.bool_)
    rows, columns = graph.edge_index
    kept[rows[:size], columns[:size]] = True
    return CircuitFile.from_edges(graph, kept)


def write_nine(folder: Path, sizes: list[int] = SIZES, suffix: str = ".json") -> Path:
    folder.mkdir(parents=True)
    for index, size in enumerate(sizes):
        write_circuit(folder / f"circuit_{index}{suffix}", circuit_of(size))
    return folder


def write_importances(folder: Path, suffix: str = ".json") -> Path:
    folder.mkdir(parents=True)
    write_circuit(folder / f"importances{suffix}", EdgeScores(GRAPH, np.arange(len(GRAPH.edges)) / 7))
    return folder


@pytest.mark.parametrize("suffix", [".json", ".pt"])
def test_nine_circuits_come_smallest_first(suffix: str, tmp_path: Path) -> None:
    cell = read_cell(write_nine(tmp_path / "ioi_gpt2", SIZES[::-1], suffix))
    assert cell.importances is None
    assert [int(circuit.edges.sum()) for circuit in cell.circuits] == SIZES
    assert all(circuit.is_binary for circuit in cell.circuits)


def test_importances(tmp_path: Path) -> None:
    cell = read_cell(write_importances(tmp_path / "ioi_gpt2"))
    assert cell.circuits == ()
    assert cell.importances is not None and not cell.importances.is_binary
    assert np.array_equal(cell.importances.scores.flat, np.arange(len(GRAPH.edges)) / 7)


@pytest.mark.parametrize("suffix", [".json", ".pt"])
def test_a_single_file_is_importances_whatever_it_is_called(tmp_path: Path, suffix: str) -> None:
    folder = write_importances(tmp_path / "ioi_gpt2", suffix)
    (folder / f"importances{suffix}").rename(folder / f"eap-ig{suffix}")
    (folder / "README.md").write_text("not read")
    cell = read_cell(folder)
    assert cell.importances is not None
    assert np.array_equal(cell.importances.scores.flat, np.arange(len(GRAPH.edges)) / 7)


def test_importances_beside_circuits_are_ambiguous(tmp_path: Path) -> None:
    folder = write_nine(tmp_path / "ioi_gpt2")
    (folder / "circuit_0.json").rename(folder / "importances.json")
    with pytest.raises(FormatError, match="holds 9 circuit files .*and nothing besides"):
        read_cell(folder)


def test_a_circuit_above_its_share_is_an_error(tmp_path: Path) -> None:
    sizes = [*SIZES[:-1], SIZES[-1] + 1]
    with pytest.raises(FormatError) as caught:
        read_cell(write_nine(tmp_path / "ioi_gpt2", sizes))
    expected = f"circuit_8.json: {sizes[-1]} of {len(GRAPH.edges)} edges; when the nine circuits are sorted"
    assert expected in str(caught.value) and str(caught.value).endswith("may have at most 50 %.")


def test_other_folders_are_errors(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="folder: does not exist"):
        read_cell(tmp_path / "absent")
    with pytest.raises(FormatError, match=r"holds 8 circuit files \(circuit_0.json, .*; expected one file of"):
        read_cell(write_nine(tmp_path / "eight", SIZES[:8]))
    both = write_importances(tmp_path / "both")
    write_circuit(both / "importances.pt", EdgeScores(GRAPH, np.zeros(len(GRAPH.edges))))
    with pytest.raises(FormatError, match=r"holds 2 circuit files \(importances.json, importances.pt\); expected one"):
        read_cell(both)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FormatError, match="holds 0 circuit files; expected one file of importances or 9 circuits"):
        read_cell(tmp_path / "empty")
    mixed = write_nine(tmp_path / "mixed")
    write_circuit(mixed / "circuit_8.json", circuit_of(3, Graph(2, 2, 4)))
    with pytest.raises(FormatError, match="cfg: differs from the one of"):
        read_cell(mixed)


def test_a_submission_needs_two_tasks_and_two_models(tmp_path: Path) -> None:
    write_importances(tmp_path / "ioi_gpt2")
    write_importances(tmp_path / "ioi_llama3", ".pt")
    with pytest.raises(FormatError, match="at least 2 tasks and 2 models; this one has 1 and 2"):
        read_submission(tmp_path)
    write_nine(tmp_path / "arc-easy_llama3")
    cells = read_submission(tmp_path)
    assert list(cells) == [("ioi", "gpt2"), ("ioi", "llama3"), ("arc-easy", "llama3")]
    assert len(cells["arc-easy", "llama3"].circuits) == 9


def test_an_unknown_cell_is_an_error_with_the_nearest_name(tmp_path: Path) -> None:
    write_importances(tmp_path / "arc_easy_llama3")
    with pytest.raises(FormatError, match="no cell of the leaderboard is named 'arc_easy_llama3'. Did you mean: arc-"):
        read_submission(tmp_path)
