"""A second certificate in plain NumPy that shares no code with the first: whole forward passes, one pair at a time."""

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from math import erf

import numpy as np
from numpy.typing import NDArray

from groundtruth.trained.trained_network import TrainedNetwork
from mib.graph import Edge

Array = NDArray[np.float64]


class PlainNetwork:
    """A transformer out of arrays by name, written as the formulas stand in the papers.

    Args:
        weights: Arrays in float64.
        style: ``gpt2`` or ``llama``.
        norm: Whether what is read is normalised.
        causal: Whether a position sees only the past.
        activation: ``gelu_new``, ``gelu`` or ``relu``.
    """

    def __init__(
        self, weights: Mapping[str, Array], *, style: str, norm: bool, causal: bool, activation: str = "gelu_new"
    ) -> None:
        self.w, self.style, self.norm, self.causal, self.activation = weights, style, norm, causal, activation
        self.n_layers, self.n_heads = weights["W_Q"].shape[:2]

    def normed(self, x: Array, gain: Array | None) -> Array:
        if not self.norm:
            return x
        if self.style == "gpt2":
            x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5)
        return x if gain is None else x * gain

    def gain(self, name: str, layer: int) -> Array | None:
        return self.w[name][layer] if name in self.w else None

    def bias(self, name: str, *place: int) -> Array | float:
        return self.w[name][place] if name in self.w else 0.0

    def turned(self, x: Array) -> Array:
        """Each pair (i, i + half) of a vector at position p turned by p / base^(2 i / d)."""
        if self.style == "gpt2":
            return x
        half, result = x.shape[-1] // 2, x.copy()
        for p in range(len(x)):
            for i in range(half):
                angle = p / 10_000 ** (2 * i / x.shape[-1])
                a, b = x[p, i], x[p, i + half]
                result[p, i] = a * np.cos(angle) - b * np.sin(angle)
                result[p, i + half] = b * np.cos(angle) + a * np.sin(angle)
        return result

    def head(self, layer: int, head: int, q_in: Array, k_in: Array, v_in: Array) -> Array:
        gain, shared = self.gain("attn_gain", layer), head * self.w["W_K"].shape[1] // self.n_heads
        q = self.turned(self.normed(q_in, gain) @ self.w["W_Q"][layer, head] + self.bias("b_Q", layer, head))
        k = self.turned(self.normed(k_in, gain) @ self.w["W_K"][layer, shared] + self.bias("b_K", layer, shared))
        v = self.normed(v_in, gain) @ self.w["W_V"][layer, shared] + self.bias("b_V", layer, shared)
        scores = q @ k.T / np.sqrt(q.shape[-1])
        if self.causal:
            scores[np.triu_indices(len(scores), 1)] = -np.inf
        pattern = np.exp(scores - scores.max(-1, keepdims=True))
        return pattern / pattern.sum(-1, keepdims=True) @ v @ self.w["W_O"][layer, head]

    def mlp(self, layer: int, read: Array) -> Array:
        x = self.normed(read, self.gain("mlp_gain", layer))
        hidden = x @ self.w["W_in"][layer]
        if self.style == "llama":
            gate = x @ self.w["W_gate"][layer]
            return gate / (1 + np.exp(-gate)) * hidden @ self.w["W_out"][layer]
        hidden = hidden + self.w["b_in"][layer]
        if self.activation == "relu":
            return np.maximum(hidden, 0) @ self.w["W_out"][layer] + self.w["b_out"][layer]
        if self.activation == "gelu":
            return (
                0.5 * hidden * (1 + np.vectorize(erf)(hidden / np.sqrt(2))) @ self.w["W_out"][layer]
                + self.w["b_out"][layer]
            )
        cube = np.sqrt(2 / np.pi) * (hidden + 0.044715 * hidden**3)
        return 0.5 * hidden * (1 + np.tanh(cube)) @ self.w["W_out"][layer] + self.w["b_out"][layer]

    def run(self, ids: list[int], cut: Mapping[tuple[str, str], Array] | None = None) -> tuple[Array, dict[str, Array]]:
        """Logits [position, output] and what each source writes, with some edges carrying other values."""
        written = {"input": self.w["W_E"][ids]}
        if "W_pos" in self.w:
            written["pos"] = self.w["W_pos"][: len(ids)]

        def read(destination: str) -> Array:
            total = np.zeros_like(written["input"])
            for name, value in written.items():
                total = total + (cut or {}).get((name, destination), value)
            return total

        for layer in range(self.n_layers):
            names = [f"a{layer}.h{head}" for head in range(self.n_heads)]
            results = [
                self.head(layer, head, *(read(f"{name}<{letter}>") for letter in "qkv"))
                for head, name in enumerate(names)
            ]
            written |= dict(zip(names, results, strict=True))
            written[f"m{layer}"] = self.mlp(layer, read(f"m{layer}"))
        gain = self.w.get("final_gain")
        return self.normed(read("logits"), gain) @ self.w["W_U"] + self.bias("b_U"), written


