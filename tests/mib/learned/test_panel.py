"""The panel of learned models: recipes, files and what each member can do."""

import json
from dataclasses import asdict

import pytest

import mib
from mib import learned
from mib.learned import checkpoint_files as files
from mib.learned.build import tried
from mib.learned.panel import PANEL

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
    assert learned.tasks(name) == ("ioi", "greater-than")
    assert all("test" not in parts for parts in log["recipe"]["parts"].values())
    assert tried(name, "ioi", n=50)["accuracy"] >= 0.98


def test_a_llama_has_its_architecture() -> None:
    anatomy = mib.load_model("learned-llama-1", dtype="float64").anatomy
    attention = anatomy.blocks[0].attention
    assert attention.norm is not None and attention.norm.kind == "rms"
    assert anatomy.position_embedding is None and anatomy.rotary is not None
    assert (attention.W_K[0] == attention.W_K[1]).all()  # two heads share their keys
