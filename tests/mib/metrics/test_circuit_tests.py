import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mib.errors import ScoreError
from mib.graph import EdgeScores, Graph
from mib.localization.task import LocalizationTask
from mib.metrics.answer_metrics import LogitDifference
from mib.metrics.circuit_selection import Circuits, prune_circuits, select
from mib.metrics.circuit_tests import equivalence, independence, minimality, partial_necessity, sufficiency
from mib.metrics.random_circuits import RandomPaths, inflated_circuits, random_circuits
from tests.mib.small_models import random_model

N = 60
GRAPHS = st.builds(
    Graph,
    n_layers=st.integers(0, 3),
    n_heads=st.integers(1, 3),
    d_model=st.just(2),
    parallel=st.booleans(),
    pos=st.booleans(),
)


@pytest.fixture(scope="module")
def task() -> LocalizationTask:
    """A random model whose heads write nothing, so that only edges among input, m0, m1 and logits matter."""
    model = random_model()
    for block in model.blocks:
        block.attn.W_O.zero_()
    clean, counterfactual = torch.randint(7, (2, N, 6), generator=torch.Generator().manual_seed(0))
    # one pair of answers for all: then clean and counterfactual performance are independent
    metric = LogitDifference.at_position(torch.zeros(N).long(), torch.ones(N).long(), n_positions=6)
    return LocalizationTask(model=model, clean=clean, counterfactual=counterfactual, metric=metric)


def mask(graph: Graph, *edges: str) -> np.ndarray:
    kept = np.zeros(graph.edge_mask.shape, dtype=bool)
    for edge in edges:
        kept[graph.index(edge)] = True
    return kept


TRUE = ("input->m0", "input->m1", "input->logits", "m0->m1", "m0->logits", "m1->logits")


# -- random circuits ----------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(graph=GRAPHS, seed=st.integers(0, 100), share=st.floats(0, 1))
def test_random_circuits_are_large_enough_and_connected(graph: Graph, seed: int, share: float) -> None:
    size = int(share * len(graph.edges))
    kept = random_circuits(graph, 4, size, np.random.default_rng(seed))
    assert (kept.sum(axis=(1, 2)) >= size).all()
    assert np.array_equal(prune_circuits(Circuits(graph, kept)).kept, kept)


def test_every_edge_out_of_a_node_is_equally_likely() -> None:
    graph = Graph(n_layers=1, n_heads=1, d_model=2)
    first = RandomPaths(graph, np.random.default_rng(0)).walk(6000)[0]
    counts = np.bincount(first, minlength=len(graph.edges))
    assert (counts[:5] > 1050).all() and (counts[:5] < 1350).all() and counts.sum() == 6000 == counts[:5].sum()


@settings(deadline=None)
@given(graph=GRAPHS.filter(lambda graph: graph.n_layers > 0), seed=st.integers(0, 100))
def test_inflated_circuits_have_new_edges_and_lose_one_of_them(graph: Graph, seed: int) -> None:
    rng = np.random.default_rng(seed)
    kept = random_circuits(graph, 1, len(graph.edges) // 3, rng)[0]
    inflated, less = inflated_circuits(graph, kept, 5, rng)
    assert (inflated >= kept).all() and (less >= kept).all() and (inflated >= less).all()
    assert ((inflated & ~less).sum(axis=(1, 2)) == 1).all()


def test_a_circuit_with_all_edges_cannot_be_inflated() -> None:
    graph = Graph(1, 1, 2)
    with pytest.raises(ScoreError, match="the circuit has all edges of the graph"):
        inflated_circuits(graph, np.array(graph.edge_mask), 3, np.random.default_rng(0))


# -- tests of a circuit whose truth is known ------------------------------------------------------------------------


def test_the_true_circuit_passes_every_test(task: LocalizationTask) -> None:
    true = mask(task.graph, *TRUE)
    assert equivalence(task, true).identical and equivalence(task, true).p_value == 1
    assert independence(task, true, n_permutations=200).p_value > 0.05
    assert minimality(task, true).superfluous() == ()
    assert sufficiency(task, true).p_value < 0.05
    # cutting a part of the circuit can hurt more than cutting all of it, so some random cuts do
    assert partial_necessity(task, true, quantile=0.8).p_value < 0.05


def test_an_edge_that_carries_nothing_is_superfluous(task: LocalizationTask) -> None:
    kept = mask(task.graph, *TRUE, "input->a0.h0<q>", "a0.h0->logits")
    result = minimality(task, kept)
    assert set(result.changes) == {*TRUE, "input->a0.h0<q>", "a0.h0->logits"}
    assert result.changes["a0.h0->logits"] == 0 and result.changes["m1->logits"] > 0
    # only heads are left to be added, and they write nothing: no random edge matters either
    assert result.reference == (0.0,) * 100
    assert result.superfluous() == ("input->a0.h0<q>", "a0.h0->logits")


def test_a_small_part_of_the_true_circuit_fails(task: LocalizationTask) -> None:
    part = mask(task.graph, "input->m0", "m0->logits")
    assert equivalence(task, part).n_ties < N
    rest = independence(task, mask(task.graph, "m0->m1"), n_permutations=200)
    assert rest.p_value < 0.05, "without one edge the model still knows the task"


def test_the_empty_circuit_is_not_sufficient_and_cutting_it_hurts_nothing(task: LocalizationTask) -> None:
    empty = mask(task.graph)
    assert sufficiency(task, empty, size=3).n_beaten < 90
    assert sufficiency(task, empty, size=3).p_value > 0.05
    assert partial_necessity(task, empty, size=3).p_value == 1
    with pytest.raises(ScoreError, match="changes is empty"):
        minimality(task, empty)


def test_tests_depend_on_the_seed_of_the_task_alone(task: LocalizationTask) -> None:
    scores = EdgeScores(task.graph, np.random.default_rng(0).normal(size=len(task.graph.edges)))
    kept = select(scores, [30]).kept[0]
    for test in (sufficiency, partial_necessity, minimality):
        assert test(task, kept, n_random=10) == test(task, kept, n_random=10)


def test_a_mask_of_another_shape_is_an_error(task: LocalizationTask) -> None:
    with pytest.raises(ScoreError, match=r"kept has shape \(7,\) and dtype bool; expected bool \(7, 15\)"):
        minimality(task, np.ones(7, dtype=bool))
