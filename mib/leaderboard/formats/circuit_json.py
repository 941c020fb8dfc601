"""MIB's circuit files in JSON.

``{"cfg": {...}, "nodes": {name: {"in_graph", "score"?, "neurons"?, "neurons_scores"?}}, "edges": {name: {"score"?,
"in_graph"}}}``. Source: ``Graph.to_json`` and ``Graph.from_json`` of EAP-IG
(https://github.com/hannamw/EAP-IG/blob/main/src/eap/graph.py). Deviations, each on purpose:

- A head's ``neurons`` may be one list of ``d_model`` entries, or one such list for every head of its layer, of
  which the head takes its own. The reference writes the second form and misreads the first. Written is the second.
- ``nodes`` may leave nodes out; such a node is in the circuit if an edge that it writes is.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, StrictFloat, ValidationError

from mib.errors import did_you_mean
from mib.graph import EdgeScores, Graph, NeuronScores, NodeScores
from mib.leaderboard.formats.circuit_file import CircuitFile
from mib.leaderboard.formats.place_names import (
    Config,
    Entries,
    config_of,
    first_error,
    infinite,
    malformed,
    no_edge,
    no_infinity,
)
from mib.whole_files import write_whole


def _flag(value: object) -> object:
    if isinstance(value, bool) or (isinstance(value, int | float) and value in (0, 1)):
        return bool(value)
    raise ValueError("expected true or false")


Flag = Annotated[bool, BeforeValidator(_flag)]


class _Node(Entries):
    in_graph: Flag
    score: StrictFloat | None = None
    neurons: Any = None
    neurons_scores: Any = None


class _Edge(Entries):
    in_graph: Flag
    score: StrictFloat | None = None


class _Document(Entries):
    cfg: Config
    nodes: dict[str, _Node]
    edges: dict[str, _Edge]


def read_json(path: Path) -> CircuitFile:
    """Read a circuit file in JSON.

    Raises:
        FormatError: If the file is malformed, naming the place.
    """
    try:
        document = _Document.model_validate(_parse(path))
    except ValidationError as error:
        raise first_error(path, error) from error
    graph = document.cfg.graph(path)
    edge_scores, edges = _read_edges(document, graph, path)
    reader = _NodeReader(path, graph, {name: node for name, node in document.nodes.items() if name != "logits"})
    nodes = np.asarray(edges.any(axis=1))
    for name, node in reader.nodes.items():
        nodes[reader.row(name)] = node.in_graph
    return CircuitFile(
        scores=EdgeScores(graph, edge_scores),
        edges=edges,
        nodes=nodes,
        node_scores=reader.scores(),
        neurons=reader.flags(nodes),
        neuron_scores=reader.neuron_scores(),
    )


def write_json(path: Path, circuit: CircuitFile) -> None:
    """Write a circuit file in JSON, in the reference's order, so that equal circuits give equal bytes.

    Raises:
        FormatError: If the graph has a ``pos`` node, which the format cannot hold.
    """
    graph = circuit.graph
    nodes = {name: _node_entry(circuit, row) for row, name in enumerate(graph.sources)}
    edges: dict[str, dict[str, float | bool]] = {}
    for row, column in _reference_order(graph):
        edges[f"{graph.sources[row]}->{graph.destinations[column]}"] = {
            "score": float(circuit.scores.values[row, column]),
            "in_graph": bool(circuit.edges[row, column]),
        }
    document = {"cfg": config_of(graph, path), "nodes": {**nodes, "logits": {"in_graph": True}}, "edges": edges}
    write_whole(path, json.dumps(document).encode())


def _parse(path: Path) -> object:
    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        entries = dict(pairs)
        if len(entries) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise malformed(path, f"[{twice!r}]", "this key appears twice")
        return entries

    try:
        return json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise malformed(path, f"line {error.lineno} column {error.colno}", f"no JSON: {error.msg}") from error
    except UnicodeDecodeError as error:
        raise malformed(path, f"byte {error.start}", f"no text: {error.reason}") from error
    except RecursionError as error:
        raise malformed(path, "top level", "lists or objects are nested too deeply") from error
    except ValueError as error:
        if type(error) is not ValueError:
            raise
        raise malformed(path, "top level", f"a number is too long: {error}") from error


def _read_edges(document: _Document, graph: Graph, path: Path) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    scores = np.zeros(graph.edge_mask.shape)
    edges = np.zeros(graph.edge_mask.shape, dtype=np.bool_)
    rows, columns, n_readable = graph.source_index, graph.destination_index, graph.n_readable.tolist()
    for name, edge in document.edges.items():
        source, _, destination = name.partition("->")
        index = rows.get(source), columns.get(destination)
        if index[0] is None or index[1] is None or index[0] >= n_readable[index[1]]:
            raise no_edge(graph, name, path)
        edges[index] = edge.in_graph
        if edge.score is not None:
            if math.isinf(edge.score):
                raise infinite(path, f"edges[{name!r}].score")
            scores[index] = edge.score
    return scores, edges


@dataclass(frozen=True)
class _NodeReader:
    """Reads what a file says of its nodes; ``nodes`` has no ``logits``."""

    path: Path
    graph: Graph
    nodes: dict[str, _Node]

    def row(self, name: str) -> int:
        row = self.graph.source_index.get(name)
        if row is None:
            hint = did_you_mean(name, self.graph.sources)
            raise malformed(self.path, f"nodes[{name!r}]", f"this graph has no such node.{hint}".rstrip(".?"))
        return row

    def scores(self) -> NodeScores | None:
        scored = {name: node.score for name, node in self.nodes.items() if node.score is not None}
        if not scored:
            return None
        values = np.full(len(self.graph.sources), np.nan)
        for name, score in scored.items():
            if math.isinf(score):
                raise infinite(self.path, f"nodes[{name!r}].score")
            values[self.row(name)] = score
        return NodeScores(self.graph, values)

    def neurons(self, key: str) -> NDArray[np.float64] | None:
        """float64 [source, d_model]; NaN for nodes without a list; None if no node has one."""
        listed = {name: getattr(node, key) for name, node in self.nodes.items()}
        listed = {name: value for name, value in listed.items() if value is not None}
        if not listed:
            return None
        values = np.full((len(self.graph.sources), self.graph.d_model), np.nan)
        for name, value in listed.items():
            values[self.row(name)] = self._own_neurons(name, value, f"nodes[{name!r}].{key}")
        return values

    def flags(self, nodes: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
        """Neurons in the circuit; a node without a list has all of them if it is in the circuit, else none."""
        values = self.neurons("neurons")
        if values is None:
            return None
        wrong = np.argwhere(~np.isnan(values) & (values != 0) & (values != 1))
        if len(wrong):
            row, column = wrong[0]
            place = f"nodes[{self.graph.sources[row]!r}].neurons[{column}]"
            raise malformed(self.path, place, f"expected true or false, found {values[row, column]}")
        return np.where(np.isnan(values), nodes[:, None], values == 1)

    def neuron_scores(self) -> NeuronScores | None:
        values = self.neurons("neurons_scores")
        return None if values is None else NeuronScores(self.graph, values)

    def _own_neurons(self, name: str, value: object, place: str) -> NDArray[np.float64]:
        try:
            array = np.array(value)
        except (ValueError, OverflowError, RecursionError) as error:
            raise malformed(self.path, place, "the lists differ in length") from error
        if array.dtype.kind not in "biuf":
            raise malformed(self.path, place, "expected a list of numbers")
        width, head = self.graph.d_model, self.graph.locate(name).head
        if array.shape == (width,):
            own = array.astype(np.float64)
        elif head >= 0 and array.shape == (self.graph.n_heads, width):
            own = array[head].astype(np.float64)
        else:
            per_head = f", or {self.graph.n_heads} such lists, one a head of the layer" if head >= 0 else ""
            raise malformed(
                self.path,
                place,
                f"shape {list(array.shape)}; expected a list of d_model = {width} entries{per_head}",
            )
        return no_infinity(own, self.path, place)


def _node_entry(circuit: CircuitFile, row: int) -> dict[str, object]:
    entry: dict[str, object] = {"in_graph": bool(circuit.nodes[row])}
    if circuit.node_scores is not None:
        entry["score"] = float(circuit.node_scores.values[row])
    rows = _rows_of_layer(circuit.graph, row)
    if circuit.neurons is not None:
        entry["neurons"] = cast("Sequence[object]", circuit.neurons[rows].tolist())
    if circuit.neuron_scores is not None:
        entry["neurons_scores"] = cast("Sequence[object]", circuit.neuron_scores.values[rows].tolist())
    return entry


def _rows_of_layer(graph: Graph, row: int) -> int | slice:
    """The rows that the reference writes for a node: all heads of the layer for a head, else its own."""
    place = graph.locate(graph.sources[row])
    return slice(row - place.head, row - place.head + graph.n_heads) if place.kind == "head" else row


def _reference_order(graph: Graph) -> Iterator[tuple[int, int]]:
    """Rows and columns of the edges in the order in which the reference creates them."""
    heads, per_layer = graph.n_heads, 3 * graph.n_heads + 1
    for layer in range(graph.n_layers):
        first = layer * per_layer
        mlp = first + per_layer - 1
        q_k_v_of_each_head = [first + letter * heads + head for head in range(heads) for letter in range(3)]
        for row in range(int(graph.n_readable[first])):
            yield from ((row, column) for column in q_k_v_of_each_head)
            if graph.parallel:
                yield row, mlp
        if not graph.parallel:
            yield from ((row, mlp) for row in range(int(graph.n_readable[mlp])))
    logits = len(graph.destinations) - 1
    yield from ((row, logits) for row in range(len(graph.sources)))
