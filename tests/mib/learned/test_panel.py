"""The panel of learned models: recipes, files and what each member can do."""

import json
from dataclasses import asdict, replace

import pytest
import torch

import mib
from mib import learned, tasks
from mib.learned import checkpoint_files as files
from mib.learned.build import try_task
from mib.learned.panel import PANEL
from mib.learned.train import train

MEGABYTE = 2**20


def test_two_architectures_and_several_seeds_ship() -> None:
    assert set(learned.panel_members()) <= set(PANEL)
    assert {PANEL[name].architecture for name in learned.panel_members()} == {"gpt2", "llama"}
    assert len({PANEL[name].seed for name in learned.panel_members()}) >= 2
    assert learned.names()[0] == "learned"


@pytest.mark.parametrize("name", learned.panel_members())
def test_a_member_is_of_its_recipe_small_and_does_its_tasks(name: str) -> None:
    log = learned.training_log(name)
    assert log["recipe"] == json.loads(json.dumps(asdict(PANEL[name])))
    assert log["files_sha256"] == files.files_sha256(learned.checkpoint_of(name))
    assert sum(path.stat().st_size for path in learned.checkpoint_of(name).iterdir()) < MEGABYTE
    (asked,) = PANEL[name].mixtures.values()
    assert learned.tasks(name) == tuple(asked)
    assert all("test" not in parts for parts in log["recipe"]["parts"].values())
    assert try_task(name, next((task for task in asked if task.endswith("-tens")), "ioi"), n=50)["accuracy"] >= 0.98


@pytest.mark.parametrize("name", [name for name in learned.panel_members() if "digits" in name])
def test_a_member_writes_the_digits_of_all_sums_that_it_never_saw(name: str) -> None:
    model = mib.load_model(name)
    for place in ("ones", "tens", "hundreds"):
        task = tasks.get(f"digits-{place}")
        held_out = [task.parse(row) for row in task.stream(split="test")]
        assert len(held_out) > 700
        assert task.accuracy(model, n=None, data=held_out) >= 0.99


@pytest.mark.parametrize("name", [name for name in learned.panel_members() if "subtraction" in name])
def test_a_member_writes_the_digits_of_all_differences_that_it_never_saw(name: str) -> None:
    model = mib.load_model(name)
    for place in ("ones", "tens"):
        task = tasks.get(f"digits-subtraction-{place}")
        held_out = [task.parse(row) for row in task.stream(split="test")]
        assert len(held_out) > 350
        assert task.accuracy(model, n=None, data=held_out) >= 0.99


def test_members_that_write_differences_have_the_shapes_of_the_first_that_write_sums() -> None:
    recipes = [PANEL[name] for name in learned.panel_members() if "subtraction" in name]
    shapes = {(recipe.architecture, recipe.n_layers, recipe.seed) for recipe in recipes}
    assert shapes == {(kind, seed, seed) for kind in ("gpt2", "llama") for seed in (1, 2)}
    sums = PANEL["learned-digits-gpt2-1"]
    assert replace(PANEL["learned-subtraction-gpt2-1"], mixtures=sums.mixtures) == sums


def test_members_that_write_sums_are_of_two_architectures_two_depths_and_four_seeds() -> None:
    recipes = [PANEL[name] for name in learned.panel_members() if "digits" in name]
    shapes = {(recipe.architecture, recipe.n_layers, recipe.seed) for recipe in recipes}
    assert shapes == {(kind, 2 - seed % 2, seed) for kind in ("gpt2", "llama") for seed in (1, 2, 3, 4)}


def test_a_recipe_of_digits_trains_to_the_same_weights_twice() -> None:
    recipe = replace(PANEL["learned-digits-llama-1"], steps=3, n_drawn=50)
    first, second = (train(recipe).model.state_dict() for _ in range(2))
    assert all(torch.equal(weights, second[name]) for name, weights in first.items())
    other = train(replace(recipe, seed=2)).model.state_dict()
    assert not torch.equal(first["model.embed_tokens.weight"], other["model.embed_tokens.weight"])


def test_a_llama_has_its_architecture() -> None:
    anatomy = mib.load_model("learned-llama-1", dtype="float64").anatomy
    attention = anatomy.blocks[0].attention
    assert attention.norm is not None and attention.norm.kind == "rms"
    assert anatomy.position_embedding is None and anatomy.rotary is not None
    assert (attention.W_K[0] == attention.W_K[1]).all()  # two heads share their keys
