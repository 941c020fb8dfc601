"""The exported attribution graph says what the program says: which token reaches which position, and by how much."""

import json
from pathlib import Path
from typing import Any

import pytest

from groundtruth.cli import main
from groundtruth.errors import DomainError
from groundtruth.explorer.attribution_graph import attribution_graph
from groundtruth.model import load_compiled


def links_between(graph: dict[str, Any], source: str, target: str) -> set[tuple[int, int]]:
    """Positions (from, to) that are linked, of nodes whose names begin so."""
    return {
        (int(link["source"].rpartition("_")[2]), int(link["target"].rpartition("_")[2]))
        for link in graph["links"]
        if link["source"].startswith(source) and link["target"].startswith(target)
    }


def test_tokens_reach_the_opposite_position_where_they_differ() -> None:
    graph = attribution_graph(load_compiled("reverse"), (1, 2, 3), (1, 3, 3))
    # a3.h0 copies the token at the opposite position; only the token at position 1 (2 after BOS) differs.
    assert links_between(graph, "E_", "3_0_") == {(2, 2)}
    assert links_between(graph, "3_0_", "4_") == {(2, 2)}
    weights = {(link["source"], link["target"]): link["weight"] for link in graph["links"]}
    # The answer's logit is 1 and the other value's 0: the whole answer is lost.
    assert weights["3_0_2", "4_1_2"] == pytest.approx(1.0, abs=1e-6)


def test_the_graph_has_the_fields_of_the_format_and_a_group_for_each_variable() -> None:
    graph = attribution_graph(load_compiled("hist"))
    names = [node["node_id"] for node in graph["nodes"]]
    assert len(names) == len(set(names))
    assert {end for link in graph["links"] for end in (link["source"], link["target"])} == set(names)
    assert 0 < len(graph["links"]) < 2_000
    assert set(graph) == {"metadata", "qParams", "nodes", "links"}
    assert graph["metadata"]["prompt_tokens"][0] == "BOS"
    for label, *members in graph["qParams"]["supernodes"]:
        own = {node["clerp"].partition(" = ")[0] for node in graph["nodes"] if node["node_id"] in members}
        assert own == {label}


def test_inputs_of_two_lengths_are_refused() -> None:
    with pytest.raises(DomainError, match="second has 2 tokens and the input 3; give inputs of one length"):
        attribution_graph(load_compiled("reverse"), (1, 2, 3), (1, 3))


def test_the_command_writes_the_graph_and_its_metadata(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as left:
        main(["explore", "hist", "--export", "neuronpedia", "--out", str(tmp_path / "hist.json")])
    assert left.value.code == 0
    graph = json.loads((tmp_path / "hist.json").read_text())
    assert json.loads((tmp_path / "graph-metadata.json").read_text()) == {"graphs": [graph["metadata"]]}
