import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from mib.errors import FormatError
from mib.graph import EdgeScores, Graph, NeuronScores, NodeScores
from mib.leaderboard.formats import CircuitFile, read_circuit, write_circuit

GOLDEN = Path(__file__).parents[3] / "golden"
MODELS = ("gpt2-random", "relu-bidirectional")
SMALL = Graph(n_layers=2, n_heads=2, d_model=3)


def same(one: CircuitFile, other: CircuitFile) -> bool:
    def equal(a, b):
        if a is None or b is None:
            return a is b
        a, b = getattr(a, "values", a), getattr(b, "values", b)
        return np.array_equal(a, b, equal_nan=a.dtype.kind == "f")

    parts = ("scores", "edges", "nodes", "node_scores", "neurons", "neuron_scores")
    return one.graph == other.graph and all(equal(getattr(one, p), getattr(other, p)) for p in parts)


def random_file(graph: Graph, seed: int, *, neurons: bool = True) -> CircuitFile:
    rng = np.random.default_rng(seed)
    sources, edges = len(graph.sources), len(graph.edges)
    scores = rng.normal(size=edges)
    scores[rng.random(edges) < 0.1] = np.nan
    node_scores, neuron_scores = rng.normal(size=sources), rng.normal(size=(sources, graph.d_model))
    node_scores[0] = np.nan
    neuron_scores[0, 1] = np.nan
    return CircuitFile(
        scores=EdgeScores(graph, scores),
        edges=rng.random(graph.edge_mask.shape) < 0.5,
        nodes=rng.random(sources) < 0.5,
        node_scores=NodeScores(graph, node_scores) if neurons else None,
        neurons=rng.random((sources, graph.d_model)) < 0.5 if neurons else None,
        neuron_scores=NeuronScores(graph, neuron_scores) if neurons else None,
    )


def write_document(path: Path, **changes: object) -> Path:
    document = {
        "cfg": {"n_layers": 1, "n_heads": 2, "parallel_attn_mlp": False, "d_model": 3},
        "nodes": {"input": {"in_graph": True}, "logits": {"in_graph": True}},
        "edges": {"input->a0.h1<v>": {"score": -2.5, "in_graph": True}, "a0.h1->logits": {"in_graph": True}},
    }
    path.write_text(json.dumps({**document, **changes}))
    return path


@pytest.mark.parametrize("suffix", [".json", ".pt"])
@pytest.mark.parametrize("model", MODELS)
def test_reads_the_scores_of_the_reference(model: str, suffix: str) -> None:
    golden = load_file(GOLDEN / model / "golden.safetensors")
    circuit = read_circuit(GOLDEN / model / f"importances{suffix}")
    real = golden["real_edge_mask"].astype(bool)
    assert np.array_equal(circuit.graph.edge_mask, real)
    assert np.array_equal(circuit.scores.values[real], golden["edge_scores.EAP"].astype(np.float64)[real])
    assert np.isnan(circuit.scores.values[~real]).all()
    assert np.array_equal(circuit.edges, real) and circuit.nodes.all()
    assert circuit.node_scores is None and circuit.neurons is None and circuit.neuron_scores is None


@pytest.mark.parametrize("model", MODELS)
def test_json_is_written_byte_for_byte_as_the_reference_writes_it(model: str, tmp_path: Path) -> None:
    original = GOLDEN / model / "importances.json"
    write_circuit(tmp_path / "again.json", read_circuit(original))
    assert (tmp_path / "again.json").read_bytes() == original.read_bytes()


@pytest.mark.parametrize("model", MODELS)
def test_tensors_are_written_as_the_reference_writes_them(model: str, tmp_path: Path) -> None:
    original = GOLDEN / model / "importances.pt"
    write_circuit(tmp_path / "again.pt", read_circuit(original))
    ours = torch.load(tmp_path / "again.pt", weights_only=True)
    theirs = torch.load(original, weights_only=True)
    assert list(ours) == list(theirs)
    for key, value in theirs.items():
        if isinstance(value, torch.Tensor):
            assert ours[key].dtype == value.dtype and torch.equal(ours[key], value), key
        else:
            assert ours[key] == value, key


@pytest.mark.parametrize("suffix", [".json", ".pt"])
@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize("neurons", [False, True])
def test_what_is_written_reads_back_equal_and_writes_equal_bytes(
    suffix: str, parallel: bool, neurons: bool, tmp_path: Path
) -> None:
    circuit = random_file(replace(SMALL, parallel=parallel), seed=1, neurons=neurons)
    write_circuit(tmp_path / f"one{suffix}", circuit)
    again = read_circuit(tmp_path / f"one{suffix}")
    assert same(circuit, again)
    write_circuit(tmp_path / f"another-name{suffix}", again)
    assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"another-name{suffix}").read_bytes()


