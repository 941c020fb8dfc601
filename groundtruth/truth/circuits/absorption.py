"""Whether a cut edge's destination gives the same all the same, shown on states and not on pairs of inputs."""

from dataclasses import replace

import torch
from torch import Tensor

from groundtruth.truth.circuits.patched_runs import TOLERANCE, Runs, distinct, largest
from mib.graph import Place


def cannot_reach(runs: Runs, place: Place, read: Tensor, put: Tensor) -> bool:
    """Tell whether a cut provably leaves the destination's output as it is.

    An MLP and the unembedding work position by position, so it is enough to combine the distinct things read at a
    position with the distinct things put there. A query (or key) that is cut changes scores only by its product with
    the keys (queries) of the same input; if that product never depends on what is put, no score changes.

    Args:
        runs: Full runs.
        place: The destination.
        read: Values that it reads along the cut edge [input, position, read].
        put: Values that it reads instead [replacement, position, read].
    """
    if place.kind == "head":
        return place.letter != "v" and _scores_stay(runs, place, read, put)
    stream = runs.stream(place) @ runs.reading(place)
    scale = TOLERANCE * max(1.0, largest(runs.full_output(place)))
    for position in range(stream.shape[1]):
        # Total and part are grouped together: which of them occur at once is known, and what replaces the part is
        # independent.
        states = torch.cat([stream[:, position], read[:, position]], dim=-1)
        states = states[distinct(states)[0]]
        total, own = states.chunk(2, dim=-1)
        new = put[distinct(put[:, position])[0], position]
        before, after = total[:, None], (total - own)[:, None] + new[None]
        # The unembedding is linear and compared as it is; an MLP after its output matrix, which may read both alike.
        if place.kind == "mlp":
            w_out = runs.weights.W_out[place.layer]
            before, after = before.relu() @ w_out, after.relu() @ w_out
        if largest(after - before) > scale:
            return False
    return True


def _scores_stay(runs: Runs, place: Place, read: Tensor, put: Tensor) -> bool:
    # Softmax and values are those of the full run as long as no score moves; values do not depend on q and k.
    other = replace(place, letter="k" if place.letter == "q" else "q")
    partners = (runs.stream(place) @ runs.reading(other)).flatten(0, 1)
    partners = partners[distinct(partners)[0]]
    # Under resample what is put is what is read of another input, so that it is among `read` already.
    everything = torch.cat([read, put]) if runs.ablation != "resample" else read
    # Any key of any input: more than can meet this query, which only makes the proof harder, never wrong.
    products = everything @ partners.T
    return largest(products.amax(0) - products.amin(0)) <= TOLERANCE * max(1.0, largest(products))
