"""A method's scores and the curves of its circuits as a result file keeps them: small, and exact to the last bit."""

import base64
import zlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mib.errors import ScoreError
from mib.graph import EdgeScores, Graph, NeuronScores, NodeScores
from mib.levels import Level, Scores


@dataclass(frozen=True)
class KeptScores:
    """What a method gave each edge, node or neuron of a graph.

    Attributes:
        level: Kind of part that was scored.
        n_layers: Number of blocks of the graph.
        n_heads: Query heads a block.
        d_model: Width of the residual stream.
        parallel: True if attention and MLP of a block read the same residual stream.
        pos: True if the position embedding is a source of its own.
        dtype: Little-endian floats: ``f4`` where that loses nothing, else ``f8``.
        packed: Numbers as zlib packs their bytes, in base64: of edges in the order of ``Graph.edges``, of nodes in that
            of ``Graph.sources``, of neurons source by source. NaN where a part has no score.
    """

    level: Level
    n_layers: int
    n_heads: int
    d_model: int
    parallel: bool
    pos: bool
    dtype: Literal["f4", "f8"]
    packed: str

    @classmethod
    def of(cls, scores: Scores) -> "KeptScores":
        """Pack scores."""
        graph = scores.graph
        level: Level = _LEVELS[type(scores)]
        values = np.ascontiguousarray(scores.flat if isinstance(scores, EdgeScores) else scores.values, dtype="<f8")
        with np.errstate(over="ignore"):  # a number beyond single precision becomes infinite, and is not kept so
            single = values.astype("<f4")
        # Single only where every number survives it: a ranking that is kept must be the one that was judged.
        dtype: Literal["f4", "f8"] = "f4" if np.array_equal(single, values, equal_nan=True) else "f8"
        content = (single if dtype == "f4" else values).tobytes()
        packed = base64.b64encode(zlib.compress(content, 9)).decode()
        size = (graph.n_layers, graph.n_heads, graph.d_model, graph.parallel, graph.pos)
        return cls(level, *size, dtype, packed)

    def unpack(self) -> Scores:
        """Give the scores as the method did.

        Raises:
            ScoreError: If they are not of the graph, as in a file that was edited.
        """
        graph = Graph(self.n_layers, self.n_heads, self.d_model, self.parallel, self.pos)
        try:
            content = zlib.decompress(base64.b64decode(self.packed, validate=True))
            values = np.frombuffer(content, f"<{self.dtype}").astype(np.float64)
        except (ValueError, zlib.error) as error:
            raise ScoreError(f"the scores of the {self.level}s cannot be unpacked: {error}.") from error
        if self.level == "edge":
            return EdgeScores(graph, values)
        if self.level == "node":
            return NodeScores(graph, values)
        return NeuronScores(graph, _by_source(graph, values))


_LEVELS: dict[type[Scores], Level] = {EdgeScores: "edge", NodeScores: "node", NeuronScores: "neuron"}


def _by_source(graph: Graph, values: NDArray[np.float64]) -> NDArray[np.float64]:
    shape = (len(graph.sources), graph.d_model)
    return values.reshape(shape) if values.size == shape[0] * shape[1] else values


@dataclass(frozen=True)
class KeptCurves:
    """Faithfulness of a ranking's circuits by their size: what CPR and CMD are areas of.

    Attributes:
        n_parts: Number of edges, nodes or neurons that have a score.
        sizes: Number of parts that each circuit was asked to hold, ascending, from none to all.
        signed: Faithfulness of the circuits of the signed ranking; the area under it over the range is the CPR.
        absolute: Faithfulness of those of the ranking by magnitude; the area between it and 1 is the CMD.
    """

    n_parts: int
    sizes: tuple[int, ...]
    signed: tuple[float, ...]
    absolute: tuple[float, ...]

    @property
    def fractions(self) -> tuple[float, ...]:
        """Share of all scored parts that each circuit was asked to hold."""
        return tuple(size / self.n_parts for size in self.sizes)
