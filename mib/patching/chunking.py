"""How many rows to run at once: as many as the memory holds, and on a CPU no more than its caches like."""

from typing import Literal

from mib.anatomy import Anatomy
from mib.graph import Graph

Work = Literal["circuits", "inputs", "cuts", "gradients"]

CACHE: dict[Work, int] = {"circuits": 6 * 2**20, "cuts": 2**23, "gradients": 2**26, "inputs": 2**28}
"""Bytes of activations that run fastest at once on a CPU (measured by benchmarks/localization.py on two machines'
worth of sizes: 21 sources x 16 positions x 64 dimensions, and 10 x 6 x 41)."""

WORTH_A_CALL = 512
"""Positions that are always run at once, if the memory holds them: fewer do not pay for the calls."""


def bytes_of_outputs(anatomy: Anatomy, graph: Graph, n_positions: int) -> int:
    """What the outputs of all sources on one input take."""
    return len(graph.sources) * n_positions * graph.d_model * anatomy.token_embedding.element_size()


def rows_that_fit(anatomy: Anatomy, graph: Graph, n_positions: int, *, memory: int, work: Work) -> int:
    """How many rows to run at once; at least one.

    Args:
        anatomy: The model.
        graph: Its nodes and edges.
        n_positions: Length of the inputs.
        memory: Bytes that may be used.
        work: ``circuits`` keeps all outputs of a row and its counterfactual, ``inputs`` keeps the outputs of many
            later runs, ``cuts`` is one such run, with one residual stream, and ``gradients`` keeps what every layer
            computed.
    """
    size, heads = anatomy.token_embedding.element_size(), graph.n_heads
    width = max((block.mlp.W_in.shape[1] for block in anatomy.blocks), default=0)
    layer = n_positions * (8 * heads * graph.d_model + 4 * width + 3 * heads * n_positions) * size
    logits = 3 * n_positions * anatomy.W_U.shape[1] * size
    outputs = bytes_of_outputs(anatomy, graph, n_positions)
    kept_layers = 3 * graph.n_layers if work == "gradients" else 1
    needed = 4 * outputs + kept_layers * layer + logits
    most = memory // 2 // needed
    if anatomy.token_embedding.device.type == "cpu":
        streams = n_positions * (width + 4 * graph.d_model) * size
        hot = {"circuits": 2 * outputs, "inputs": outputs, "cuts": streams, "gradients": graph.n_layers * layer}[work]
        most = min(most, max(CACHE[work] // max(hot, 1), WORTH_A_CALL // n_positions))
    return max(1, most)
