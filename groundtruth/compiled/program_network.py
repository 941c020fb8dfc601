"""A transformer that computes a program: what every model with a known circuit has, whatever its weights are.

Two twins of it, ``compiled.network.CompiledNetwork`` and ``trained.trained_network.TrainedNetwork``, say how its
logits are computed; how tokens are encoded and outputs decoded is the same for both.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from tracr.rasp import rasp

from groundtruth.compiled.decoder import Decoder
from groundtruth.compiled.domain import BOS, PAD, Domain
from groundtruth.errors import DomainError
from groundtruth.notebook_table import notebook_table
from groundtruth.rasp.expressions import readable_names, trace
from groundtruth.rasp.interning import NumberedProgram
from mib.counted_nouns import layers_by_heads
from mib.errors import did_you_mean
from mib.graph import Graph


class ProgramNetwork(ABC):
    """A transformer with the program that it computes on a domain.

    Attributes:
        name: Its name.
        program: The RASP program, with canonical labels.
        token_values: The token of each id, BOS and PAD among them.
        decoder: Reads the output.
        domain: The inputs on which it equals the program.
    """

    name: str
    program: rasp.SOp
    token_values: tuple[Any, ...]
    decoder: Decoder
    domain: Domain

    @abstractmethod
    def logits(self, ids: Int[Tensor, "batch position"]) -> Float[Tensor, "batch position output"]:
        """The output in float64.

        Args:
            ids: Token ids, BOS first.
        """

    @abstractmethod
    def module(self, dtype: torch.dtype = torch.float32) -> nn.Module:
        """A fresh copy of the network as a module with TransformerLens hooks (imports TransformerLens)."""

    @property
    @abstractmethod
    def causal(self) -> bool:
        """True if a position sees only itself and the past."""

    @cached_property
    @abstractmethod
    def graph(self) -> Graph:
        """Nodes and edges, with the position embedding, where there is one, as a source of its own."""

    @cached_property
    @abstractmethod
    def pad_safe(self) -> bool:
        """True if padding on the right changes no output at the positions of the input, on the whole domain."""

    @abstractmethod
    def numbered_program(self) -> NumberedProgram:
        """A fresh copy of the program on numbers, which says what should come out after an interchange.

        What an expression means on values that it never meets on the domain depends on who made the weights: see
        ``groundtruth.rasp.compiled_program``.
        """

    @cached_property
    def token_ids(self) -> dict[Any, int]:
        """The id of each token."""
        return {value: index for index, value in enumerate(self.token_values)}

    @property
    def bos_id(self) -> int:
        """The id of BOS."""
        return self.token_ids[BOS]

    @property
    def pad_id(self) -> int:
        """The id of PAD."""
        return self.token_ids[PAD]

    def encode(self, inputs: Sequence[Sequence[Any]], *, length: int | None = None) -> Tensor:
        """Token ids [input, position], BOS first, padded on the right.

        Args:
            inputs: Sequences of tokens, without BOS.
            length: Pad to this many tokens (without BOS); by default to the longest input.

        Raises:
            DomainError: For a token that the model does not know, or an input that is too long.
        """
        lengths = np.array([len(tokens) for tokens in inputs], dtype=np.int64)
        width = int(lengths.max(initial=0)) if length is None else length
        if lengths.max(initial=0) > self.domain.max_seq_len:
            tokens = next(tokens for tokens in inputs if len(tokens) > self.domain.max_seq_len)
            raise DomainError(
                f"'{' '.join(map(str, tokens))}' has {len(tokens)} tokens; '{self.name}' takes "
                f"{self.domain.max_seq_len}."
            )
        ids = np.full((len(inputs), width + 1), self.pad_id, dtype=np.int64)
        ids[:, 0] = self.bos_id
        try:
            # In the order in which the mask lists its places: row by row.
            given = [self.token_ids[token] for tokens in inputs for token in tokens]
        except KeyError as error:
            token = error.args[0]
            hint = did_you_mean(str(token), map(str, self.domain.vocab))
            allowed = " ".join(map(str, self.domain.vocab))
            raise DomainError(f"token {token!r} is not in the vocabulary of '{self.name}': {allowed}.{hint}") from None
        ids[:, 1:][np.arange(width) < lengths[:, None]] = given
        return torch.from_numpy(ids)

    def run(self, tokens: Sequence[Any]) -> list[Any]:
        """The decoded output on one input, without BOS.

        Args:
            tokens: An input of the model's domain, without BOS.

        Raises:
            DomainError: If it is none.
        """
        self.domain.check(tokens)
        return self.run_many([tokens])[0]

    def run_many(self, inputs: Sequence[Sequence[Any]]) -> list[list[Any]]:
        """The decoded outputs on many inputs, those of one length in one batch and none of them padded."""
        outputs: list[list[Any]] = [[] for _ in inputs]
        by_length: dict[int, list[int]] = {}
        for index, tokens in enumerate(inputs):
            # A batch of one length needs no padding, which would change what some models give.
            by_length.setdefault(len(tokens), []).append(index)
        for indices in by_length.values():
            codes = self.decoder.codes(self.logits(self.encode([inputs[i] for i in indices]))[:, 1:])
            for index, row in zip(indices, codes, strict=True):
                outputs[index] = self.decoder.decode(row)
        return outputs

    def trace(self, tokens: Sequence[Any]) -> dict[str, list[Any]]:
        """The value of every expression of the program at every position of an input.

        Args:
            tokens: An input of the model's domain, without BOS.

        Returns:
            By name as everywhere else; by label, such as ``hist_2``, where several expressions share a name.

        Raises:
            DomainError: If this is no input of the domain.
        """
        self.domain.check(tokens)
        names = readable_names(self.program)
        found = trace(self.program, tokens, causal=self.causal)
        return {names[label]: list(values) for label, values in found.items()}

    def __repr__(self) -> str:
        graph = self.graph
        sizes = f"{layers_by_heads(graph.n_layers, graph.n_heads)}, d_model {graph.d_model}"
        return f"{type(self).__name__}({self.name!r}, {sizes})"

    def _repr_html_(self) -> str:
        """Table of what the model computes and how large it is, for notebooks."""
        graph, values = self.graph, self.decoder.values
        rows = [
            ("program", self.program.name),
            ("expressions", ", ".join(dict.fromkeys(readable_names(self.program).values()))),
            ("inputs", str(self.domain)),
            ("outputs", " ".join(map(str, values)) if values else "numbers"),
            ("size", f"{layers_by_heads(graph.n_layers, graph.n_heads)}, d_model {graph.d_model}"),
            ("attention", "causal" if self.causal else "bidirectional"),
            ("edges", len(graph.edges)),
        ]
        return notebook_table(f"{type(self).__name__} {self.name}", ("what", "this model"), rows)
