"""A compiled network: weights with the program that they equal, as plain values. Proofs and the store take these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor
from tracr.rasp import rasp

from groundtruth.compiled.decoder import Decoder
from groundtruth.compiled.domain import Domain
from groundtruth.compiled.forward import Weights, forward
from groundtruth.compiled.frame import aligned, chopped
from groundtruth.compiled.liveness import Parts, decoys, without
from groundtruth.compiled.program_network import ProgramNetwork
from groundtruth.compiled.provenance import Provenance
from groundtruth.compiled.recipe import Step
from groundtruth.compiled.settings import Settings
from groundtruth.rasp.compiled_program import CompiledProgram
from mib.graph import Graph

if TYPE_CHECKING:
    from groundtruth.compiled.torch_module import CompiledTransformer

Certainty = Literal["exact", "measured"]


@dataclass(frozen=True)
class Check:
    """How a model was compared with its program.

    Attributes:
        inputs: Number of inputs that were run.
        exhaustive: True if they are the whole domain.
        seed: Seed of the sample, where they are not.
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


@dataclass(frozen=True, eq=False, repr=False)
class CompiledNetwork(ProgramNetwork):
    """A transformer with its program, its domain and the provenance of its weights.

    Attributes:
        name: Its name.
        program: The RASP program, with canonical labels.
        weights: float64 weights.
        token_values: The token of each id, BOS and PAD among them.
        decoder: Reads the output.
        provenance: Expression that each part implements.
        domain: The inputs on which it equals the program.
        check: Record of how that was checked.
        description: One line.
        family: Subject of the program.
        rasp_source: The program's text, as far as it is known.
        padding: Whether padding on the right is harmless (``pad_safe``), or how to find out when that is asked for.
        frame: Vector of each direction of the provenance in the residual stream [direction, d_model], orthonormal
            rows; ``None``: direction i is dimension i.
        recipe: The transformations that made it from a compiled model; empty for a compiled model itself.
        settings: Settings by which its program was compiled.
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
    settings: Settings = field(default=Settings(), kw_only=True)
    certainty: Certainty = field(default="exact", kw_only=True)

    @cached_property
    def pad_safe(self) -> bool:
        """True if padding on the right changes no output at the positions of the input, on the whole domain."""
        return self.padding if isinstance(self.padding, bool) else self.padding(self)

    def numbered_program(self) -> CompiledProgram:
        """The program on numbers, with the values that a compiled model can hold."""
        domain = self.domain
        return CompiledProgram(self.program, causal=self.causal, vocab=domain.vocab, max_seq_len=domain.max_seq_len)

    @cached_property
    def aligned(self) -> Weights:
        """The weights in the coordinates of provenance's directions, with the unembedding as the decoder reads it.

        Raises:
            VariantError: If the frame is not that of these weights.
        """
        # In these coordinates zeros are exact again, which proofs about what can never be read rest on.
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
        # Shown to be of no use first; what is left has the same output under every cut, and proofs of fewer parts.
        kept = without(self.weights, self.decoys)
        return replace(kept, W_U=self.decoder.read(kept.W_U)) if self.decoder.centered else kept

    def held(self, residual: Tensor) -> Tensor:
        """Return what a residual stream [..., d_model] holds in the directions of the provenance [..., direction]."""
        return residual if self.frame is None else residual @ self.frame.T

    @property
    def causal(self) -> bool:
        """True if a position sees only itself and the past."""
        return self.weights.causal

    @cached_property
    def graph(self) -> Graph:
        """Nodes and edges, with the position embedding as a source of its own."""
        w = self.weights
        return Graph(w.n_layers, w.n_heads, w.d_model, pos=True)

    def logits(self, ids: Tensor) -> Tensor:
        """The output in float64 [batch, position, output]; arguments as of ``ProgramNetwork.logits``."""
        return forward(self.weights, ids).logits

    def module(self, dtype: torch.dtype = torch.float32) -> CompiledTransformer:
        """A fresh copy of the network as a module with TransformerLens hooks (imports TransformerLens)."""
        from groundtruth.compiled.torch_module import CompiledTransformer

        return CompiledTransformer(self.weights, dtype=dtype)