def answers(logits: Array) -> tuple[int, ...]:
    """The output at each position, BOS's left out."""
    return tuple(int(i) for i in logits[1:].argmax(-1))


class PlainRuns:
    """Every run of a trained model in NumPy, one pair of inputs at a time.

    Args:
        model: The model or its network.
        ablation: What a cut edge carries.
    """

    def __init__(self, model: TrainedNetwork, ablation: str = "resample") -> None:
        shape = model.architecture
        self.plain = PlainNetwork(
            {name: value.numpy() for name, value in model.weights.tensors.items()},
            style=shape.style,
            norm=shape.norm,
            causal=shape.causal,
            activation=shape.activation,
        )
        self.ids = model.encode(list(model.domain.enumerate())).tolist()
        self.full = [self.plain.run(ids) for ids in self.ids]
        self.own = [answers(logits) for logits, _ in self.full]
        n, sources = len(self.ids), self.full[0][1]
        self.pairs = list(itertools.product(range(n), range(n if ablation == "resample" else 1)))
        written = {name: np.stack([writes[name] for _, writes in self.full]) for name in sources}
        means = {name: values.mean(0, keepdims=True) for name, values in written.items()}
        self.puts = {
            "resample": written,
            "zero": {name: np.zeros_like(mean) for name, mean in means.items()},
            "mean": {name: np.broadcast_to(mean.mean(1, keepdims=True), mean.shape) for name, mean in means.items()},
            "mean-positional": means,
        }[ablation]

    def changes(self, cut: Iterable[Edge], pair: tuple[int, int]) -> bool:
        """Whether an output changes when some edges carry the donor's values, or what the ablation puts there."""
        row, donor = pair
        put = {(edge.source, edge.destination): self.puts[edge.source][donor] for edge in cut}
        return answers(self.plain.run(self.ids[row], put)[0]) != self.own[row]

    def first_change(self, cut: Collection[Edge]) -> tuple[int, int] | None:
        """The first pair on which an output changes."""
        found = next((pair for pair in self.pairs if self.changes(cut, pair)), None)
        if found is not None:  # the pair that shows one set often shows the next
            self.pairs.remove(found)
            self.pairs.insert(0, found)
        return found

    def minimal_circuits(self, edges: Sequence[Edge], rest: Sequence[Edge]) -> set[frozenset[Edge]]:
        """The minimal circuits within some edges, by trying every set of them while all the rest are cut."""
        found: list[frozenset[Edge]] = []
        for size in range(len(edges) + 1):
            for kept in map(frozenset, itertools.combinations(edges, size)):
                if not any(smaller <= kept for smaller in found):
                    cut = [*rest, *(edge for edge in edges if edge not in kept)]
                    if self.first_change(cut) is None:
                        found.append(kept)
        return set(found)
