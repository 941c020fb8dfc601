"""Building the trained models that ship: what is there is kept, what is refused is logged, a run can go on."""

import json
from dataclasses import asdict, replace

import pytest

from groundtruth import load
from groundtruth.build_trained import ALL, LOG, SHIPPED, Job, build, gather_log, recipes_named
from groundtruth.errors import DomainError, TrainingError
from groundtruth.store.catalog import shipped_trained
from groundtruth.trained.certify_network import certify
from groundtruth.trained.train_network import Settings
from groundtruth.trained.trained_model import TrainedModel
from groundtruth.trained_recipe import ShippedRecipe
from tests.groundtruth.trained.wired_by_hand import copying_network

RECIPE = ShippedRecipe("previous_token", 7)


@pytest.fixture(name="job")
def _job(tmp_path):
    return Job(RECIPE, tmp_path / "trained", tmp_path / "runs")


@pytest.fixture(name="trained")
def _trained(monkeypatch):
    """Names of the recipes that were trained; what comes out is the network wired by hand."""
    asked = []

    def train(recipe, checkpoint):
        asked.append(recipe.name)
        assert checkpoint.name == f"{recipe.name}.safetensors" and checkpoint.parent.is_dir()
        network = copying_network()
        return replace(TrainedModel.of(network, certificate=certify(network, n_subsets=40)), name=recipe.name)

    monkeypatch.setattr(ShippedRecipe, "train", train)
    return asked


def test_a_model_is_trained_once_and_kept(job, trained):
    line = build(job)
    assert line.startswith("previous_token@free-7  ") and line.endswith("2 live of 21, margin 2.7")
    assert load(job.folder / RECIPE.name).name == RECIPE.name
    assert build(job) == "previous_token@free-7  kept"
    assert trained == [RECIPE.name]


def test_every_attempt_is_logged_and_the_last_one_counts(job, trained, monkeypatch):
    build(job)
    gather_log(job.folder, job.checkpoints)
    (entry,) = json.loads((job.folder / LOG).read_text())
    assert (entry["name"], entry["certified"], entry["live"], entry["inputs"]) == (RECIPE.name, True, 2, 27)

    def refuse(recipe, checkpoint):
        checkpoint.write_bytes(b"a state")
        raise TrainingError(recipe.name, ["needless edge m0->logits is live"])

    monkeypatch.setattr(ShippedRecipe, "train", refuse)
    other = replace(job, recipe=ShippedRecipe("previous_token", 8))
    with pytest.raises(TrainingError, match="'previous_token@free-8' is not certified"):
        build(other)
    assert not (job.folder / other.recipe.name).exists()
    assert not list(job.checkpoints.glob("*.safetensors"))  # what is refused does not go on from there
    gather_log(job.folder, job.checkpoints)
    first, second = json.loads((job.folder / LOG).read_text())
    assert first == entry
    assert second["failures"] == ["needless edge m0->logits is live"] and second["certified"] is False


def test_attempts_at_two_recipes_of_one_name_are_both_logged(job, trained, monkeypatch):
    other = replace(job, recipe=replace(RECIPE, sizes=(("n_layers", 2),), settings=(("rounds", 2),)))

    def refuse(recipe, checkpoint):
        raise TrainingError(recipe.name, ["behaviour"])

    with monkeypatch.context() as refusing:
        refusing.setattr(ShippedRecipe, "train", refuse)
        with pytest.raises(TrainingError):
            build(other)
    build(job)
    for _ in range(2):  # what is gathered again is there once
        gather_log(job.folder, job.checkpoints)
    entries = json.loads((job.folder / LOG).read_text())
    assert sorted((e["name"], e["certified"], e["edges"], e["settings"]) for e in entries) == [
        (RECIPE.name, False, 137, {"rounds": 2}),
        (RECIPE.name, True, 37, {}),
    ]


def test_what_ships_has_a_recipe_of_its_own_and_every_recipe_ships():
    assert len({recipe.name for recipe in ALL}) == len(ALL)
    assert sorted(recipe.name for recipe in ALL) == shipped_trained()
    for recipe in SHIPPED:
        model = load(recipe.name)
        assert (model.training.kind, model.training.seed) == (recipe.kind, recipe.seed)
        assert model.training.settings.items() <= asdict(Settings(**dict(recipe.settings))).items()
        assert (model.domain.vocab, model.domain.max_seq_len) == (recipe.vocab, recipe.length)


@pytest.mark.parametrize("recipe", SHIPPED, ids=lambda recipe: recipe.name)
def test_every_recipe_draws_the_circuit_that_ships(recipe):
    network = recipe.prepare()
    shipped = load(recipe.name)
    assert (network.correspondence, network.architecture) == (shipped.correspondence, shipped.architecture)


def test_names_say_what_differs():
    assert ShippedRecipe("hist", 3, kind="wired", style="llama", copies="vote").name == "hist@wired-llama-vote-3"
    assert recipes_named(["second_step@wired-0"]) == [
        recipe for recipe in SHIPPED if recipe.name == "second_step@wired-0"
    ]
    with pytest.raises(DomainError, match="no recipe for 'second_step@free-9'. Did you mean: second_step@"):
        recipes_named(["second_step@free-9"])
