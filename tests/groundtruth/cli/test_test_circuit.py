"""``groundtruth test-circuit``: the exact circuit passes, others fail the test that they should, from any source."""

import json

import numpy as np
import pytest

import groundtruth
from groundtruth.cli import main
from mib.graph import EdgeScores, Graph
from mib.leaderboard.formats import CircuitFile, write_circuit

FAST = ("--pairs", "40", "--random", "30")


@pytest.fixture
def run(capsys):
    def call(*arguments):
        with pytest.raises(SystemExit) as left:
            main(["test-circuit", *map(str, arguments), *FAST])
        out, err = capsys.readouterr()
        return left.value.code, out, err

    return call


def exact_edges():
    """The exact circuit of ``reverse`` and its graph; MIB's files have no node ``pos``."""
    model = groundtruth.load("reverse")
    edges = [edge for edge in model.circuit().edges if edge.source != "pos"]
    graph = Graph(model.graph.n_layers, model.graph.n_heads, model.graph.d_model)
    kept = np.zeros(graph.edge_mask.shape, dtype=bool)
    for edge in edges:
        kept[graph.index(edge)] = True
    return graph, kept


def test_the_exact_circuit_passes_and_is_told_in_a_table_that_fits(run):
    code, out, _ = run("truth", "--model", "reverse")
    assert code == 0
    assert out.startswith("truth on reverse: 8 edges, 40 examples")
    assert [line.split()[0] for line in out.splitlines() if line[:1].isalpha()] == [
        "truth", "test", "equivalence", "independence", "minimality", "sufficiency", "partial", "level",
    ]  # fmt: skip
    assert max(map(len, out.splitlines())) <= 100
    _, out, _ = run("truth", "--model", "reverse", "--json")
    told = {name: test["detail"] for name, test in json.loads(out)["tests"].items()}
    assert told["equivalence"] == "ahead of the model on 50%, equal on 40 of 40 examples"
    assert told["minimality"] == "no edge is superfluous"


def test_a_circuit_of_one_edge_is_not_equivalent(run, tmp_path):
    graph, _ = exact_edges()
    one = {edge: float(str(edge) == "input->logits") for edge in graph.edges}
    write_circuit(tmp_path / "ranking.json", EdgeScores(graph, one))
    code, out, _ = run(tmp_path / "ranking.json", "--top", "1", "--model", "reverse", "--json")
    assert code == 1
    found = json.loads(out)
    assert found["n_edges"] == 1
    assert found["tests"]["equivalence"]["holds"] is False
    assert found["tests"]["equivalence"]["p_value"] < 0.05


def test_a_file_is_a_circuit_or_with_top_a_ranking(run, tmp_path):
    graph, kept = exact_edges()
    write_circuit(tmp_path / "circuit.json", CircuitFile.from_edges(graph, kept))
    code, out, _ = run(tmp_path / "circuit.json", "--model", "reverse", "--json")
    assert code == 0 and json.loads(out)["n_edges"] == kept.sum()
    values = np.where(kept, 1.0, 0.0)
    write_circuit(tmp_path / "ranking.pt", EdgeScores(graph, values))
    code, out, _ = run(tmp_path / "ranking.pt", "--top", kept.sum(), "--model", "reverse", "--json")
    assert code == 0 and json.loads(out)["n_edges"] == kept.sum()


def test_the_best_edges_of_which_none_leads_through_are_refused_with_the_least_that_do(run):
    # Single cuts do not see votes, so that the first path is complete only further down the ranking.
    code, _, err = run("exact", "--model", "hist@votes", "--top", "7")
    said = "exact: no path from an embedding to the logits runs through its best 7 alone, so that they are no circuit."
    assert code == 2 and f"error: {said} Take more: the least is --top 17." in err
    code, out, _ = run("exact", "--model", "hist@votes", "--top", "17")
    assert code == 1 and not out.startswith("exact on hist@votes: 0 edges")
    assert "--top 17: edges on no path from an embedding to the logits carry nothing and are left out" in out
    code, _, err = run("exact", "--model", "hist@votes", "--top", "16")
    assert code == 2 and "--top 17" in err


def test_a_file_of_an_empty_circuit_is_refused(run, tmp_path):
    graph, kept = exact_edges()
    write_circuit(tmp_path / "circuit.json", CircuitFile.from_edges(graph, np.zeros_like(kept)))
    code, _, err = run(tmp_path / "circuit.json", "--model", "reverse")
    assert code == 2 and "circuit.json has no edge in its graph: there is no circuit to test." in err


def test_what_names_no_circuit_is_refused(run, tmp_path):
    graph, _ = exact_edges()
    ranking = tmp_path / "ranking.json"
    write_circuit(ranking, EdgeScores(graph, np.zeros(len(graph.edges))))
    other = tmp_path / "other.json"
    write_circuit(other, EdgeScores(Graph(1, 1, 4), np.zeros(8)))
    for arguments, message in (
        ((ranking,), "ranks edges, all of which are in the graph: say by --top how many to take"),
        ((other,), "is of another model: it has 1 layer x 1 head, d_model 4, sequential, the model 4 layers"),
        (("eap",), "error: eap ranks edges and names no circuit: say by --top how many to take, from 1 to 94"),
        (("eap", "--top", "95"), "error: eap ranks 94 parts, not top=95: say by --top"),
        (("truth", "--task", "ioi"), "error: --task ioi is for language models; 'reverse' is compiled"),
    ):
        code, _, err = run(*arguments, "--model", "reverse")
        assert code == 2 and message in err
