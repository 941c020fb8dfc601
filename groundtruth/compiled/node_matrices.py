"""The matrices by which a node of a compiled model reads the residual stream and writes into it."""

from torch import Tensor

from groundtruth.compiled.forward import Weights
from mib.graph import Place


def reading_matrix(weights: Weights, place: Place) -> Tensor:
    """The matrix by which a destination reads the residual stream [d_model, read]."""
    if place.kind == "mlp":
        return weights.W_in[place.layer]
    if place.kind == "logits":
        return weights.W_U
    return {"q": weights.W_Q, "k": weights.W_K, "v": weights.W_V}[place.letter][place.layer, place.head]  # pyright: ignore[reportArgumentType]


def writing_rows(weights: Weights, place: Place) -> Tensor:
    """Rows that span all that a source can write [row, d_model]."""
    match place.kind:
        case "input":
            return weights.W_E
        case "pos":
            return weights.W_pos
        case "head":
            # A coordinate that no value feeds, as heads are padded to one size, writes nothing whatever its row of W_O.
            fed = weights.W_V[place.layer, place.head].abs().amax(0) > 0
            return weights.W_O[place.layer, place.head][fed]
        case _:
            fed = weights.W_in[place.layer].abs().amax(0) > 0
            return weights.W_out[place.layer][fed]
