"""Whatever a file holds, reading it gives a circuit or a FormatError that names the file."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mib.errors import FormatError
from mib.graph import EdgeScores, Graph, NeuronScores, NodeScores
from mib.leaderboard.formats import CircuitFile, read_circuit, write_circuit

GRAPH = Graph(n_layers=1, n_heads=2, d_model=2)
FUZZ = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])

names = st.one_of(st.text(max_size=8), st.sampled_from(["cfg", "nodes", "edges", "logits", "input->m0", "a0.h0"]))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=8,
)


def full_file() -> CircuitFile:
    rng = np.random.default_rng(0)
    return CircuitFile(
        scores=EdgeScores(GRAPH, rng.normal(size=len(GRAPH.edges))),
        edges=GRAPH.edge_mask,
        nodes=np.ones(4, dtype=np.bool_),
        node_scores=NodeScores(GRAPH, rng.normal(size=4)),
        neurons=rng.random((4, 2)) < 0.5,
        neuron_scores=NeuronScores(GRAPH, rng.normal(size=(4, 2))),
    )


def read_or_format_error(path: Path) -> str:
    try:
        circuit = read_circuit(path)
    except FormatError as error:
        assert str(error).startswith(f"{path}: ")
        return "error"
    assert isinstance(circuit, CircuitFile)
    assert np.isfinite(circuit.scores.flat[~np.isnan(circuit.scores.flat)]).all()
    assert not circuit.edges[~circuit.graph.edge_mask].any()
    return "circuit"


@pytest.fixture(scope="module")
def valid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("valid")
    write_circuit(folder / "c.json", full_file())
    write_circuit(folder / "c.pt", full_file())
    assert read_or_format_error(folder / "c.json") == read_or_format_error(folder / "c.pt") == "circuit"
    return folder


def spots(document: object) -> list[tuple[object, object]]:
    """Every (container, key) of a nested document."""
    if isinstance(document, dict):
        children = list(document.items())
    elif isinstance(document, list):
        children = list(enumerate(document))
    else:
        return []
    return [(document, key) for key, _ in children] + [spot for _, child in children for spot in spots(child)]


@FUZZ
@given(data=st.data())
def test_mutated_json(data: st.DataObject, valid: Path, tmp_path: Path) -> None:
    document = json.loads((valid / "c.json").read_text())
    for _ in range(data.draw(st.integers(1, 3), label="mutations")):
        found = spots(document)
        if not found:
            break
        container, key = data.draw(st.sampled_from(found), label="place")
        action = data.draw(st.sampled_from(["replace", "delete", "duplicate"]), label="action")
        if action == "replace":
            container[key] = data.draw(values, label="value")
        elif action == "delete":
            del container[key]
        elif isinstance(container, dict):
            container[data.draw(names, label="name")] = copy.deepcopy(container[key])
        else:
            container.append(copy.deepcopy(container[key]))
    path = tmp_path / "c.json"
    path.write_text(json.dumps(document))
    read_or_format_error(path)


@FUZZ
@given(document=values)
def test_any_json(document: object, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(json.dumps(document))
    assert read_or_format_error(path) == "error"


@FUZZ
@given(content=st.binary(max_size=200), suffix=st.sampled_from([".json", ".pt"]))
def test_any_bytes(content: bytes, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"c{suffix}"
    path.write_bytes(content)
    assert read_or_format_error(path) == "error"


@FUZZ
@given(share=st.floats(0, 1, exclude_max=True), suffix=st.sampled_from([".json", ".pt"]))
def test_truncated_files(share: float, suffix: str, valid: Path, tmp_path: Path) -> None:
    content = (valid / f"c{suffix}").read_bytes()
    path = tmp_path / f"c{suffix}"
    path.write_bytes(content[: int(share * len(content))])
    assert read_or_format_error(path) == "error"


@FUZZ
@given(data=st.data(), suffix=st.sampled_from([".json", ".pt"]))
def test_flipped_bytes(data: st.DataObject, suffix: str, valid: Path, tmp_path: Path) -> None:
    content = bytearray((valid / f"c{suffix}").read_bytes())
    for _ in range(data.draw(st.integers(1, 4), label="flips")):
        content[data.draw(st.integers(0, len(content) - 1), label="at")] = data.draw(st.integers(0, 255))
    path = tmp_path / f"c{suffix}"
    path.write_bytes(bytes(content))
    read_or_format_error(path)


shapes = st.sampled_from([(), (4,), (4, 8), (8, 4), (4, 2), (0,), (4, 8, 1)])
dtypes = st.sampled_from([torch.float32, torch.float16, torch.bool, torch.int64, torch.complex64, torch.uint8])
tensors = st.builds(lambda shape, dtype: torch.ones(shape).to(dtype), shapes, dtypes) | st.sampled_from(
    [
        torch.ones(4, 8).to_sparse(),
        torch.ones(1, 1).expand(4, 8),
        torch.full((4, 8), torch.nan),
        torch.full((4,), torch.inf),
        torch.ones(4, 8, requires_grad=True),
    ]
)


@FUZZ
@given(data=st.data())
def test_mutated_tensor_files(data: st.DataObject, valid: Path, tmp_path: Path) -> None:
    entries = torch.load(valid / "c.pt", weights_only=True)
    for _ in range(data.draw(st.integers(1, 3), label="mutations")):
        key = data.draw(st.sampled_from(sorted(entries) or ["cfg"]), label="key")
        if data.draw(st.booleans(), label="delete"):
            entries.pop(key, None)
        else:
            entries[key] = data.draw(values | tensors, label="value")
    path = tmp_path / "c.pt"
    torch.save(entries, path)
    read_or_format_error(path)


@FUZZ
@given(content=values | tensors | st.dictionaries(st.integers(), tensors, max_size=2))
def test_any_saved_object(content: object, tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    torch.save(content, path)
    assert read_or_format_error(path) == "error"
