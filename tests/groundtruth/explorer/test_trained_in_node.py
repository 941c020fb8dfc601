"""Trained models run in the page as in Python, their witnesses hold in it, and their page opens without directions."""

import base64
import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch

from groundtruth import load
from groundtruth.explorer.network_data import steps_data
from groundtruth.explorer.page_data import page_data
from groundtruth.explorer.page_file import model_page
from groundtruth.explorer.trained_steps import trained_steps
from groundtruth.store.catalog import shipped_trained
from groundtruth.store.json_values import pack
from groundtruth.trained.architecture import Architecture
from groundtruth.trained.certify_network import certify
from groundtruth.trained.swapped_programs import NOT_ASKED, SwappedProgram
from groundtruth.trained.trained_model import TrainedModel
from groundtruth.truth.circuits.circuit import ABLATIONS
from tests.groundtruth.explorer.node import run_script
from tests.groundtruth.trained.small_networks import ARCHITECTURES, random_network
from tests.groundtruth.trained.wired_by_hand import copying_network

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def copying() -> TrainedModel:
    network = copying_network()
    return TrainedModel.of(network, certificate=certify(network, n_subsets=50))


@pytest.mark.parametrize("shape", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_logits_of_any_architecture_equal_those_of_python(shape: Architecture, tmp_path: Path) -> None:
    network = random_network(shape)
    ids = network.encode(list(network.domain.enumerate()))
    path = tmp_path / "network.json"
    path.write_text(json.dumps({"network": steps_data(trained_steps(network)), "inputs": ids.tolist()}))
    found = torch.tensor(run_script(HERE / "run_steps.mjs", path), dtype=torch.float64)
    assert float((found - network.logits(ids)).abs().max()) <= 1e-9


def exported(model: TrainedModel, ablations: tuple[str, ...] = ABLATIONS) -> dict[str, Any]:
    """A trained model as the page has it, with what it gives in Python on its whole domain."""
    inputs = list(model.domain.enumerate())
    assert len({len(tokens) for tokens in inputs}) == 1
    logits = model.logits(model.encode(inputs))
    return {
        "data": page_data(model),
        "inputs": [[pack(token) for token in tokens] for tokens in inputs],
        "logits": base64.b64encode(logits.numpy().tobytes()).decode(),
        "outputs": [[pack(value) for value in output] for output in model.run_many(inputs)],
        "ablations": ablations,
    }


def test_every_witness_of_a_certificate_holds_in_the_page(copying: TrainedModel, tmp_path: Path) -> None:
    # One of each kind, architecture and correspondence, and one of two layers, so that the test does not grow with what
    # ships: `groundtruth verify` holds all of it to its witnesses.
    of_kinds = {name.partition("@")[2].rpartition("-")[0]: name for name in reversed(shipped_trained())}
    assert {"free", "free-llama", "sparse", "wired", "wired-llama", "wired-vote"} <= {*of_kinds}
    names = [*of_kinds.values(), "second_step@free-0", "follow_pointer_twice@layernorm"]
    for index, model in enumerate([copying, *map(load, names)]):
        assert isinstance(model, TrainedModel)
        ablations = ("resample", "zero") if index else ABLATIONS
        (tmp_path / f"{index}.json").write_text(json.dumps(exported(model, ablations)))
    found = run_script(HERE / "run_models.mjs", tmp_path)
    assert set(found) == {copying.name, *names}
    assert {name: item for name, item in found.items() if not item["read"] or item["wrong"] or item["refuted"]} == {}
    assert max(item["difference"] for item in found.values()) <= 1e-9
    assert all(item["inputs"] == 27 and item["tried"] > 0 for name, item in found.items() if name in names)


def swapped(model: TrainedModel) -> list[dict[str, Any]]:
    """Each variable at each of its sites on some pairs, with what the program gives where the certificate asks."""
    inputs, draw = list(model.domain.enumerate()), random.Random(0)
    program, found = SwappedProgram(model.numbered_program(), inputs), list[dict[str, Any]]()
    for index, truth in enumerate(model.variables()):
        for stage, known in enumerate(truth.stages):
            if not known.certified:
                continue
            rows, donors = ([draw.randrange(len(inputs)) for _ in range(12)] for _ in range(2))
            codes = program.codes(model.decoder, truth.variable.labels, torch.tensor(rows), torch.tensor(donors))
            for row, donor, said in zip(rows, donors, codes.tolist(), strict=True):
                if NOT_ASKED in said:
                    continue
                output = [pack(model.decoder.values[code]) for code in said]
                pair = {"base": [pack(t) for t in inputs[row]], "source": [pack(t) for t in inputs[donor]]}
                found.append(pair | {"variable": index, "stage": stage, "output": output, "agrees": True})
    return found


@pytest.mark.parametrize("name", ["waiting_pair@wired-1", "contains_x@wired-llama-0", "second_step@free-0"])
def test_a_variable_swapped_in_the_page_gives_what_the_program_gives(name: str, tmp_path: Path) -> None:
    model = load(name)
    assert isinstance(model, TrainedModel)
    content = {"data": page_data(model), "traces": [], "swaps": swapped(model)}
    (tmp_path / "model.json").write_text(json.dumps(content))
    found = run_script(HERE / "run_programs.mjs", tmp_path)[name]
    assert found["wrong"] == []
    assert found["defined"] == len(content["swaps"]) > 20
    # What no reader tells apart, as how often a token occurs, lies among each other, and is read rightly all the same.
    assert found["misread"] == [] and found["readings"] > 100


def test_a_page_of_a_trained_model_is_written_with_a_ranking(copying: TrainedModel) -> None:
    page = model_page(copying, ["eap"])
    assert "trained (free, seed 7)" in page
    assert '"trained":true' in page and '"method":"eap"' in page