def test_the_two_formats_hold_the_same(tmp_path: Path) -> None:
    circuit = random_file(SMALL, seed=2)
    write_circuit(tmp_path / "c.json", circuit)
    write_circuit(tmp_path / "c.pt", circuit)
    assert same(read_circuit(tmp_path / "c.json"), read_circuit(tmp_path / "c.pt"))


def test_scores_that_single_precision_would_change_stay_double(tmp_path: Path) -> None:
    scores = EdgeScores(SMALL, np.full(len(SMALL.edges), 0.1))
    write_circuit(tmp_path / "c.pt", scores)
    assert torch.load(tmp_path / "c.pt", weights_only=True)["edges_scores"].dtype == torch.float64
    assert np.array_equal(read_circuit(tmp_path / "c.pt").scores.flat, scores.flat)


def test_node_and_neuron_scores_alone_are_written_with_everything_in_the_graph(tmp_path: Path) -> None:
    nodes = NodeScores(SMALL, np.arange(7.0))
    write_circuit(tmp_path / "nodes.json", nodes)
    read = read_circuit(tmp_path / "nodes.json")
    assert read.node_scores is not None and np.array_equal(read.node_scores.values, nodes.values)
    assert read.nodes.all() and np.array_equal(read.edges, SMALL.edge_mask)
    neurons = NeuronScores(SMALL, np.arange(21.0).reshape(7, 3))
    write_circuit(tmp_path / "neurons.pt", neurons)
    read = read_circuit(tmp_path / "neurons.pt")
    assert read.neuron_scores is not None and np.array_equal(read.neuron_scores.values, neurons.values)
    assert read.neurons is not None and read.neurons.all()


def test_partial_nodes_and_missing_scores(tmp_path: Path) -> None:
    circuit = read_circuit(write_document(tmp_path / "c.json"))
    assert circuit.scores["input->a0.h1<v>"] == -2.5
    assert circuit.scores["a0.h1->logits"] == 0.0, "an edge without a score has score 0"
    assert circuit.scores["m0->logits"] == 0.0, "an edge that the file leaves out has score 0"
    assert not circuit.edges[circuit.graph.index("m0->logits")]
    kept = [name for name, kept in zip(circuit.graph.sources, circuit.nodes, strict=True) if kept]
    assert kept == ["input", "a0.h1"], "an unlisted node is in the circuit if an edge that it writes is"


def test_nan_is_an_unscored_edge(tmp_path: Path) -> None:
    edges = {"input->m0": {"score": float("nan"), "in_graph": True}}
    circuit = read_circuit(write_document(tmp_path / "c.json", edges=edges))
    assert np.isnan(circuit.scores["input->m0"])


def test_neurons_of_a_head_are_its_own_list_or_its_row_of_the_layer(tmp_path: Path) -> None:
    flat = {"a0.h1": {"in_graph": True, "neurons": [True, False, True], "neurons_scores": [1.0, 2, 3]}}
    layer = [[False, False, False], [True, False, True]]
    nested = {"a0.h1": {"in_graph": True, "neurons": layer, "neurons_scores": [[9, 9, 9], [1.0, 2.0, 3.0]]}}
    for nodes in (flat, nested):
        circuit = read_circuit(write_document(tmp_path / "c.json", nodes=nodes))
        row = circuit.graph.source_index["a0.h1"]
        assert circuit.neurons is not None and circuit.neurons[row].tolist() == [True, False, True]
        assert circuit.neuron_scores is not None and circuit.neuron_scores.values[row].tolist() == [1, 2, 3]
        assert np.isnan(circuit.neuron_scores.values[0]).all(), "nodes without a list are unscored"


