from dataclasses import replace

import numpy as np
import pytest
from pydantic import TypeAdapter

import mib
from groundtruth.compiler.compile_program import compile
from groundtruth.evaluation.circuits.circuit_evaluator import CircuitEvaluator
from groundtruth.files import from_json, to_json
from groundtruth.programs import get
from groundtruth.results.circuit_scores import CircuitScores
from groundtruth.results.kept_scores import KeptScores
from mib.errors import ScoreError
from mib.graph import EdgeScores, Graph, NeuronScores, NodeScores

GRAPH = Graph(2, 2, 6, pos=True)


def shapes() -> dict[type[EdgeScores] | type[NodeScores] | type[NeuronScores], tuple[int, ...]]:
    n = len(GRAPH.sources)
    return {EdgeScores: (len(GRAPH.edges),), NodeScores: (n,), NeuronScores: (n, GRAPH.d_model)}


@pytest.mark.parametrize("kind", [EdgeScores, NodeScores, NeuronScores])
@pytest.mark.parametrize("single", [True, False])
def test_scores_come_back_to_the_last_bit_through_json(
    kind: type[EdgeScores] | type[NodeScores] | type[NeuronScores], single: bool
) -> None:
    values = np.random.default_rng(0).normal(size=shapes()[kind]) * 1e-9
    values.flat[:3] = (0.0, np.nan, -0.0)
    scores = kind(GRAPH, values.astype(np.float32) if single else values)
    kept = KeptScores.of(scores)
    assert kept.dtype == ("f4" if single else "f8")
    adapter = TypeAdapter(KeptScores)
    back = adapter.validate_python(from_json(to_json(adapter.dump_python(kept)))).unpack()
    assert type(back) is kind and back.graph == GRAPH
    assert back.values.tobytes() == scores.values.tobytes()


def test_a_number_beyond_single_precision_is_kept() -> None:
    scores = NodeScores(GRAPH, np.full(len(GRAPH.sources), 1e300))
    assert KeptScores.of(scores).unpack().values.max() == 1e300


def test_scores_that_were_edited_are_refused() -> None:
    kept = KeptScores.of(EdgeScores(GRAPH, np.arange(len(GRAPH.edges))))
    with pytest.raises(ScoreError, match="the scores of the edges cannot be unpacked"):
        replace(kept, packed="AAAA").unpack()
    with pytest.raises(ScoreError, match="edge scores have shape"):
        replace(kept, n_layers=3).unpack()


def test_a_row_keeps_what_the_method_gave_and_the_curves_that_its_cpr_and_cmd_are_areas_of() -> None:
    given: list[EdgeScores] = []

    def method(task: mib.LocalizationTask) -> EdgeScores:
        given.append(EdgeScores(task.graph, np.random.default_rng(3).normal(size=len(task.graph.edges))))
        return given[0]

    row: CircuitScores = CircuitEvaluator.of(compile(get("hist")), n_pairs=16, max_sizes=9).score(method)
    assert row.scores is not None and row.curves is not None
    assert np.array_equal(row.scores.unpack().values, given[0].values, equal_nan=True)
    x, curves = np.array(row.curves.fractions), row.curves
    assert (x[0], x[-1]) == (0.0, 1.0)
    assert float(np.trapezoid(curves.signed, x)) == pytest.approx(row.cpr, abs=1e-12)
    assert float(np.trapezoid(np.abs(1 - np.array(curves.absolute)), x)) == pytest.approx(row.cmd, abs=1e-12)
