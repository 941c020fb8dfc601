"""Runs of a compiled model with edges cut, from cached full runs: what the proofs about edges are made of.

A cut edge carries the *replacement* of its ablation: under resample the source's output on a counterfactual input
(one replacement for each input of the pool), under zero and mean one replacement for all. Everything is float64.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from groundtruth.compiled.decoder import Decoder
from groundtruth.compiled.forward import Weights, forward, logits_from, mix
from groundtruth.compiled.node_matrices import reading_matrix
from groundtruth.truth.circuits.circuit import Ablation
from groundtruth.truth.circuits.deadline import Deadline
from groundtruth.truth.circuits.row_hashes import group_hashes, hash_rows
from mib.graph import LETTERS, Graph, Letter, Place
from mib.sublayers import attention_sublayer, mlp_sublayer, next_sublayer, sublayer_of, unembedding_sublayer

TOLERANCE = 1e-11
"""Two contributions this close, relative to the largest, are the same: float64 rounding, nothing else, lies below.

A discretising neuron has a slope of 1e4, so in a run that is cut a difference can grow by that much an MLP."""

RUN_LIMIT = 200_000
"""Runs of the model (from a node on, or of a whole circuit) before a search gives up."""

_GRID_REACH = 2.0**23
"""Streams up to this size are told apart to ``TOLERANCE``: 8e17 steps of it, of the 9e18 that an int64 can count."""

_ROWS_IN_MEMORY = 2**22
"""Numbers of one intermediate result that a batch of runs may hold."""

Rows = Tensor
"""Indices into the pool of inputs, one a run [row]."""


@dataclass(frozen=True, eq=False)
class Runs:
    """A pool of inputs, the full runs on them, and what a cut edge carries.

    Attributes:
        weights: The model.
        graph: Its nodes, with ``pos``.
        decoder: Reads its output.
        tokens: Ids [input, position], padded to one length.
        counts: Positions whose outputs count [input, position]: not BOS, not PAD.
        ablation: Kind of ablation of cut edges.
        mean_over: The inputs over which means are taken; ``None`` = all.
        deadline: When runs with edges cut end; ``None`` = never.
    """

    weights: Weights
    graph: Graph
    decoder: Decoder
    tokens: Tensor
    counts: Tensor
    ablation: Ablation
    mean_over: Rows | None = None
    deadline: Deadline | None = None

    def require_time(self) -> None:
        """Go on only if there is time left; every batch of runs begins so.

        Raises:
            OutOfTimeError: If there is none.
        """
        if self.deadline is not None:
            self.deadline.require_time()

    @cached_property
    def outputs(self) -> dict[str, Tensor]:
        """Output of each source on each input [input, position, d_model]."""
        states = forward(self.weights, self.tokens)
        found = {"input": states.embed, "pos": states.pos.expand_as(states.embed)}
        for layer in range(self.weights.n_layers):
            for head in range(self.weights.n_heads):
                found[f"a{layer}.h{head}"] = states.heads[layer, :, :, head]
            found[f"m{layer}"] = states.mlps[layer]
        return found

    @cached_property
    def n_replacements(self) -> int:
        """Number of different values that a cut edge can carry: one a counterfactual input, or just one."""
        return len(self.tokens) if self.ablation == "resample" else 1

    @cached_property
    def streams(self) -> dict[int, Tensor]:
        """The residual stream that each sublayer reads [input, position, d_model], numbered by ``mib.sublayers``."""
        total = self.outputs["input"] + self.outputs["pos"]
        found: dict[int, Tensor] = {}
        for layer in range(self.weights.n_layers):
            found[attention_sublayer(layer)] = total
            total = total + sum(self.outputs[f"a{layer}.h{head}"] for head in range(self.weights.n_heads))
            found[mlp_sublayer(layer)] = total
            total = total + self.outputs[f"m{layer}"]
        found[unembedding_sublayer(self.weights.n_layers)] = total
        return found

    @cached_property
    def codes(self) -> Tensor:
        """Codes that the whole model decodes to on each input [input, position]."""
        return self.decoder.codes(self.streams[unembedding_sublayer(self.weights.n_layers)] @ self.weights.W_U)

    def stream(self, place: Place) -> Tensor:
        """The residual stream that a destination reads."""
        return self.streams[sublayer_of(place)]

    def reading(self, place: Place) -> Tensor:
        """The matrix by which a destination reads the residual stream [d_model, read]."""
        return reading_matrix(self.weights, place)

    def read(self, source: str, place: Place) -> Tensor:
        """Return what a destination reads of a source on each input [input, position, read]."""
        self.require_time()
        return self.outputs[source] @ self.reading(place)

    def replacement(self, source: str, place: Place) -> Tensor:
        """Return what a destination reads of a source that is cut [replacement, position, read]."""
        self.require_time()
        return self.replacement_outputs[source] @ self.reading(place)

    @cached_property
    def replacement_outputs(self) -> dict[str, Tensor]:
        """Output of each source when it is cut [replacement, position, d_model]."""
        typical = slice(None) if self.mean_over is None else self.mean_over
        change: dict[Ablation, Callable[[Tensor], Tensor]] = {
            "resample": lambda output: output,
            "zero": lambda output: torch.zeros_like(output[:1]),
            # BOS and PAD count in a mean, as in the engine of `mib`, which is given no attention mask of a compiled
            # model.
            "mean": lambda output: output[typical].mean((0, 1), keepdim=True).expand(1, output.shape[1], -1),
            "mean-positional": lambda output: output[typical].mean(0, keepdim=True),
        }
        return {name: change[self.ablation](output) for name, output in self.outputs.items()}

    def node_output(self, place: Place, rows: Rows, deltas: dict[Letter | str, Tensor]) -> Tensor:
        """Return what a head or an MLP writes if what it reads is changed, on some inputs.

        Args:
            place: The head (its letter is ignored), the MLP, or ``logits``, whose output is the logits.
            rows: The inputs [row].
            deltas: Change of what is read [row, position, read], by letter for a head, by ``""`` elsewhere.
        """
        self.require_time()
        w = self.weights
        stream = self.stream(place)
        if place.kind == "logits":
            return _rows_of(stream, w.W_U, rows) + deltas[""]
        if place.kind == "mlp":
            pre = _rows_of(stream, w.W_in[place.layer], rows) + deltas[""]
            return pre.relu() @ w.W_out[place.layer]
        matrices = {"q": w.W_Q, "k": w.W_K, "v": w.W_V}
        parts: list[Tensor] = []
        for letter in LETTERS:
            part = _rows_of(stream, matrices[letter][place.layer, place.head], rows)
            parts.append(part + deltas[letter] if letter in deltas else part)
        return mix(w, *parts) @ w.W_O[place.layer, place.head]

    def full_output(self, place: Place) -> Tensor:
        """Return what a head, an MLP or the unembedding gives on each input in the full run."""
        if place.kind == "logits":
            return self.streams[unembedding_sublayer(self.weights.n_layers)] @ self.weights.W_U
        name = f"m{place.layer}" if place.kind == "mlp" else f"a{place.layer}.h{place.head}"
        return self.outputs[name]

    def sublayer_after(self, place: Place) -> int:
        """The first sublayer that reads what a node writes."""
        return next_sublayer(sublayer_of(place))

    def codes_after(self, place: Place, rows: Rows, output: Tensor) -> Tensor:
        """Return what the model decodes to if one node gives another output and all after it follows.

        Args:
            place: The node.
            rows: The inputs [row].
            output: Output that the node gives instead [row, position, d_model], or logits.
        """
        if place.kind == "logits":
            return self.decoder.codes(output)
        sublayer = self.sublayer_after(place)
        return self.continuations.codes(sublayer, self._stream_after(place, sublayer, rows, output))

    def logits_after(self, place: Place, rows: Rows, output: Tensor) -> Tensor:
        """The logits [row, position, output] if one node gives another output; arguments as of ``codes_after``."""
        if place.kind == "logits":
            return output
        sublayer = self.sublayer_after(place)
        return logits_from(self.weights, sublayer, self._stream_after(place, sublayer, rows, output))

    def _stream_after(self, place: Place, sublayer: int, rows: Rows, output: Tensor) -> Tensor:
        # Where nothing changed this leaves rounding of 1e-16 of the stream, far below `TOLERANCE`.
        return self.streams[sublayer][rows] + output - self.full_output(place)[rows]

    def others(self, place: Place, cut: dict[Letter | str, Tensor], *, afterwards: bool) -> Tensor:
        """All that a run with one cut edge depends on besides what the edge carries, one row an input.

        Args:
            place: The destination of the edge.
            cut: Values that it reads along the edge in the full run [input, position, read], by letter for a head.
            afterwards: Whether the rest of the run counts too, or only the destination's own output.
        """
        parts: list[Tensor] = []
        for letter in LETTERS if place.kind == "head" else ("",):
            at = replace(place, letter=letter) if place.kind == "head" else place  # pyright: ignore[reportArgumentType]
            total = self.stream(at) @ self.reading(at)
            # Each part on a scale of 1: beside a loud one `distinct` would not see where a quiet one differs.
            parts.append(unit(total - cut[letter] if letter in cut else total).flatten(1))
        if afterwards and place.kind != "logits":
            sublayer = self.sublayer_after(place)
            # The node's own output follows from the parts above; what it is added to does not.
            rest = self.streams[sublayer] - self.full_output(place)
            parts.append(unit(rest @ self.continuations.basis(sublayer)).flatten(1))
        return torch.cat(parts, dim=1)

    @cached_property
    def continuations(self) -> "Continuations":
        """Codes that the model makes of residual streams, each distinct one computed once."""
        return Continuations(self.weights, self.decoder)

    def changed(self, rows: Rows, codes: Tensor) -> Tensor:
        """For which runs the decoded output differs from the full run's, at a position that counts [row]."""
        differ = self.decoder.differ(codes, self.codes[rows]) & self.counts[rows]
        return differ.any(1)

    def circuit_codes(self, kept: NDArray[np.bool_], rows: Rows, replacements: Rows) -> Tensor:
        """Return what a circuit decodes to.

        Args:
            kept: The edges of the circuit [source, destination].
            rows: The inputs [row].
            replacements: Replacement that all cut edges carry [row].
        """
        self.require_time()
        w, graph = self.weights, self.graph
        own = {name: self.outputs[name][rows] for name in ("input", "pos")}
        residual = own["input"] + own["pos"]
        for layer in range(w.n_layers):
            results = {f"a{layer}.h{head}": torch.zeros_like(residual) for head in range(w.n_heads)}
            for head in w.busy_heads[layer]:
                reads = [
                    self._circuit_read(kept, f"a{layer}.h{head}<{letter}>", residual, own, replacements)
                    for letter in LETTERS
                ]
                results[f"a{layer}.h{head}"] = mix(w, *reads) @ w.W_O[layer, head]
            own |= results
            for head in w.busy_heads[layer]:
                residual = residual + results[f"a{layer}.h{head}"]
            pre = self._circuit_read(kept, f"m{layer}", residual, own, replacements)
            own[f"m{layer}"] = pre.relu() @ w.W_out[layer]
            residual = residual + own[f"m{layer}"]
        assert set(own) == set(graph.sources)  # noqa: S101 - every source has written
        return self.decoder.codes(self._circuit_read(kept, "logits", residual, own, replacements))

    def _circuit_read(
        self, kept: NDArray[np.bool_], destination: str, residual: Tensor, own: dict[str, Tensor], replacements: Rows
    ) -> Tensor:
        place = self.graph.locate(destination)
        column = self.graph.destination_index[destination]
        matrix = self.reading(place)
        stream = residual
        for source in self.graph.sources[: self.graph.n_readable[column]]:
            # The stream holds what every source wrote in this run, so that only cut edges need a correction.
            if not kept[self.graph.source_index[source], column]:
                stream = stream + (self.replacement_outputs[source][replacements] - own[source])
        return stream @ matrix

    @property
    def rows_a_batch(self) -> int:
        """Number of runs to hold in memory at once."""
        return _rows_a_batch(self.weights, self.tokens.shape[1])


