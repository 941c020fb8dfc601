"""The page's program gives what Python's gives, whole and as a causal model, and the model agrees after every swap."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from groundtruth import load
from groundtruth.explorer.page_data import page_data
from groundtruth.model import CompiledModel
from groundtruth.store.catalog import shipped, shipped_variants
from groundtruth.store.json_values import pack
from groundtruth.truth.variables.rasp_causal_model import UNDEFINED, CausalModel
from groundtruth.truth.variables.variable_truth import program_readers
from tests.groundtruth.explorer.node import run_script

SCRIPT = Path(__file__).with_name("run_programs.mjs")
MODELS = [*shipped()[1::15], *(name for name in shipped_variants() if name.endswith(("@all", "@soft")))][:13]
N_TRACES, N_PAIRS = 24, 4


def packed(value: Any) -> Any:
    return {"undefined": True} if value is UNDEFINED else pack(value)


def traces(model: CompiledModel, causal: CausalModel) -> list[dict[str, Any]]:
    found = [(tokens, causal.run(tokens)) for tokens in model.domain.sample(N_TRACES, seed=1)]
    return [
        {
            "tokens": [pack(token) for token in tokens],
            "values": {label: [packed(value) for value in column] for label, column in values.items()},
        }
        for tokens, values in found
    ]


def swaps(model: CompiledModel, causal: CausalModel) -> list[dict[str, Any]]:
    """Each variable at each stage; whether the model agrees with the program there is what the stored truth says."""
    rng = random.Random(0)
    found: list[dict[str, Any]] = []
    pairs = model.domain.pairs("mixed" if model.pad_safe else "fixed", n=200, seed=2)
    for index, truth in enumerate(model.variables()):
        label = truth.variable.label
        for stage, known in enumerate(truth.stages):
            readers = program_readers(truth.variable, known)
            for base, source in rng.sample(pairs, N_PAIRS):
                values = causal.interchange(
                    base, {label: (source, None)}, readers={} if readers is None else {label: readers}
                )
                output = [packed(value) for value in values[causal.output]]
                kind = "fixed" if len(base) == len(source) else "mixed"
                agrees = not any(item.wrong for item in known.interchanges if item.pairs == kind)
                pair = {"base": [pack(token) for token in base], "source": [pack(token) for token in source]}
                found.append(pair | {"variable": index, "stage": stage, "output": output, "agrees": agrees})
    return found


@pytest.fixture(scope="module")
def in_node(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("programs")
    for index, name in enumerate(MODELS):
        model = load(name)
        causal = CausalModel(model)
        content = {"data": page_data(model), "traces": traces(model, causal), "swaps": swaps(model, causal)}
        (folder / f"{index}.json").write_text(json.dumps(content))
    return run_script(SCRIPT, folder)


def test_values_and_causal_models_are_those_of_python_and_models_agree(in_node: dict[str, Any]) -> None:
    assert set(in_node) == set(MODELS)
    assert {name: found["wrong"][:3] for name, found in in_node.items() if found["wrong"]} == {}
    assert sum(found["defined"] for found in in_node.values()) > 200
