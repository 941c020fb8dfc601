"""The page of a language model's circuit: every number is that of the model, and wrong files are refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from groundtruth.cli import main
from groundtruth.evaluation.language_models import shared_model
from groundtruth.explorer.circuit_page import circuit_graph, circuit_page
from groundtruth.explorer.language_circuit import circuit_page_data
from mib.graph import EdgeScores, Graph
from mib.leaderboard.formats import CircuitFile, write_circuit
from tests.groundtruth.explorer.learned_circuit import PAIRS, circuit_of, write_ranking


@pytest.fixture(scope="module")
def ranking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("circuit") / "mine.json"
    write_ranking(path)
    return path


def test_metrics_are_differences_of_the_models_own_logits(ranking: Path) -> None:
    circuit = circuit_of(ranking)
    data = circuit_page_data(circuit)
    module, tokenizer = shared_model("learned", "cpu", torch.float32).model.model, circuit.tokenizer
    for prompt in data["prompts"]:
        for tokens, told in ((prompt["clean"], prompt["full"]), (prompt["counterfactual"], prompt["empty"])):
            with torch.no_grad():
                logits = module(torch.tensor([[tokenizer.convert_tokens_to_ids(token) for token in tokens]]))[0, -1]
            right, wrong = (tokenizer.convert_tokens_to_ids(token) for token in prompt["answers"])
            assert told == pytest.approx(float(logits[right] - logits[wrong]), abs=1e-3)
    assert len(data["prompts"]) == PAIRS


def test_faithfulness_is_that_of_the_prompts_and_one_edge_more_or_less_is_an_effect(ranking: Path) -> None:
    circuit = circuit_of(ranking)
    data = circuit_page_data(circuit)
    full, empty = (np.mean([prompt[name] for prompt in data["prompts"]]) for name in ("full", "empty"))
    for index, size in enumerate(data["sizes"]):
        reached = np.mean([prompt["circuits"][index] for prompt in data["prompts"]])
        assert size["f"] == pytest.approx((reached - empty) / (full - empty), abs=1e-4)
    assert data["sizes"][-1]["n"] == data["total"] and data["sizes"][-1]["f"] == pytest.approx(1)
    assert data["sizes"][-1]["edges"] is None  # too many to be drawn
    shown = data["sizes"][data["shown"]]
    assert shown["parts"] == 20 and len(shown["edges"]) == shown["n"]
    unread = [i for i, edge in enumerate(data["edges"]) if edge.startswith("input->a2")]
    assert len(data["effects"]) == len(data["edges"]) and any(abs(data["effects"][i]) > 0 for i in unread)


def test_progress_counts_every_circuit_that_a_page_measures(ranking: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mib.metrics.measure_circuits._circuits_at_once", lambda task: 7)
    told: list[tuple[int, int]] = []
    circuit = replace(circuit_of(ranking), report=lambda done, total: told.append((done, total)))
    data = circuit_page_data(circuit)
    total = len(data["sizes"]) + len(data["edges"])
    assert {of for _, of in told} == {total}
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert told[0][0] < len(data["sizes"]) and told[-1][0] == total
    assert len(told) >= total // 7


def test_a_graph_has_the_effects_of_the_drawn_edges_and_its_answer(ranking: Path) -> None:
    circuit = circuit_of(ranking)
    graph = circuit_graph(circuit)
    data = circuit_page_data(circuit)
    shown = data["sizes"][data["shown"]]["edges"]
    summed = sum(data["prompts"][0]["effects"][i] for i in shown)
    assert sum(link["weight"] for link in graph["links"]) == pytest.approx(summed, abs=1e-3)
    names = {node["node_id"] for node in graph["nodes"]}
    assert {name for link in graph["links"] for name in (link["source"], link["target"])} == names
    assert f'Output "{data["prompts"][0]["answers"][0]}"' in {node["clerp"] for node in graph["nodes"]}
    assert graph["metadata"]["prompt_tokens"] == data["prompts"][0]["clean"]


def test_one_circuit_in_a_file_is_drawn_whole(ranking: Path, tmp_path: Path) -> None:
    graph = circuit_of(ranking).graph
    kept = graph.edge_mask & False
    for edge in ("input->m0", "m0->logits"):
        kept[graph.index(edge)] = True
    write_circuit(tmp_path / "two.json", CircuitFile.from_edges(graph, kept))
    data = circuit_page_data(circuit_of(tmp_path / "two.json"))
    assert data["edges"] == ["input->m0", "m0->logits"] and data["scores"] == [None, None]
    assert [size["n"] for size in data["sizes"]] == [2]


def test_the_page_is_one_small_file(ranking: Path) -> None:
    page = circuit_page(circuit_of(ranking))
    assert len(page.encode()) <= 250_000 and "learned on ioi" in page
    assert replace(circuit_of(ranking), model="/home/me/models/gpt2-ioi").model_name == "models/gpt2-ioi"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["mine.json"], "mine.json: say by --models of which language model the circuit is, such as learned."),
        (["hist", "--top", "3"], "--top 3: say by --models of which language model the circuit is, such as learned."),
        (["hist", "--models", "learned"], "--models learned: name one circuit file (.json or .pt), and leave --site "),
        (["mine.json", "--models", "hist"], "'hist' is no language model: its page shows the exact circuit"),
        (
            ["mine.json", "--models", "./nowhere"],
            "--models ./nowhere: there is no such folder. Name that of a checkpoint.",
        ),
        (
            ["mine.json", "--models", ".."],
            "--models ..: no checkpoint is in it (there is no config.json). Name the folder of one.",
        ),
        (["mine.json", "--models", "learned", "--top", "999"], "--top 999: mine.json ranks 262 parts. Choose from 1 "),
        (["other.json", "--models", "learned"], "other.json is of another model: it has 1 layer x 1 head, d_model 4"),
    ],
)
def test_what_cannot_be_drawn_is_an_error_that_says_what_to_do(
    arguments: list[str],
    error: str,
    ranking: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.json").write_bytes(ranking.read_bytes())
    other = Graph(n_layers=1, n_heads=1, d_model=4)
    write_circuit(tmp_path / "other.json", EdgeScores(other, np.ones(len(other.edges))))
    with pytest.raises(SystemExit) as left:
        main(["explore", *arguments])
    assert left.value.code == 2
    assert " ".join(capsys.readouterr().err.split()).startswith(f"error: {error}".strip())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.json", "other.json"]
