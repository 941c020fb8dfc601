"""The page has words for every part of a hardened model: voters, pairs that cancel, and the others."""

import json
from pathlib import Path
from typing import get_args

from groundtruth import load
from groundtruth.compiled.provenance import HeadRole, NeuronRole
from groundtruth.explorer.page_data import page_data
from tests.groundtruth.explorer.node import run_script

SCRIPT = Path(__file__).with_name("run_words.mjs")


def test_every_role_and_status_has_its_words(tmp_path: Path) -> None:
    models = [load("hist@votes"), load("hist@cancelling")]
    paths = [tmp_path / f"{index}.json" for index in range(len(models))]
    for path, model in zip(paths, models, strict=True):
        circuits = [model.circuit()]
        path.write_text(json.dumps(page_data(model, circuits)))
    found = run_script(SCRIPT, *paths)
    assert set(found["roles"]) == {*get_args(HeadRole), *get_args(NeuronRole), "spare"}
    votes, cancelling = (item["texts"] for item in found["told"])
    assert [votes[f"m{layer}"] for layer in range(4)] == [*["a vote on hist"] * 3, "most votes on hist"]
    assert cancelling["a0.h1"] == cancelling["a0.h2"] == "half of a pair that cancels"
    assert found["told"][0]["statuses"] == ["inert", "inert alone, needed together", "live"]
    assert found["told"][1]["statuses"] == ["inert", "live", "live alone, in no minimal circuit"]
