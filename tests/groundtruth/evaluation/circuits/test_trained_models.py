"""Methods on trained models: mib's engine takes their modules, and its cuts are those of the certificate."""

import json

import numpy as np
import pytest
import torch

from groundtruth import localization_task, score
from groundtruth.bench.cell_key import cell_key, model_sha256
from groundtruth.bench.run_cell import run_cell
from groundtruth.cli.main import main
from groundtruth.errors import ArtifactError, DomainError, VariantError
from groundtruth.evaluation.circuits.circuit_evaluator import CircuitEvaluator
from groundtruth.model import load_compiled
from groundtruth.results.cell import Cell
from groundtruth.results.circuit_scores import CircuitScores
from groundtruth.results.circuit_values import circuit_record
from groundtruth.specs import find_model, models_in
from groundtruth.store import catalog, write_index
from groundtruth.store.save_trained import save_trained
from groundtruth.trained.certify_network import Certifier, certify
from groundtruth.trained.cut_forward import Cut, forward
from groundtruth.trained.trained_model import TrainedModel
from mib import localization
from tests.groundtruth.store.tampering import MODEL
from tests.groundtruth.store.trained_tampering import stored_files
from tests.groundtruth.trained.small_networks import ARCHITECTURES, random_network
from tests.groundtruth.trained.wired_by_hand import copying_network

METHODS = ("eap", "eap-ig-inputs", "exact", "ifr", "relp", "activation-norm", "weight-norm", "atp-star", "acdc")


@pytest.fixture(scope="module", params=ARCHITECTURES, name="network")
def _network(request):
    return random_network(ARCHITECTURES[request.param], seed=1)


@pytest.fixture(scope="module", name="task")
def _task(network):
    return localization_task(TrainedModel.of(network), n_pairs=12, dtype=torch.float64)


def test_exact_is_what_each_cut_of_the_certificate_does_to_the_metric(network, task):
    """The engine's hooks and the plain functions that the certificate runs on are two programs."""
    found = localization.get("exact")(task)
    donors = forward(network.architecture, network.weights, task.counterfactual).sources
    examples = torch.arange(len(task))

    def measured(mask):
        cut = Cut(donors, mask[None])
        return task.metric(forward(network.architecture, network.weights, task.clean, cut).logits, examples).mean()

    nothing = torch.zeros(network.graph.edge_mask.shape, dtype=torch.float64)
    whole = measured(nothing)
    for edge in network.graph.edges:
        mask = nothing.clone()
        mask[network.graph.index(edge)] = 1.0
        assert found[edge] == pytest.approx(float(whole - measured(mask)), abs=1e-9 * max(1.0, abs(float(whole))))


def test_exact_is_zero_where_the_certificate_says_that_nothing_changes(network, task):
    found, certifier = localization.get("exact")(task), Certifier(network)
    constant = [e for e in network.graph.edges if certifier.donors_of(e, "resample") is None]
    assert bool(constant) == network.graph.pos  # positions are the same whatever the tokens
    assert all(abs(found[edge]) < 1e-12 for edge in constant)
    others = [abs(found[edge]) for edge in network.graph.edges if edge not in constant]
    assert np.median(others) > 1e-3


@pytest.mark.parametrize("method", METHODS)
def test_methods_run_on_the_module_of_every_architecture(task, method):
    scores = localization.get(method)(task)
    assert np.isfinite(scores.flat).all() and scores.flat.any()


@pytest.fixture(scope="module", name="library")
def _library(tmp_path_factory):
    """A library in which the network wired by hand ships."""
    library = tmp_path_factory.mktemp("library")
    (library / "trained" / NAME).mkdir(parents=True)
    stored_files(library / "trained" / NAME)
    write_index.write_trained_index(library / "trained")
    return library


NAME = "previous_token@free-7"


@pytest.fixture(name="ships")
def _ships(library, monkeypatch):
    monkeypatch.setattr(catalog, "library", lambda: library)
    return library / "trained" / NAME


def test_scores_against_a_certificate_are_exact(ships):
    found = score("exact", NAME, n_pairs=32, dtype=torch.float64)
    assert (found.model, found.truth.certainty, found.truth.lengths) == (NAME, "exact", "fixed")
    assert found.live.exact and found.live.true == 2 and found.live.judged == 21
    assert circuit_record(found)["model"] == NAME
    assert score("oracle", str(ships), n_pairs=32).live.exact
    for ablation, live in (("zero", 4), ("mean-positional", 2)):
        assert score("exact", NAME, ablation=ablation, n_pairs=32, dtype=torch.float64).live.true == live