def test_phantom_edges_of_a_tensor_file_are_dropped(tmp_path: Path) -> None:
    write_circuit(tmp_path / "c.pt", random_file(SMALL, seed=3))
    entries = torch.load(tmp_path / "c.pt", weights_only=True)
    entries["edges_in_graph"] = torch.ones_like(entries["edges_in_graph"])
    torch.save(entries, tmp_path / "c.pt")
    assert np.array_equal(read_circuit(tmp_path / "c.pt").edges, SMALL.edge_mask)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cfg": 3}, "cfg: Input should be a valid dictionary"),
        ({"cfg": {"n_heads": 2}}, "cfg.n_layers: Field required (and 2 more problems in this file)"),
        (
            {"cfg": {"n_layers": 10**9, "n_heads": 2, "parallel_attn_mlp": False, "d_model": 3}},
            "cfg: 1,000,000,000 layers x 2 heads, d_model 3, are 21,",
        ),
        (
            {"edges": {"input->m7": {"in_graph": True}}},
            "edges['input->m7']: edge 'input->m7': unknown destination",
        ),
        (
            {"cfg": {"n_layers": 2800, "n_heads": 1, "parallel_attn_mlp": False, "d_model": 1}, "nodes": {}},
            "cfg: 2,800 layers x 1 head, d_model 1, are 62,736,801 pairs; at most 5,0",
        ),
        (
            {"cfg": {"n_layers": 1, "n_heads": 2, "parallel_attn_mlp": False, "d_model": 3, "n_kv_heads": 1}},
            "cfg.n_kv_heads: is not a key of this format, and what it changes is not known. Take it out if it changes",
        ),
        ({"ablation": "mean"}, "ablation: is not a key of this format"),
        ({"nodes": {"m0": {"in_graph": True, "weight": 2}}}, "nodes.m0.weight: is not a key of this format"),
        ({"edges": {"input->m0": {"in_graph": True, "sign": -1}}}, "edges['input->m0'].sign: is not a key of this"),
        ({"edges": {"m0->m0": {"in_graph": True}}}, "edges['m0->m0']: edge 'm0->m0' does not exist"),
        ({"edges": {"input": {"in_graph": True}}}, "edges['input']: 'input' is not an edge"),
        ({"edges": {"input->m0": {"score": 1.0}}}, "edges['input->m0'].in_graph: Field required"),
        (
            {"edges": {"input->m0": {"score": "1", "in_graph": True}}},
            "edges['input->m0'].score: Input should be a",
        ),
        ({"edges": {"input->m0": {"in_graph": 2}}}, "edges['input->m0'].in_graph: Value error, expected true or"),
        (
            {"edges": {"input->m0": {"score": float("inf"), "in_graph": True}}},
            "edges['input->m0'].score: the score is infinite. Write a finite number, or NaN for an unscored part.",
        ),
        ({"nodes": {"m7": {"in_graph": True}}}, "nodes['m7']: this graph has no such node. Did you mean: m0."),
        (
            {"nodes": {"a0.h1": {"in_graph": True, "neurons": [1, 0]}}},
            "nodes['a0.h1'].neurons: shape [2]; expected a list of d_model = 3 entries, or 2 such lists",
        ),
        (
            {"nodes": {"m0": {"in_graph": True, "neurons": [1, 0, 2]}}},
            "nodes['m0'].neurons[2]: expected true or false, found 2.0.",
        ),
        (
            {"nodes": {"m0": {"in_graph": True, "neurons_scores": [1, [0], 2]}}},
            "nodes['m0'].neurons_scores: the lists differ in length.",
        ),
    ],
)
def test_malformed_json_is_an_error_that_names_file_and_place(
    changes: dict[str, object], message: str, tmp_path: Path
) -> None:
    path = write_document(tmp_path / "c.json", **changes)
    with pytest.raises(FormatError) as caught:
        read_circuit(path)
    assert str(caught.value).startswith(f"{path}: {message}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"cfg": {}, "cfg": {}}', "['cfg']: this key appears twice."),
        ('{"cfg": }', "line 1 column 9: no JSON: Expecting value."),
        ("[" * 100_000, "top level: lists or objects are nested too deeply."),
        ("9" * 5_000, "top level: a number is too long"),
        ("\ud800".encode("utf-8", "surrogatepass"), "byte 0: no text"),
        ("[]", "top level: Input should be a valid dictionary"),
    ],
)
def test_text_that_is_no_document_is_an_error(text: str | bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(FormatError) as caught:
        read_circuit(path)
    assert str(caught.value).startswith(f"{path}: {message}")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ablation": "mean"}, "ablation: is not a key of this format, and what it changes is not known."),
        ({"cfg": {"rank": 2}}, "cfg.n_layers: Field required"),
        (
            {"edges_scores": np.zeros((7, 15))},
            "file: holds a numpy._core.multiarray._reconstruct; only tensors, numbers, texts, lists and dictionaries "
            "are read, and nothing is unpickled. Write arrays as tensors: torch.from_numpy(",
        ),
        ({"edges_scores": None}, "edges_scores: expected a tensor, found NoneType."),
        ({"edges_scores": torch.zeros(2, 2)}, "edges_scores: shape [2, 2]; expected [7, 15]."),
        ({"edges_scores": torch.full((7, 15), torch.inf)}, "edges_scores[0][0]: the score is infinite."),
        ({"edges_in_graph": torch.full((7, 15), 2)}, "edges_in_graph[0][0]: expected true or false, found 2.0."),
        ({"edges_in_graph": torch.zeros(7, 15).to_sparse()}, "edges_in_graph: expected a dense tensor"),
        ({"cfg": {1: 2}}, "cfg: the key 1 is no string."),
        ({"src_nodes": ["input"]}, "src_nodes: 1 nodes; the graph in cfg has 7."),
        ({"src_nodes": ["m0", *SMALL.sources[1:]]}, "src_nodes[0]: found 'm0', expected 'input'."),
        ({"dst_nodes": 4}, "dst_nodes: expected a list of node names, found int."),
        ({"nodes_scores": torch.zeros(7, dtype=torch.complex64)}, "nodes_scores: expected a dense tensor of real"),
    ],
)
def test_malformed_tensor_files_are_an_error_that_names_file_and_place(
    changes: dict[str, object], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "c.pt"
    write_circuit(path, random_file(SMALL, seed=4))
    torch.save({**torch.load(path, weights_only=True), **changes}, path)
    with pytest.raises(FormatError) as caught:
        read_circuit(path)
    assert str(caught.value).startswith(f"{path}: {message}")


class Harmful:
    def __reduce__(self):
        return (print, ("executed",))


def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "c.pt"
    torch.save({"cfg": Harmful()}, path)
    with pytest.raises(FormatError, match=r"c\.pt: file: holds a print; only tensors, numbers, texts, lists"):
        read_circuit(path)
    assert capsys.readouterr().out == ""


def test_no_reason_holds_what_would_command_a_terminal(tmp_path: Path) -> None:
    for content in (b"", b"PK", b"\x80\x04.", torch.zeros(3).numpy().tobytes()):
        (tmp_path / "c.pt").write_bytes(content)
        with pytest.raises(FormatError) as caught:
            read_circuit(tmp_path / "c.pt")
        assert str(caught.value).startswith(f"{tmp_path / 'c.pt'}: ")
        assert str(caught.value).isprintable()


def test_a_sparse_circuit_of_a_large_language_model_is_read(tmp_path: Path) -> None:
    """A file of a few edges of a Llama of 8 billion parameters is small, and its graph is not."""
    config = {"n_layers": 32, "n_heads": 32, "parallel_attn_mlp": False, "d_model": 4096}
    path = tmp_path / "c.json"
    edges = {"a31.h31->m31": {"in_graph": True}}
    path.write_text(json.dumps({"cfg": config, "nodes": {}, "edges": edges}))
    assert read_circuit(path).edges.sum() == 1


def test_what_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    scores = EdgeScores(SMALL, np.zeros(len(SMALL.edges)))
    for suffix in (".json", ".pt"):
        with pytest.raises(FormatError, match="file: cannot be written: No such file or directory. Make the folder"):
            write_circuit(tmp_path / "missing" / f"c{suffix}", scores)
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(FormatError, match="file: cannot be written: Is a directory"):
        write_circuit(tmp_path / "folder.json", scores)
    with pytest.raises(FormatError, match="circuit is a dict; expected a CircuitFile or scores of a graph"):
        write_circuit(tmp_path / "c.json", {"input->m0": 1.0})  # type: ignore[arg-type]


def test_missing_keys_of_a_tensor_file_are_listed(tmp_path: Path) -> None:
    torch.save({"cfg": {}, "src_nodes": [], "dst_nodes": [], "edges_scores": 1}, tmp_path / "c.pt")
    with pytest.raises(FormatError, match="top level: the keys edges_in_graph, nodes_in_graph are missing"):
        read_circuit(tmp_path / "c.pt")


def test_suffix_missing_file_and_position_node_are_errors(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"suffix: '\.txt' is no circuit format\. Use one of: \.json, \.pt\."):
        read_circuit(tmp_path / "c.txt")
    with pytest.raises(FormatError, match="absent.json: file: cannot be read: No such file or directory"):
        read_circuit(tmp_path / "absent.json")
    graph = replace(SMALL, pos=True)
    for suffix in (".json", ".pt"):
        with pytest.raises(FormatError, match="MIB's files have no node 'pos'"):
            write_circuit(tmp_path / f"c{suffix}", EdgeScores(graph, np.zeros(len(graph.edges))))
