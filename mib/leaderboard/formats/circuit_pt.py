"""MIB's circuit files as a dictionary of tensors that ``torch.save`` wrote; read with ``weights_only=True``.

Keys: ``cfg``, ``src_nodes``, ``dst_nodes``, ``edges_scores`` [source, destination], ``edges_in_graph``,
``nodes_in_graph`` [source]; optional ``nodes_scores`` [source], ``neurons_in_graph`` and ``neurons_scores``
[source, d_model]. Source: ``Graph.to_pt`` and ``Graph.from_pt`` of EAP-IG
(https://github.com/hannamw/EAP-IG/blob/main/src/eap/graph.py).
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError

from mib.graph import EdgeScores, Graph, NeuronScores, NodeScores
from mib.leaderboard.formats.circuit_file import CircuitFile
from mib.leaderboard.formats.place_names import (
    Config,
    as_mapping,
    config_of,
    first_error,
    malformed,
    no_infinity,
    refuse_unknown,
    require_keys,
)
from mib.leaderboard.formats.torch_files import load_torch_file
from mib.whole_files import write_whole

_REQUIRED = ("cfg", "src_nodes", "dst_nodes", "edges_scores", "edges_in_graph", "nodes_in_graph")
_OPTIONAL = ("nodes_scores", "neurons_in_graph", "neurons_scores")


def read_pt(path: Path) -> CircuitFile:
    """Read a circuit file of tensors.

    Raises:
        FormatError: If the file is malformed, naming the place.
    """
    entries = as_mapping(load_torch_file(path), path, "top level")
    require_keys(entries, _REQUIRED, path, "top level")
    refuse_unknown(entries, (*_REQUIRED, *_OPTIONAL), path, "top level")
    graph = _read_graph(entries, path)
    sources, destinations = len(graph.sources), len(graph.destinations)
    reader = _TensorReader(path, entries)
    edge_scores = np.where(graph.edge_mask, reader.numbers("edges_scores", (sources, destinations)), np.nan)
    return CircuitFile(
        scores=EdgeScores(graph, no_infinity(edge_scores, path, "edges_scores")),
        edges=reader.flags("edges_in_graph", (sources, destinations)),
        nodes=reader.flags("nodes_in_graph", (sources,)),
        node_scores=NodeScores(graph, reader.scores("nodes_scores", (sources,))) if "nodes_scores" in entries else None,
        neurons=reader.flags("neurons_in_graph", (sources, graph.d_model)) if "neurons_in_graph" in entries else None,
        neuron_scores=NeuronScores(graph, reader.scores("neurons_scores", (sources, graph.d_model)))
        if "neurons_scores" in entries
        else None,
    )


def write_pt(path: Path, circuit: CircuitFile) -> None:
    """Write a circuit file of tensors; equal circuits give equal bytes.

    Scores are written in float32, as the reference does, unless that would change one; then in float64.

    Raises:
        FormatError: If the graph has a ``pos`` node, which the format cannot hold.
    """
    graph = circuit.graph
    entries: dict[str, object] = {
        "cfg": config_of(graph, path),
        "src_nodes": list(graph.sources),
        "dst_nodes": list(graph.destinations),
        "edges_scores": _narrow(np.where(graph.edge_mask, circuit.scores.values, 0.0)),
        "edges_in_graph": torch.from_numpy(circuit.edges.copy()),
        "nodes_in_graph": torch.from_numpy(circuit.nodes.copy()),
    }
    if circuit.node_scores is not None:
        entries["nodes_scores"] = _narrow(circuit.node_scores.values)
    if circuit.neurons is not None:
        entries["neurons_in_graph"] = torch.from_numpy(circuit.neurons.copy())
    if circuit.neuron_scores is not None:
        entries["neurons_scores"] = _narrow(circuit.neuron_scores.values)
    buffer = io.BytesIO()  # a file would get its own name into its bytes
    torch.save(entries, buffer)
    write_whole(path, buffer.getvalue())


def _read_graph(entries: Mapping[str, object], path: Path) -> Graph:
    try:
        graph = Config.model_validate(dict(as_mapping(entries["cfg"], path, "cfg"))).graph(path)
    except ValidationError as error:
        raise first_error(path, error, root="cfg") from error
    for key, expected in (("src_nodes", graph.sources), ("dst_nodes", graph.destinations)):
        value = entries[key]
        if not isinstance(value, list | tuple):
            raise malformed(path, key, f"expected a list of node names, found {type(value).__name__}")
        names = cast("list[object] | tuple[object, ...]", value)
        if len(names) != len(expected):
            raise malformed(path, key, f"{len(names)} nodes; the graph in cfg has {len(expected)}")
        for index, (name, wanted) in enumerate(zip(names, expected, strict=True)):
            if not isinstance(name, str) or name != wanted:
                raise malformed(path, f"{key}[{index}]", f"found {name!r}, expected '{wanted}'")
    return graph


@dataclass(frozen=True)
class _TensorReader:
    """Reads the tensors of one file."""

    path: Path
    entries: Mapping[str, object]

    def numbers(self, key: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """float64 array of a real dense tensor of this shape."""
        value = self.entries[key]
        if not isinstance(value, torch.Tensor):
            raise malformed(self.path, key, f"expected a tensor, found {type(value).__name__}")
        if tuple(value.shape) != shape:
            raise malformed(self.path, key, f"shape {list(value.shape)}; expected {list(shape)}")
        if value.layout != torch.strided or value.is_meta or value.is_quantized or value.is_complex():
            raise malformed(self.path, key, "expected a dense tensor of real numbers")
        try:
            return value.detach().to(torch.float64).resolve_neg().numpy().copy()
        except Exception as error:  # unusual dtypes fail in ways of their own
            raise malformed(self.path, key, f"the type {value.dtype} cannot be read as numbers") from error

    def scores(self, key: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Numbers that are finite or NaN."""
        return no_infinity(self.numbers(key, shape), self.path, key)

    def flags(self, key: str, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        """Booleans, also written as 0 and 1."""
        values = self.numbers(key, shape)
        wrong = np.argwhere((values != 0) & (values != 1))
        if len(wrong):
            place = key + "".join(f"[{index}]" for index in wrong[0])
            raise malformed(self.path, place, f"expected true or false, found {values[tuple(wrong[0])]}")
        return values == 1


def _narrow(values: NDArray[np.float64]) -> torch.Tensor:
    with np.errstate(over="ignore", under="ignore"):
        single = values.astype(np.float32)
    exact = np.array_equal(single.astype(np.float64), values, equal_nan=True)
    return torch.from_numpy(single if exact else values.copy())
