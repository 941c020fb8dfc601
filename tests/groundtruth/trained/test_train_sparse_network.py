"""A network that chose its circuit: few weights, right answers, and a family that a second enumeration confirms."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import groundtruth
from groundtruth import load
from groundtruth.errors import DomainError, TrainingError
from groundtruth.sparse_recipes import SPARSE
from groundtruth.trained.certify_network import certify
from groundtruth.trained.chosen_circuits import open_edges
from groundtruth.trained.correspondence import UNPLANNED
from groundtruth.trained.train_network import Settings
from groundtruth.trained.train_sparse_network import SparseSettings, SparseTrainer
from groundtruth.trained.weight_sparsity import annealed_share, keep_largest
from tests.groundtruth.trained.plain_enumeration import PlainRuns
from tests.groundtruth.trained.small_networks import random_network
from tests.groundtruth.trained.sparse_models import small_sparse_model


@pytest.fixture(scope="module", name="model")
def _model():
    return small_sparse_model()


def test_it_answers_right_with_few_weights(model):
    for tokens in model.domain.enumerate():
        assert model.run(tokens) == [tokens.count(token) for token in tokens]
    assert model.training.kind == "sparse" and model.correspondence == UNPLANNED
    # Of each matrix a twentieth at most, or what it keeps at least; nodes were pruned after that.
    for name, value in model.weights.tensors.items():
        most = 2 * min(value.shape) if name in ("W_E", "W_pos", "W_U") else max(4, -(-value.numel() // 20))
        assert int((value != 0).sum()) <= most or name.startswith("b_"), name
    assert model.certificate.behaviour.margin >= 1.0  # pruning stops there
    assert not model.certificate.unmet(model) and not model.variables()


def test_every_set_of_edges_is_tried_in_numpy_too(model):
    """The family by brute force over all sets of all edges that carry anything, without the shortcuts of the search."""
    record, runs = model.certificate.under("resample"), PlainRuns(model)
    assert record.complete
    varying = [r.edge for r in record.edges if r.status != "absent" and r.edge.source != "pos"]
    rest = [r.edge for r in record.edges if r.edge not in varying]
    assert set(open_edges(model.graph, record.edges)) <= set(varying) and len(varying) <= 11
    assert {frozenset(circuit) for circuit in record.minimal_circuits} == runs.minimal_circuits(varying, rest)
    alone = frozenset(r.edge for r in record.of_status("live"))
    suffice = runs.first_change([edge for edge in model.graph.edges if edge not in alone]) is None
    assert record.sufficiency.holds is suffice


def test_statuses_of_a_shipped_network_hold_in_numpy():
    """Absent edges have no dimension that is both written and read; what the others do is run pair by pair."""
    model = load("contains_both@sparse-0")
    record, runs = model.certificate.under("resample"), PlainRuns(model)
    assert 2 * len(record.of_status("absent")) > len(record.edges)
    for found in record.edges:
        shared = _written(model, found.edge.source) & _read(model, found.edge.destination)
        assert (found.status == "absent") == (not shared.any()), found.edge
        if found.status == "live":
            ids = model.encode([found.witness.clean, found.witness.counterfactual]).tolist()
            assert runs.changes([found.edge], tuple(map(runs.ids.index, ids))), found.edge
        elif found.status == "inert":
            assert runs.first_change([found.edge]) is None, found.edge
    for circuit in record.minimal_circuits:
        cut = [edge for edge in model.graph.edges if edge not in circuit]
        assert runs.first_change(cut) is None
        assert all(runs.first_change([*cut, edge]) is not None for edge in circuit)


def _written(model, source):
    """The dimensions of the residual stream in which a source can write anything."""
    w, place = {name: value.numpy() for name, value in model.weights.tensors.items()}, model.graph.locate(source)
    if place.kind == "head":
        return (w["W_O"][place.layer, place.head] != 0).any(0)
    if place.kind == "mlp":
        return (w["W_out"][place.layer] != 0).any(0) | (w["b_out"][place.layer] != 0)
    return (w["W_E"][:-1] != 0).any(0) if source == "input" else (w["W_pos"] != 0).any(0)


def _read(model, destination):
    w, place = {name: value.numpy() for name, value in model.weights.tensors.items()}, model.graph.locate(destination)
    if destination == "logits":
        return (w["W_U"] != 0).any(1)
    if place.kind == "mlp":
        return (w["W_in"][place.layer] != 0).any(1)
    return (w[f"W_{place.letter.upper()}"][place.layer, place.head] != 0).any(1)


def test_the_largest_weights_are_kept():
    numbers = {
        "W_in": torch.tensor([[[5.0, -6.0, 0.5], [0.1, 4.0, -3.0]]] * 2),
        "W_U": torch.tensor([[1.0], [-3.0], [2.0]]),
        "b_in": torch.tensor([[0.1, -0.2], [2.0, 1.0]]),
        "mlp_gain": torch.ones(2, 6),
    }
    keep_largest(numbers, 0.1)
    assert numbers["W_in"].tolist() == [[[5.0, -6.0, 0.0], [0.0, 4.0, -3.0]]] * 2
    assert numbers["W_U"].tolist() == [[0.0], [-3.0], [2.0]]
    assert numbers["b_in"].tolist() == [[0.0, pytest.approx(-0.2)], [2.0, 0.0]]
    assert bool((numbers["mlp_gain"] == 1).all())


def test_the_share_falls_to_its_end_half_way():
    assert [round(annealed_share(step, 8, 0.01), 4) for step in (0, 1, 2, 4, 8)] == [1.0, 0.3162, 0.1, 0.01, 0.01]


def _trained(settings, progress=lambda moment: None, checkpoint=None, seed=0):
    network = random_network(_SHAPE, length=2)
    return SparseTrainer(network, settings, seed=seed, progress=progress, checkpoint=checkpoint).run()


_SHAPE = groundtruth.Architecture(n_layers=2, n_heads=2, d_model=8, d_head=4, d_mlp=8, norm=False, gains=False)


class _Stopped(Exception):
    pass


def test_a_run_that_was_stopped_goes_on_to_the_same_network(tmp_path, monkeypatch):
    monkeypatch.setattr("groundtruth.trained.training_cycle.CHECKPOINT_STEPS", 4)
    settings, file = SparseSettings(steps=12, prune=None), tmp_path / "run.safetensors"

    def fail(moment):
        if moment.step == 7:
            raise _Stopped

    whole = _trained(settings)
    with pytest.raises(_Stopped):
        _trained(settings, fail, file)
    steps = []
    again = _trained(settings, steps.append, file)
    assert [moment.step for moment in steps] == [*range(5, 13)]
    for name, value in whole.weights.tensors.items():
        assert torch.equal(value, again.weights.tensors[name]), name
    assert not torch.equal(whole.weights.W_E, _trained(settings, seed=1).weights.W_E)


def test_wrong_answers_are_refused_and_nothing_else_is(model):
    with pytest.raises(TrainingError, match=r"is not certified:\n  - behaviour: 9 of 9 runs wrong, smallest margin -"):
        groundtruth.train("hist", max_seq_len=2, kind="sparse", settings=SparseSettings(steps=2))
    broken = replace(model, weights=model.weights.convert(lambda value: 0 * value), given=None)
    failures = certify(broken, n_subsets=10).unmet(broken)
    assert len(failures) == 2 and failures[0].startswith("behaviour: ")
    assert failures[1] == "no edge is needed: there is no circuit"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"correspondence": UNPLANNED}, "kind='sparse' plans no circuit: leave out correspondence and copies"),
        ({"copies": "vote"}, "kind='sparse' plans no circuit: leave out correspondence and copies"),
        ({"architecture": {"style": "llama"}}, "kind='sparse' trains networks of GPT-2's style; leave out style"),
        (
            {"settings": Settings()},
            r"settings=Settings\(.* are those of another kind of training; give .*SparseSettings",
        ),
    ],
)
def test_what_a_sparse_network_cannot_have_is_refused(given, message):
    with pytest.raises(DomainError, match=message):
        groundtruth.train("hist", max_seq_len=2, kind="sparse", **given)
    with pytest.raises(DomainError, match=r"settings=SparseSettings\(.* give .*\.Settings|Settings\."):
        groundtruth.train("hist", max_seq_len=2, kind="free", settings=SparseSettings())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"share": 0.0}, "share=0.0 is no share of the weights; give more than 0 and at most 1."),
        ({"steps": 0}, "steps=0 is too few; give 1 or more."),
        ({"prune": 0.0}, "prune=0.0 would prune right answers away; give a margin above 0, or None."),
    ],
)
def test_settings_out_of_range_are_refused(given, message):
    with pytest.raises(DomainError, match=message):
        SparseSettings(**given)


@pytest.mark.parametrize("recipe", SPARSE, ids=lambda recipe: recipe.name)
def test_what_ships_is_what_its_recipe_says(recipe):
    model = load(recipe.name)
    assert (model.training.kind, model.training.seed, model.architecture.n_layers) == (
        "sparse",
        recipe.seed,
        dict(recipe.sizes)["n_layers"],
    )
    assert model.training.settings == vars(SparseSettings(**dict(recipe.settings)))
    assert (model.domain.vocab, model.domain.max_seq_len) == (recipe.vocab, recipe.length)
    share = np.mean([float((value != 0).double().mean()) for value in model.weights.tensors.values()])
    assert share < 0.2
