"""Write what methods gave each edge: MIB's JSON, and a matrix as CSV, in a folder a method and place."""

import csv
import io
import re
from pathlib import Path

import numpy as np

from groundtruth.files import write_whole
from groundtruth.results.circuit_scores import CircuitScores
from groundtruth.results.result import Result
from mib.graph import EdgeScores, Graph, NodeScores
from mib.leaderboard.formats import write_circuit
from mib.levels import Scores

JSON_NAME, CSV_NAME = "importances.json", "scores.csv"


def write_scores(result: Result, folder: Path) -> list[Path]:
    """Write ``METHOD/MODEL/importances.json`` and ``scores.csv`` for each scored cell of the circuit track.

    MIB's format has no source ``pos``: the edges of a compiled model's position embedding are in the CSV file alone.
    Under several ablations the folder of a model ends in ``-ABLATION``.

    Args:
        result: Result of a run.
        folder: Made if it is not there.

    Returns:
        The folders that were written.
    """
    written: list[Path] = []
    for cell, outcome in result.outcomes:
        if not isinstance(outcome, CircuitScores) or outcome.scores is None:
            continue
        suffix = f"-{cell.ablation}" if len(result.ablations) > 1 else ""
        place = folder / _file_name(cell.method) / f"{_file_name(cell.subject)}{suffix}"
        place.mkdir(parents=True, exist_ok=True)
        scores = outcome.scores.unpack()
        write_circuit(place / JSON_NAME, without_pos(scores))
        write_whole(place / CSV_NAME, scores_csv(scores).encode())
        written.append(place)
    return written


def scores_csv(scores: Scores) -> str:
    """Write scores as a matrix: a line a source, a column a destination; empty where there is no edge or no score.

    Scores of nodes have the one column ``score``, those of neurons a column a dimension of the residual stream.
    """
    graph = scores.graph
    if isinstance(scores, EdgeScores):
        headings, values = list(graph.destinations), scores.values
    elif isinstance(scores, NodeScores):
        headings, values = ["score"], scores.values[:, None]
    else:
        headings, values = [str(place) for place in range(graph.d_model)], scores.values
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["source", *headings])
    for source, row in zip(graph.sources, values.tolist(), strict=True):
        writer.writerow([source, *("" if value != value else repr(value) for value in row)])
    return buffer.getvalue()


def without_pos(scores: Scores) -> Scores:
    """Leave out the position embedding as a source of its own, which MIB's graphs do not have."""
    graph = scores.graph
    if not graph.pos:
        return scores
    kept = np.array([source != "pos" for source in graph.sources])
    plain = Graph(graph.n_layers, graph.n_heads, graph.d_model, graph.parallel)
    return type(scores)(plain, scores.values[kept])


def _file_name(name: str) -> str:
    """A method or model as the name of one folder."""
    return re.sub(r"[^\w.@+-]", "_", name).lstrip(".") or "_"