def test_wrong_edges_have_the_reasons_of_the_correspondence():
    model = TrainedModel.of(copying_network(), certificate=certify(copying_network(), n_subsets=0))
    found = CircuitEvaluator.of(model, n_pairs=32, dtype=torch.float64).score(localization.get("ifr"))
    missed = {edge.name: edge.reason for edge in found.wrong if edge.kind == "missed"}
    assert missed["a0.h1->logits"] == "previous for previous"
    assert missed["input->a0.h1<v>"] == "tokens for previous"


def test_cells_are_keyed_by_the_files(ships):
    cell = Cell(method="eap", model=NAME)
    outcome = run_cell(cell)
    assert isinstance(outcome, CircuitScores) and outcome.model == NAME
    before = cell_key(cell), model_sha256(NAME)
    assert model_sha256(f"trained/{NAME}") == before[1]
    described = (ships / MODEL).read_bytes()
    model_sha256.cache_clear()
    try:
        (ships / MODEL).write_bytes(described + b"\n")
        assert cell_key(cell) != before[0] and model_sha256(NAME) != before[1]
    finally:
        (ships / MODEL).write_bytes(described)
        model_sha256.cache_clear()


def test_names_stand_for_trained_models(ships, monkeypatch):
    assert models_in(["trained", "previous_token@*"]) == [NAME, NAME]
    assert isinstance(find_model(f"trained/{NAME}"), TrainedModel)
    monkeypatch.setattr(catalog, "library", lambda: ships)
    with pytest.raises(ArtifactError, match="no trained model ships with this version"):
        models_in(["trained"])


def test_what_needs_a_compiled_model_says_so(ships):
    with pytest.raises(DomainError, match=f"'{NAME}' is a trained model, and this needs a compiled one"):
        load_compiled(NAME)
    with pytest.raises(
        VariantError, match="has no variant 'decoys'. Variants that give it other parts are for compiled"
    ):
        find_model(f"{NAME}@decoys")


def _printed(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_show_says_how_the_truth_is_known(ships, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    text = _printed(capsys, "show", NAME)
    for words in (
        "trained (free, seed 7, 0 steps) · the circuit was chosen before training and trained for",
        "certified by enumeration: all 27 inputs, each edge cut on all 729 pairs",
        "previous = Aggregate(Select(indices, indices, key == max(query - 1, 0)), tokens)",
        "behaviour: 0 of 27 runs wrong, smallest margin 2.66",
        "each needless edge alone: 0 of 17 change an output",
        "interchange of previous on a0.h1, on all 729 pairs: 1 right; 0 of 729 runs wrong",
        "live edges, fixed lengths: resample 2 · zero 4 · mean 4 · mean-positional 2",
    ):
        assert words in text, text
    data = json.loads(_printed(capsys, "show", NAME, "--json"))
    assert data["certified_by_enumeration"] is True and data["training"]["kind"] == "free"
    assert data["circuit"]["live"] == ["input->a0.h1<v>", "a0.h1->logits"]
    assert data["certificate"]["interchanges"][0]["accuracy"] == 1.0


def test_show_says_that_a_network_is_not_certified(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    network = random_network(ARCHITECTURES["without norm, bidirectional"], length=2, seed=1)
    save_trained(TrainedModel.of(network, certificate=certify(network, n_subsets=0)), tmp_path)
    text = _printed(capsys, "show", str(tmp_path))
    assert "NOT certified: behaviour: 4 of 4 runs wrong" in text and "certified by enumeration" not in text


def test_models_lists_the_trained_tier(ships, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    text = _printed(capsys, "models", "--tier", "trained")
    assert NAME in text and "gpt2 1 x 2, d 12" in text and "1 trained model, circuits certified" in text
    (entry,) = json.loads(_printed(capsys, "models", "--tier", "trained", "--json"))
    assert entry["name"] == NAME and entry["live"]["zero"] == 4


def test_models_lists_one_tier_of_variants(capsys):
    names = [entry["name"] for entry in json.loads(_printed(capsys, "models", "--tier", "soft", "--json"))]
    assert names and all(name.endswith("@soft") for name in names)
    with pytest.raises(SystemExit):
        main(["models", "--tier", "traned"])
    assert "unknown tier 'traned'. Did you mean: trained" in capsys.readouterr().err
