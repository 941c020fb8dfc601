"""What edges matter, by trying: every edge is cut on every pair of inputs, with NumPy and the definitions alone.

Nothing here is shared with the prover: the forward pass, the reading of outputs, the means and the search are written
anew from their definitions, and no edge, input or pair is left out. It is slow, so it is for small models.
"""

import itertools
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groundtruth import CompiledModel, compile, programs
from groundtruth.truth.circuits.circuit import Circuit, Witness

Array = NDArray[np.float64]
Cut = tuple[str, str]
"""An edge as the names of its source and its destination."""

_FIRST_ROWS, _ROWS = 64, 1024
"""Runs in the first batch, and in the others: as many as stay in a processor's cache."""


@lru_cache(maxsize=128)
def small(name: str, *, letters: int | None = None, max_seq_len: int = 3) -> CompiledModel:
    """A program of the library on few inputs: its last tokens only (x, where there is one), and shorter."""
    program = programs.get(name)
    return compile(
        program.build(),
        vocab=program.domain.vocab[-(letters or 0) :],
        max_seq_len=max_seq_len,
        causal=program.causal,
        valid=program.domain.valid,
        name=name,
    )


class _FullRun(dict[str, Array]):
    """What each node gives; where nothing else was found, what it gives in the full run, looked up when it is read."""

    def __init__(self, full: dict[str, Array], rows: NDArray[np.int64]) -> None:
        super().__init__()
        self._full, self._rows = full, rows

    def __missing__(self, node: str) -> Array:
        self[node] = self._full[node][self._rows]
        return self[node]


def _summed(arrays: list[Array]) -> Array:
    total = arrays[0].copy()
    for array in arrays[1:]:
        total += array
    return total


@dataclass(frozen=True, eq=False)
class Change:
    """A run whose output differs from the whole model's."""

    clean: tuple[Any, ...]
    counterfactual: tuple[Any, ...] | None
    output: list[Any]
    cut_output: list[Any]


