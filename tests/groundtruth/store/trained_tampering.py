"""Folders of a trained model in which something was changed, and every hash put right again."""

import json

from safetensors.numpy import load_file, save_file

from groundtruth.files import sha256, to_json
from groundtruth.store.save_trained import save_trained
from groundtruth.trained.certify_network import certify
from groundtruth.trained.trained_model import TrainedModel
from tests.groundtruth.store.tampering import MODEL, TRUTH, WEIGHTS
from tests.groundtruth.trained.wired_by_hand import copying_network


def stored_files(folder):
    """The files of the network wired by hand, by name."""
    network = copying_network()
    save_trained(TrainedModel.of(network, certificate=certify(network, n_subsets=40)), folder)
    return {name: (folder / name).read_bytes() for name in (WEIGHTS, MODEL, TRUTH)}


def change_trained(stored, folder, *, model=None, truth=None, weights=None):
    """A folder with the files changed, and every hash right again."""
    for name, content in stored.items():
        (folder / name).write_bytes(content)
    if weights is not None:
        arrays = load_file(folder / WEIGHTS)
        weights(arrays)
        save_file(arrays, folder / WEIGHTS)
    data = json.loads(stored[MODEL])
    data["weights_sha256"] = sha256((folder / WEIGHTS).read_bytes())
    if model is not None:
        model(data)
    (folder / MODEL).write_bytes(to_json(data))
    found = json.loads(stored[TRUTH])
    found["model_sha256"] = sha256((folder / MODEL).read_bytes())
    if truth is not None:
        truth(found)
    (folder / TRUTH).write_bytes(to_json(found))
    return folder