class Continuations:
    """What a model decodes to from a residual stream in the middle, each distinct stream computed once.

    Two streams count as one if everything after reads the same of them, up to rounding.

    Args:
        weights: The model.
        decoder: Reads its output.
    """

    def __init__(self, weights: Weights, decoder: Decoder) -> None:
        self._weights, self._decoder = weights, decoder
        self._bases: dict[int, Tensor] = {}
        self._known: dict[int, dict[tuple[int, int], Tensor]] = {}

    def codes(self, sublayer: int, residual: Tensor) -> Tensor:
        """Return what comes out [row, position].

        Args:
            sublayer: The sublayer that reads the stream, by its number in ``mib.sublayers``.
            residual: The stream [row, position, d_model].
        """
        # What follows depends on the stream alone: PAD is not masked, so that tokens and lengths play no part.
        known = self._known.setdefault(sublayer, {})
        keys = self._keys(sublayer, residual)
        first, inverse = group_hashes(keys)
        names = list(map(tuple, keys[first].tolist()))
        new = [i for i, name in enumerate(names) if name not in known]
        size = _rows_a_batch(self._weights, residual.shape[1])
        for start in range(0, len(new), size):
            chosen = new[start : start + size]
            output = logits_from(self._weights, sublayer, residual[torch.from_numpy(first[chosen])])
            run = self._decoder.codes(output)
            known |= {names[i]: row for i, row in zip(chosen, run, strict=True)}
        return torch.stack([known[name] for name in names])[torch.from_numpy(inverse)]

    def _keys(self, sublayer: int, residual: Tensor) -> NDArray[np.int64]:
        """Two 64-bit hashes of what is read of each stream later on [row, 2]."""
        state = (residual @ self.basis(sublayer)).flatten(1)
        # The grid is no batch's own, so that a row has one key in all of them. Above 2**23 it grows with the row, whose
        # steps would not fit into an int64 (there all that is too large is one number); by how much is part of the key.
        coarser = (F.pad(state.abs(), (0, 1), value=_GRID_REACH).amax(1, keepdim=True) / _GRID_REACH).log2().ceil()
        steps = (state / (TOLERANCE * 2.0**coarser)).round()
        return hash_rows(torch.cat([steps, coarser], dim=1).to(torch.int64).numpy())

    def basis(self, sublayer: int) -> Tensor:
        """Orthonormal columns that span all that a sublayer and those after it read [d_model, rank]."""
        if sublayer not in self._bases:
            w = self._weights
            parts = [w.W_U]
            for layer in range(w.n_layers):
                if attention_sublayer(layer) >= sublayer:
                    parts += [matrix[layer, head] for head in w.busy_heads[layer] for matrix in (w.W_Q, w.W_K, w.W_V)]
                if mlp_sublayer(layer) >= sublayer:
                    parts.append(w.W_in[layer])
            # Each matrix is scaled to 1 first, lest steep neurons hide what a quiet head reads below the cut of 1e-10.
            left, values, _ = torch.linalg.svd(torch.cat([unit(part) for part in parts], dim=1), full_matrices=False)
            self._bases[sublayer] = left[:, values > 1e-10 * values.max()]
        return self._bases[sublayer]


