"""Ensembles of the shared task, from their members."""

import numpy as np
import pytest

import mib
from mib.errors import MethodError
from mib.localization import get
from mib.localization.learned_masks import HardConcrete
from mib.localization.methods.ensembles import warm_start
from tests.mib.localization.handmade import CHAIN, chain_task, top
from tests.mib.localization.test_methods import make_task

MEMBERS = ("eap", "eap-ig-inputs", "eap-ig-activations")


def test_the_parallel_ensemble_is_the_mean_of_its_members() -> None:
    task = make_task()
    rows = np.stack([get(name)(task).flat for name in MEMBERS])  # type: ignore[union-attr]
    scaled = rows / np.abs(rows).max(axis=1, keepdims=True)
    found, as_published = get("ensemble-parallel")(task), get("ensemble-parallel")(task, scale="none")
    np.testing.assert_allclose(found.flat, scaled.mean(0))  # type: ignore[union-attr]
    np.testing.assert_allclose(as_published.flat, rows.mean(0))  # type: ignore[union-attr]


def test_the_hybrid_ensemble_has_the_sequential_one_as_a_member() -> None:
    task = make_task()
    members = [get(name)(task) for name in MEMBERS] + [get("ensemble-sequential")(task, steps=4)]
    rows = np.stack([member.flat for member in members])  # type: ignore[union-attr]
    found = get("ensemble-hybrid")(task, steps=4, scale="none")
    np.testing.assert_allclose(found.flat, rows.mean(0))  # type: ignore[union-attr]


def test_a_warm_start_keeps_the_ranking_and_has_the_sparsity_in_every_layer() -> None:
    graph = mib.Graph(2, 2, 8)
    scores = mib.EdgeScores(graph, np.random.default_rng(0).normal(size=len(graph.edges)))
    masks = HardConcrete().middle(warm_start(scores, sparsity=0.9, softness=0.2)).numpy()
    layers = np.array([graph.locate(edge.destination).layer for edge in graph.edges])
    for layer in range(3):
        own = layers == layer
        assert masks[own].mean() == pytest.approx(0.1)
        assert np.array_equal(np.argsort(masks[own]), np.argsort(np.abs(scores.flat[own])))


def test_equal_scores_start_equal() -> None:
    graph = mib.Graph(1, 1, 4)
    first = warm_start(mib.EdgeScores(graph, np.zeros(len(graph.edges))), sparsity=0.5, softness=0.2).numpy()
    assert np.ptp(first) < 1e-12


def test_the_sequential_ensemble_has_the_signs_of_its_start() -> None:
    task = make_task()
    start, found = get("eap-ig-inputs")(task), get("ensemble-sequential")(task, steps=4)
    np.testing.assert_array_equal(np.sign(found.flat), np.where(start.flat < 0, -1, 1))  # type: ignore[union-attr]


def test_ensembles_find_the_chain() -> None:
    for name in ("ensemble-parallel", "ensemble-hybrid"):
        assert top(get(name)(chain_task())) == set(CHAIN), name


def test_parameters_out_of_range_are_refused() -> None:
    with pytest.raises(MethodError, match="scale='larges'. Did you mean: largest"):
        get("ensemble-parallel")(make_task(), scale="larges")
    with pytest.raises(MethodError, match="start_sparsity=1.0. Expected a number above 0 and below 1"):
        get("ensemble-sequential")(make_task(), start_sparsity=1.0)
