"""A compiled network: weights with the program that they equal, as plain values. Proofs and the store take these."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from tracr.rasp import rasp

from groundtruth.compiled.decoder import Decoder
from groundtruth.compiled.domain import BOS, PAD, Domain
from groundtruth.compiled.forward import Weights, forward
from groundtruth.compiled.frame import aligned, chopped
from groundtruth.compiled.liveness import Parts, decoys, without
from groundtruth.compiled.provenance import Provenance
from groundtruth.compiled.recipe import Step
from groundtruth.errors import DomainError
from groundtruth.rasp.expressions import readable_names, trace
from mib.errors import did_you_mean
from mib.graph import Graph

Certainty = Literal["exact", "measured"]


@dataclass(frozen=True)
class Check:
    """How a model was compared with its program.

    Attributes:
        inputs: How many inputs were run.
        exhaustive: Whether they are the whole domain.
        seed: Of the sample, where they are not.
    """

    inputs: int
    exhaustive: bool
    seed: int = 0

    def __str__(self) -> str:
        return (
            f"all {self.inputs:,} inputs"
            if self.exhaustive
            else f"a sample of {self.inputs:,} inputs (seed {self.seed})"
        )


@dataclass(frozen=True, eq=False)
class CompiledNetwork:
    """A transformer with its program, its domain and the provenance of its weights.

    Attributes:
        name: What it is called.
        program: The RASP program, with canonical labels.
        weights: float64 weights.
        token_values: The token of each id, BOS and PAD among them.
        decoder: Reads the output.
        provenance: Which expression each part implements.
        domain: The inputs on which it equals the program.
        check: How that was checked.
        description: One line.
        family: What the program is about.
        rasp_source: The program's text, as far as it is known.
        padding: Whether padding on the right is harmless (``pad_safe``), or how to find out when that is asked for.
        frame: Where each direction of the provenance lies in the residual stream [direction, d_model], orthonormal
            rows; ``None``: direction i is dimension i.
        recipe: The transformations that made it from a compiled model; empty for a compiled model itself.
        certainty: ``exact``; or ``measured`` for a model in superposition, whose edges are live by witness or inert or
            undecided after so many runs, and which has no exact variables.
    """

    name: str
    program: rasp.SOp
    weights: Weights
    token_values: tuple[Any, ...]
    decoder: Decoder
    provenance: Provenance
    domain: Domain
    check: Check
    description: str = field(default="", kw_only=True)
    family: str = field(default="custom", kw_only=True)
    rasp_source: str = field(default="", kw_only=True)
    padding: bool | Callable[[CompiledNetwork], bool] = field(default=False, kw_only=True)
    frame: Tensor | None = field(default=None, kw_only=True)
    recipe: tuple[Step, ...] = field(default=(), kw_only=True)
    certainty: Certainty = field(default="exact", kw_only=True)

    @cached_property
    def pad_safe(self) -> bool:
        """Whether padding on the right changes no output at the positions of the input, on the whole domain."""
        return self.padding if isinstance(self.padding, bool) else self.padding(self)

    @cached_property
    def aligned(self) -> Weights:
        """The weights in the coordinates of provenance's directions, with the unembedding as the decoder reads it.

        Raises:
            VariantError: If the frame is not that of these weights.
        """
        found = self.weights if self.frame is None else aligned(self.weights, self.frame)
        return replace(found, W_U=chopped(self.decoder.read(found.W_U), axis=-2)) if self.decoder.centered else found

    @cached_property
    def decoys(self) -> Parts:
        """The heads and neurons that are called decoys, shown on the weights to be of no use to the output.

        Raises:
            VariantError: If one of them is of use.
        """
        return decoys(self.aligned, self.provenance)

    @cached_property
    def core(self) -> Weights:
        """The weights with zeros for decoys, and the unembedding as the decoder reads it.

        The same comes out, whatever is cut, since nothing that matters reads a decoy.

        Raises:
            VariantError: If one of them is of use.
        """
        kept = without(self.weights, self.decoys)
        return replace(kept, W_U=self.decoder.read(kept.W_U)) if self.decoder.centered else kept

    def held(self, residual: Tensor) -> Tensor:
        """What a residual stream [..., d_model] holds in the directions of the provenance [..., direction]."""
        return residual if self.frame is None else residual @ self.frame.T

    @property
    def causal(self) -> bool:
        """Whether a position sees only itself and the past."""
        return self.weights.causal

    @cached_property
    def graph(self) -> Graph:
        """Nodes and edges, with the position embedding as a source of its own."""
        w = self.weights
        return Graph(w.n_layers, w.n_heads, w.d_model, pos=True)

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
            by_length.setdefault(len(tokens), []).append(index)
        for indices in by_length.values():
            codes = self.decoder.codes(forward(self.weights, self.encode([inputs[i] for i in indices])).logits[:, 1:])
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
        w = self.weights
        return f"{type(self).__name__}({self.name!r}, {w.n_layers} layers x {w.n_heads} heads, d_model {w.d_model})"