def _rows_of(stream: Tensor, matrix: Tensor, rows: Rows) -> Tensor:
    """Rows of a stream read through a matrix, multiplied before or after choosing, whichever is less."""
    return stream[rows] @ matrix if len(rows) < len(stream) else (stream @ matrix)[rows]


def unit(values: Tensor) -> Tensor:
    """Values scaled so that the largest is 1, lest large ones hide small ones beside them."""
    size = largest(values)
    return values / size if size else values


def largest(values: Tensor) -> float:
    """The largest magnitude among some values; 0 if there are none."""
    return float(values.abs().max()) if values.numel() else 0.0


def _rows_a_batch(weights: Weights, positions: int) -> int:
    width = positions * max(weights.d_model * 2, weights.d_mlp, weights.n_heads * positions)
    return max(16, _ROWS_IN_MEMORY // (width * 4))


def distinct(values: Tensor) -> tuple[Tensor, Tensor]:
    """Group equal rows, up to rounding.

    Args:
        values: [row, ...].

    Returns:
        The index of the first row of each group, ascending, and the group of each row.
    """
    flat = values.flatten(1)
    size = float(flat.abs().max()) if flat.numel() else 0.0
    rounded = (flat / (TOLERANCE * max(1.0, size))).round().to(torch.int64)
    keys = hash_rows(rounded.numpy())
    first, group = group_hashes(keys)
    # They are sorted by hash; groups are numbered by first appearance, so that the earliest (shortest) input stands for
    # each.
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return torch.from_numpy(first[order]), torch.from_numpy(rank[group])


def pool(tokens: Tensor, *, special: Sequence[int]) -> Tensor:
    """Find which positions count: all but those of BOS and PAD [input, position]."""
    counts = torch.ones_like(tokens, dtype=torch.bool)
    for token in special:
        counts &= tokens != token
    return counts
