"""How many rows to run at once: as many as the memory holds, and on a CPU no more than its caches like."""

from dataclasses import dataclass
from typing import Literal

from mib.graph import Graph
from mib.models.adapters.anatomy import Anatomy

Work = Literal["circuits", "inputs", "cuts", "gradients", "checkpointed"]

CACHE: dict[Work, int] = {
    "circuits": 6 * 2**20,
    "cuts": 2**23,
    "gradients": 2**26,
    "checkpointed": 2**26,
    "inputs": 2**28,
}
"""Bytes of activations that run fastest at once on a CPU (measured by benchmarks/localization.py on two machines'
worth of sizes: 21 sources x 16 positions x 64 dimensions, and 10 x 6 x 41)."""

WORTH_A_CALL = 512
"""Positions that are always run at once, if the memory holds them: fewer do not pay for the calls."""


@dataclass(frozen=True)
class Widths:
    """What the memory of a run depends on beside the graph.

    Attributes:
        d_head: Width of what a head mixes, for each position.
        d_mlp: The widest hidden layer.
        vocabulary: Number of outputs.
        number: Bytes of a number.
        on_cpu: True if it is run on a CPU, whose caches like small batches.
    """

    d_head: int
    d_mlp: int
    vocabulary: int
    number: int
    on_cpu: bool = False

    @classmethod
    def of(cls, model: "Anatomy | Widths") -> "Widths":
        """Give those of a model; widths are taken as they are."""
        if isinstance(model, Widths):
            return model
        return cls(
            d_head=model.blocks[0].attention.W_O.shape[1] if model.blocks else 0,
            d_mlp=max((block.mlp.W_in.shape[1] for block in model.blocks), default=0),
            vocabulary=model.W_U.shape[1],
            number=model.token_embedding.element_size(),
            on_cpu=model.token_embedding.device.type == "cpu",
        )


def bytes_of_outputs(anatomy: Anatomy | Widths, graph: Graph, n_positions: int) -> int:
    """Give what the outputs of all sources on one input take."""
    return len(graph.sources) * n_positions * graph.d_model * Widths.of(anatomy).number


def bytes_of_a_row(anatomy: Anatomy | Widths, graph: Graph, n_positions: int, *, work: Work) -> int:
    """Give what some work on one row takes at its peak, beside the model; see ``rows_that_fit``."""
    widths, heads, d_model = Widths.of(anatomy), graph.n_heads, graph.d_model
    size, width = widths.number, widths.d_mlp
    # A bound from above on what is alive at once in a layer: docs/memory.md compares it with counted bytes.
    layer = n_positions * (8 * heads * d_model + 4 * width + 3 * heads * n_positions) * size
    logits = 3 * n_positions * widths.vocabulary * size
    outputs = bytes_of_outputs(anatomy, graph, n_positions)
    if work == "gradients":  # integrated gradients over activations keep most: two passes, and gradients of a third
        return 4 * outputs + 2 * graph.n_layers * layer + logits
    if work == "checkpointed":
        d_heads = heads * widths.d_head
        single = max(size, 4)  # sums and products of half precision are taken in float32
        outputs = n_positions * graph.n_layers * 2 * (d_heads + d_model) * size
        streams = n_positions * graph.n_layers * d_model * (4 * size + 2 * single)
        return outputs + streams + layer + 4 * n_positions * heads * d_model * (single if size < single else 0) + logits
    return 4 * outputs + layer + logits


def rows_that_fit(anatomy: Anatomy | Widths, graph: Graph, n_positions: int, *, memory: int, work: Work) -> int:
    """Return how many rows to run at once; at least one.

    Args:
        anatomy: The model, or its widths.
        graph: Its nodes and edges.
        n_positions: Length of the inputs.
        memory: Bytes that may be used.
        work: ``circuits`` keeps all outputs of a row and its counterfactual, ``inputs`` keeps the outputs of many
            later runs, ``cuts`` is one such run, with one residual stream, ``gradients`` keeps what every layer
            computed, and ``checkpointed`` keeps what one layer computed, and residual streams.
    """
    widths = Widths.of(anatomy)
    size, width = widths.number, widths.d_mlp
    # Half of the memory is for a batch; the other half for what is kept between batches.
    most = memory // 2 // bytes_of_a_row(anatomy, graph, n_positions, work=work)
    if widths.on_cpu:
        outputs = bytes_of_outputs(anatomy, graph, n_positions)
        streams = n_positions * (width + 4 * graph.d_model) * size
        layer = n_positions * (8 * graph.n_heads * graph.d_model + 4 * width) * size
        # What is touched again and again while a batch runs; the rest may lie outside the caches.
        hot = {
            "circuits": 2 * outputs, "inputs": outputs, "cuts": streams, "gradients": graph.n_layers * layer,
            "checkpointed": layer,
        }[work]  # fmt: skip
        most = min(most, max(CACHE[work] // max(hot, 1), WORTH_A_CALL // n_positions))
    return max(1, most)
