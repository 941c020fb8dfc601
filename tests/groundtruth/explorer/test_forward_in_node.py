"""The page's forward pass equals Python's, and every stored witness holds in it: a second proof of each live edge."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from groundtruth import load
from groundtruth.compiled.domain import Tokens
from groundtruth.compiled.forward import forward
from groundtruth.explorer.page_data import model_data
from groundtruth.model import CompiledModel
from groundtruth.store.catalog import shipped_variants
from groundtruth.store.json_values import pack
from tests.groundtruth.explorer.node import run_script

SCRIPT = Path(__file__).with_name("run_models.mjs")
TOLERANCE = 1e-9

WHOLE = 400
"""Domains up to this size are run whole; of larger ones so many inputs."""

MODELS = (
    # A kind of each that the page must run: what it decodes, masks, pads and adds up.
    *("hist", "reverse", "frac_prevs", "length_numerical", "previous_token", "running_parity", "odd_one_out"),
    *("surplus", "pair_balance_shared", "contains_x_twice_told", "contains_x_by_vote", "spread", "add_with_hints"),
    *("hist@soft", "contains_x@all", "seen_before@superposed", "frac_prevs@redundancy", "previous_token@cancelling"),
    *("follow_pointer_twice@votes", "first_letters@distractors", "odd_one_out@rotated"),
)
"""Models with numbers and values, causal and not, of many heads and layers, of every tier."""


def exported(model: CompiledModel, *, limit: int, ablations: tuple[str, ...]) -> dict[str, Any]:
    inputs = model.domain.inputs(limit=limit).tokens
    return {
        "data": model_data(model),
        "inputs": [[pack(token) for token in tokens] for tokens in inputs],
        "logits": base64.b64encode(logits_of(model, inputs)).decode(),
        "outputs": [[pack(value) for value in output] for output in model.run_many(inputs)],
        "ablations": ablations,
    }


def logits_of(model: CompiledModel, inputs: list[Tokens]) -> bytes:
    """The logits of each input, none of them padded, one after another."""
    found: dict[int, bytes] = {}
    for length in {len(tokens) for tokens in inputs}:
        rows = [index for index, tokens in enumerate(inputs) if len(tokens) == length]
        logits = forward(model.weights, model.encode([inputs[i] for i in rows])).logits
        found |= {index: row.numpy().tobytes() for index, row in zip(rows, logits, strict=True)}
    return b"".join(found[index] for index in range(len(inputs)))


@pytest.fixture(scope="module")
def in_node(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What Node finds for each of these models."""
    folder = tmp_path_factory.mktemp("models")
    for index, name in enumerate(MODELS):
        ablations = ("resample", "zero", "mean", "mean-positional") if index % 5 == 0 else ("resample", "zero")
        content = exported(load(name), limit=WHOLE, ablations=ablations)
        (folder / f"{index}.json").write_text(json.dumps(content))
    return run_script(SCRIPT, folder)


def test_every_kind_of_model_and_every_tier_is_run(in_node: dict[str, Any]) -> None:
    assert set(in_node) == set(MODELS)
    assert sum(found["inputs"] > 100 for found in in_node.values()) >= 15
    assert {name.partition("@")[2] for name in MODELS} - {""} == {name.partition("@")[2] for name in shipped_variants()}


def test_logits_equal_those_of_python(in_node: dict[str, Any]) -> None:
    assert all(found["read"] for found in in_node.values())
    assert {name: found["difference"] for name, found in in_node.items() if found["difference"] > TOLERANCE} == {}


def test_outputs_decode_as_in_python(in_node: dict[str, Any]) -> None:
    assert {name: found["wrong"] for name, found in in_node.items() if found["wrong"]} == {}


def test_every_witness_changes_the_output_as_stored(in_node: dict[str, Any]) -> None:
    assert {name: found["refuted"] for name, found in in_node.items() if found["refuted"]} == {}
    assert all(found["tried"] > 0 for found in in_node.values())
