"""What one MIB circuit file holds: scores of edges, nodes or neurons, and which of them are in the circuit."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mib.errors import FormatError
from mib.graph import EdgeScores, Graph, NeuronScores, NodeScores


@dataclass(frozen=True, eq=False)
class CircuitFile:
    """The contents of one circuit file.

    Attributes:
        scores: Edge scores. NaN = unscored, so always kept; an edge that the file leaves out has score 0.
        edges: bool [source, destination], the edges in the circuit; False where there is no edge.
        nodes: bool [source], the nodes in the circuit.
        node_scores: Scores of nodes; None if the file scores none. NaN = unscored, always kept.
        neurons: bool [source, d_model], the neurons in the circuit; None if the file has none.
        neuron_scores: Scores of neurons; None if the file scores none. NaN = unscored, always kept.
    """

    scores: EdgeScores
    edges: NDArray[np.bool_]
    nodes: NDArray[np.bool_]
    node_scores: NodeScores | None = None
    neurons: NDArray[np.bool_] | None = None
    neuron_scores: NeuronScores | None = None

    def __post_init__(self) -> None:
        graph = self.graph
        sources = len(graph.sources)
        expected: dict[str, tuple[NDArray[np.bool_] | None, tuple[int, ...]]] = {
            "edges": (self.edges, (sources, len(graph.destinations))),
            "nodes": (self.nodes, (sources,)),
            "neurons": (self.neurons, (sources, graph.d_model)),
        }
        for name, (array, shape) in expected.items():
            if array is not None and array.shape != shape:
                raise FormatError(
                    f"CircuitFile({name}=...) has shape {array.shape}; this graph needs {shape}, rows in the "
                    "order of graph.sources."
                )
        object.__setattr__(self, "edges", self.edges & graph.edge_mask)

    @property
    def graph(self) -> Graph:
        """The graph that is scored."""
        return self.scores.graph

    @property
    def is_binary(self) -> bool:
        """True if the file says only what is in the circuit: no score differs from 0."""
        scored = any(scores is not None for scores in (self.node_scores, self.neuron_scores))
        return not scored and bool((self.scores.flat == 0).all())

    @classmethod
    def from_scores(cls, scores: EdgeScores | NodeScores | NeuronScores) -> Self:
        """A file of importances, as a method leaves it: everything is in the graph."""
        graph = scores.graph
        everything = cls(
            scores=scores if isinstance(scores, EdgeScores) else EdgeScores(graph, np.zeros(len(graph.edges))),
            edges=graph.edge_mask,
            nodes=np.ones(len(graph.sources), dtype=np.bool_),
        )
        if isinstance(scores, NodeScores):
            return replace(everything, node_scores=scores)
        if isinstance(scores, NeuronScores):
            neurons = np.ones(scores.values.shape, dtype=np.bool_)
            return replace(everything, neurons=neurons, neuron_scores=scores)
        return everything

    @classmethod
    def from_edges(cls, graph: Graph, edges: NDArray[np.bool_]) -> Self:
        """A binary file: the circuit of these edges and of the nodes that they join.

        Args:
            graph: The graph that the circuit is part of.
            edges: bool [source, destination].
        """
        nodes = np.asarray((edges & graph.edge_mask).any(axis=1))
        return cls(scores=EdgeScores(graph, np.zeros(len(graph.edges))), edges=edges, nodes=nodes)
