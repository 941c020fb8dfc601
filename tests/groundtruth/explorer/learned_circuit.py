"""A ranking of the learned model's edges in a file of MIB, on a few prompts, for all tests that look at it."""

from functools import cache
from pathlib import Path

import numpy as np

from groundtruth.evaluation.circuits.language_model_circuits import LanguageModelCircuitEvaluator
from groundtruth.explorer.language_circuit import LanguageCircuit
from mib.graph import EdgeScores
from mib.leaderboard.formats import write_circuit

PAIRS = 3


def write_ranking(path: Path) -> None:
    """Write random scores of the learned model's edges, those of the embeddings and of the last layer the largest."""
    graph = LanguageModelCircuitEvaluator.of("learned", "ioi", n_pairs=PAIRS).held_out.graph
    drawn = np.random.default_rng(0).normal(size=len(graph.edges))
    near = np.array([edge.source == "input" or edge.destination == "logits" for edge in graph.edges])
    write_circuit(path, EdgeScores(graph, drawn + 5 * near))


@cache
def circuit_of(path: Path, top: int | None = None) -> LanguageCircuit:
    """Read it again."""
    return LanguageCircuit.read(path, "learned", about="ioi", top=top, pairs=PAIRS)