class BruteForce:
    """One model under one ablation on all inputs of the greatest length (``fixed``) or of all lengths (``mixed``).

    With ``inputs`` on those alone, where there are too many: then only witnesses can be looked at.
    """

    def __init__(
        self, model: CompiledModel, ablation: str, lengths: str, inputs: Collection[tuple[Any, ...]] | None = None
    ) -> None:
        self.model, self.ablation = model, ablation
        self.w = {name: np.array(array) for name, array in model.weights.arrays().items()}
        if model.decoder.centered:  # what a direction adds to all logits alike is not read
            self.w["W_U"] -= self.w["W_U"].mean(-1, keepdims=True)
        everything = list(model.domain.enumerate() if inputs is None else inputs)
        longest = max(map(len, everything))
        self.inputs = [x for x in everything if lengths == "mixed" or len(x) == longest]
        names = list(model.token_values)
        bos, pad = names.index("compiler_bos"), names.index("compiler_pad")
        ids = [[bos, *(names.index(t) for t in x), *[pad] * (longest - len(x))] for x in self.inputs]
        self.ids = np.array(ids)
        self.n_layers, self.n_heads, _, self.d_head = self.w["W_Q"].shape

    @cached_property
    def nodes(self) -> list[tuple[str, list[str]]]:
        """The sources after the embeddings, in order, each with its destinations; ``logits`` last."""
        found: list[tuple[str, list[str]]] = []
        for layer in range(self.n_layers):
            for head in range(self.n_heads):
                name = f"a{layer}.h{head}"
                found.append((name, [f"{name}<{letter}>" for letter in "qkv"]))
            found.append((f"m{layer}", [f"m{layer}"]))
        return [*found, ("logits", ["logits"])]

    @cached_property
    def edges(self) -> list[Cut]:
        """Every pair of a source and a destination that reads after it."""
        edges: list[Cut] = []
        for source in self.sources:
            edges += [(source, end) for name, ends in self.nodes if source in self.before(name) for end in ends]
        return edges

    @cached_property
    def sources(self) -> list[str]:
        return ["input", "pos", *(name for name, _ in self.nodes if name != "logits")]

    @cached_property
    def readable(self) -> dict[str, list[str]]:
        """For each node the sources that it reads."""
        return {name: self.before(name) for name, _ in self.nodes}

    def before(self, node: str) -> list[str]:
        """The sources that a node reads: all but itself, the heads beside it, and what comes later."""
        stop = {"logits": len(self.sources)}.get(node)
        if stop is None:
            stop = self.sources.index(node if node.startswith("m") else node.split("h")[0] + "h0")
        return self.sources[:stop]

    def outputs_of(self, node: str, reads: list[Array]) -> Array:
        """What a node writes, or the logits, from what its destinations read [row, position, d_model]."""
        w = self.w
        if node == "logits":
            return reads[0] @ w["W_U"]
        layer = int(node[1:].split(".")[0])
        if node.startswith("m"):
            return np.maximum(reads[0] @ w["W_in"][layer], 0.0) @ w["W_out"][layer]
        head = int(node.split("h")[1])
        query, key, value = (
            read @ w[name][layer, head] for read, name in zip(reads, ("W_Q", "W_K", "W_V"), strict=True)
        )
        scores = query @ key.swapaxes(-1, -2) / np.sqrt(self.d_head)
        if self.model.causal:
            n = scores.shape[-1]
            scores = np.where(np.arange(n)[None, :] > np.arange(n)[:, None], -np.inf, scores)
        powers = np.exp(scores - scores.max(-1, keepdims=True))
        return powers / powers.sum(-1, keepdims=True) @ value @ w["W_O"][layer, head]

    def run(self, rows: NDArray[np.int64], put: dict[str, Array], cut: Collection[Cut]) -> dict[str, Array]:
        """What each node gives if a cut edge carries ``put[source]`` [row, position, d_model] instead.

        The input of a destination is the sum over the sources before it of what each edge carries.
        """
        into: dict[str, set[str]] = {}
        for source, end in cut:
            into.setdefault(end, set()).add(source)
        own = _FullRun(self.full, rows) if into else self.embeddings(rows)
        changed: set[str] = set()
        for node, ends in self.nodes:
            before = self.readable[node]
            if into and changed.isdisjoint(before) and into.keys().isdisjoint(ends):
                continue  # to the bit what it gives in the full run: it reads what it reads there
            reads: list[Array] = []
            for end in ends:
                replaced = into.get(end, ())
                if reads and not replaced and ends[0] not in into:
                    reads.append(reads[0])  # three letters of a head that read the same
                else:
                    reads.append(_summed([put[s] if s in replaced else own[s] for s in before]))
            own[node] = self.outputs_of(node, reads)
            if into and not np.array_equal(own[node], self.full[node][rows]):
                changed.add(node)
        return own

    def embeddings(self, rows: NDArray[np.int64]) -> dict[str, Array]:
        """What the embeddings write."""
        ids = self.ids[rows]
        pos = np.broadcast_to(self.w["W_pos"][: ids.shape[1]], (*ids.shape, self.w["W_pos"].shape[1]))
        return {"input": self.w["W_E"][ids], "pos": pos}

    @cached_property
    def full(self) -> dict[str, Array]:
        """What each node gives in the run with no edge cut."""
        return self.run(np.arange(len(self.ids)), {}, ())

    @cached_property
    def put(self) -> dict[str, Array]:
        """What each source's cut edges carry [replacement, position, d_model]."""
        if self.ablation == "resample":
            return self.full
        if self.ablation == "zero":
            return {name: 0 * self.full[name][:1] for name in self.sources}
        if self.ablation == "mean-positional":
            return {name: self.full[name].mean(0)[None] for name in self.sources}
        flat = {name: self.full[name] for name in self.sources}
        return {name: np.broadcast_to(x.mean((0, 1)), x[:1].shape) for name, x in flat.items()}

    @cached_property
    def pairs(self) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Batches of every input with every replacement, in an order of chance: many a cut soon shows."""
        n_put = len(self.inputs) if self.ablation == "resample" else 1
        pairs = np.array(list(itertools.product(range(len(self.inputs)), range(n_put))))
        pairs = np.random.default_rng(0).permutation(pairs)
        starts = [0, *range(_FIRST_ROWS, len(pairs), _ROWS), len(pairs)]
        return [(pairs[a:b, 0], pairs[a:b, 1]) for a, b in itertools.pairwise(starts)]

    def differing(self, cut: Collection[Cut]) -> Iterator[tuple[int, int]]:
        """Every (input, replacement) on which cutting these edges changes an output that counts."""
        for rows, puts in self.pairs:
            logits = self.run(rows, {name: self.put[name][puts] for name in {s for s, _ in cut}}, cut)["logits"]
            for at in np.flatnonzero(self.differ(logits, rows)):
                yield int(rows[at]), int(puts[at])

    def matters(self, cut: Collection[Cut]) -> bool:
        """Whether cutting these edges changes an output that counts, on any pair."""
        return next(self.differing(cut), None) is not None

    def matters_without(self, kept: Collection[Cut]) -> bool:
        """Whether keeping only these edges changes an output that counts, on any pair."""
        return self.matters(set(self.edges) - set(kept))

    def stays(self, cut: Collection[Cut], node: str) -> bool:
        """Whether a node gives what it gives in the full run, on every pair."""
        for rows, puts in self.pairs:
            given = self.run(rows, {name: self.put[name][puts] for name in {s for s, _ in cut}}, cut)[node]
            if not np.allclose(given, self.full[node][rows], rtol=0, atol=1e-7 * max(1, np.abs(given).max())):
                return False
        return True

    def reading(self, edge: Cut, written: Array) -> Array:
        """What a destination makes of something in the residual stream, before anything that is not linear."""
        _, end = edge
        if end == "logits":
            return written @ self.w["W_U"]
        layer = int(end[1:].split(".")[0])
        if end.startswith("m"):
            return written @ self.w["W_in"][layer]
        return written @ self.w[f"W_{end[-2].upper()}"][layer, int(end.split("h")[1].split("<")[0])]

    def varies(self, edge: Cut) -> bool:
        """Whether what is read along an edge ever differs from what a cut puts there."""
        read, put = self.reading(edge, self.full[edge[0]]), self.reading(edge, self.put[edge[0]])
        return not np.allclose(read[:, None], put[None], rtol=0, atol=1e-7 * max(1, np.abs(read).max()))

    def composes(self, edge: Cut) -> bool:
        """Whether anything that the source could write is read, whatever the input."""
        return bool((self.composed(edge) != 0).any())

    def composed(self, edge: Cut) -> Array:
        """What a destination reads of all that a source could write, whatever the input."""
        source, _ = edge
        if source in ("input", "pos"):
            writable = self.w["W_E" if source == "input" else "W_pos"]
        elif source.startswith("m"):
            layer = int(source[1:])
            writable = self.w["W_out"][layer][(self.w["W_in"][layer] != 0).any(0)]
        else:
            layer, head = int(source[1:].split(".")[0]), int(source.split("h")[1])
            writable = self.w["W_V"][layer, head] @ self.w["W_O"][layer, head]
        return self.reading(edge, writable)

    def decode(self, logits: Array, row: int) -> list[Any]:
        """The output at the positions of an input: the first of the largest values, ``None`` if all are near zero."""
        values = self.model.decoder.values
        decoded: list[Any] = []
        for scores in logits[1 : 1 + len(self.inputs[row])]:
            if not values:
                decoded.append(float(scores[0]))
            elif max(scores) < 0.01:
                decoded.append(None)
            else:
                decoded.append(next(v for v, score in zip(values, scores, strict=True) if score >= max(scores) - 1e-6))
        return decoded

    def change(self, cut: Collection[Cut], row: int, put: int) -> Change:
        """One run with edges cut, and the full run."""
        rows, puts = np.array([row]), np.array([put])
        given = self.run(rows, {name: self.put[name][puts] for name in self.sources}, cut)["logits"][0]
        counterfactual = self.inputs[put] if self.ablation == "resample" else None
        before = self.decode(self.full["logits"][row], row)
        return Change(self.inputs[row], counterfactual, before, self.decode(given, row))

    def false_witness(self, edge: Cut, witness: Witness) -> list[str]:
        """What is wrong with a witness."""
        put = 0 if witness.counterfactual is None else self.inputs.index(witness.counterfactual)
        found = self.change([edge], self.inputs.index(witness.clean), put)
        wrong = [] if found.counterfactual == witness.counterfactual else ["it names another counterfactual"]
        for what, values, claimed in (
            ("output", found.output, witness.output),
            ("cut output", found.cut_output, witness.cut_output),
        ):
            same = [
                (abs(x - y) <= 1e-6 * max(1, abs(y)) if isinstance(y, float) else x == y)
                for x, y in zip(values, claimed, strict=True)
            ]
            wrong += [] if all(same) else [f"the {what} is {values}, not {claimed}"]
        return wrong + ([] if witness.output != witness.cut_output else ["both outputs are the same"])

    def differ(self, logits: Array, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which runs decode to something else than the full run, at a position that counts."""
        counts, before, after = self._counts[rows], self._full_codes[rows], self._codes(logits)
        if self.model.decoder.values:
            return np.asarray(((before != after) & counts).any(1))
        far = ~(np.abs(after - before) <= 1e-6 * np.maximum(1, np.abs(before)))
        return np.asarray((far & counts).any(1))

    @cached_property
    def _counts(self) -> NDArray[np.bool_]:
        """Whether a position counts: BOS and padding do not [input, position]."""
        return np.array([[1 <= p <= len(x) for p in range(self.ids.shape[1])] for x in self.inputs])

    @cached_property
    def _full_codes(self) -> Array:
        return self._codes(self.full["logits"])

    def _codes(self, logits: Array) -> Array:
        if not self.model.decoder.values:
            return logits[..., 0]
        largest = logits.max(-1)
        first = (logits >= largest[..., None] - 1e-6).argmax(-1)
        return np.where(largest < 0.01, -1, first).astype(np.float64)


