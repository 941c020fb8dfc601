"""Trained models run in the page as in Python, their witnesses hold in it, and their page opens without directions."""

import base64
import json
from pathlib import Path

import pytest
import torch

from groundtruth.explorer.network_data import steps_data
from groundtruth.explorer.page_data import page_data
from groundtruth.explorer.page_file import model_page
from groundtruth.explorer.trained_steps import trained_steps
from groundtruth.store.json_values import pack
from groundtruth.trained.architecture import Architecture
from groundtruth.trained.certify_network import certify
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


def test_every_witness_of_a_certificate_holds_in_the_page(copying: TrainedModel, tmp_path: Path) -> None:
    inputs = list(copying.domain.enumerate())
    logits = copying.logits(copying.encode(inputs))
    content = {
        "data": page_data(copying),
        "inputs": [[pack(token) for token in tokens] for tokens in inputs],
        "logits": base64.b64encode(logits.numpy().tobytes()).decode(),
        "outputs": [[pack(value) for value in output] for output in copying.run_many(inputs)],
        "ablations": ABLATIONS,
    }
    (tmp_path / "model.json").write_text(json.dumps(content))
    found = run_script(HERE / "run_models.mjs", tmp_path)[copying.name]
    assert found["read"] and found["difference"] <= 1e-9 and found["wrong"] == 0
    assert found["tried"] > 0 and found["refuted"] == []


def test_a_page_of_a_trained_model_is_written_with_a_ranking(copying: TrainedModel) -> None:
    page = model_page(copying, ["eap"])
    assert "trained (free, seed 7)" in page
    assert '"trained":true' in page and '"method":"eap"' in page