def disagreements(model: CompiledModel, circuit: Circuit) -> list[str]:
    """Every claim of a circuit that trying everything does not confirm."""
    force = BruteForce(model, circuit.ablation, circuit.lengths)
    wrong = [] if len(force.inputs) == circuit.inputs and circuit.exhaustive else ["other inputs"]
    if sorted(force.edges) != sorted((t.edge.source, t.edge.destination) for t in circuit.truths):
        wrong.append("other edges")
    for truth in circuit.truths:
        edge = (truth.edge.source, truth.edge.destination)
        if force.matters([edge]) != (truth.status == "live"):
            wrong.append(f"{truth.edge} is not {truth.status}")
        if force.composes(edge) != truth.structural:
            wrong.append(f"{truth.edge} is not {'read' if truth.structural else 'absent'}")
        if truth.proof == "constant" and force.varies(edge):
            wrong.append(f"{truth.edge} is not constant")
        if truth.proof == "absorbed" and not force.stays([edge], truth.edge.destination.split("<")[0]):
            wrong.append(f"{truth.edge} is not absorbed")
        if truth.witness is not None:
            wrong += [f"{truth.edge}: {what}" for what in force.false_witness(edge, truth.witness)]
    return wrong + _joint_disagreements(force, circuit)


def false_witnesses(model: CompiledModel, circuit: Circuit) -> list[str]:
    """Every witness of a circuit that NumPy does not confirm, on a domain that is too large to try everything."""
    shown = [truth for truth in circuit.truths if truth.witness is not None]
    inputs = {x for t in shown if t.witness for x in (t.witness.clean, t.witness.counterfactual) if x is not None}
    force = BruteForce(model, circuit.ablation, circuit.lengths, sorted(inputs))
    return [
        f"{truth.edge}: {what}"
        for truth in shown
        if truth.witness is not None
        for what in force.false_witness((truth.edge.source, truth.edge.destination), truth.witness)
    ]


def _joint_disagreements(force: BruteForce, circuit: Circuit) -> list[str]:
    live = {(edge.source, edge.destination) for edge in circuit.edges}
    wrong: list[str] = []
    if force.matters_without(live) is not (circuit.sufficiency.holds is False):
        wrong.append(f"not so: {circuit.sufficiency}")
    for edges in circuit.minimal_circuits:
        kept = {(edge.source, edge.destination) for edge in edges}
        if force.matters_without(kept):
            wrong.append(f"the circuit of {len(kept)} edges does not reproduce the model")
        droppable = [edge for edge in kept if not force.matters_without(kept - {edge})]
        wrong += [f"the circuit of {len(kept)} edges does without {edge}" for edge in droppable]
    return wrong
