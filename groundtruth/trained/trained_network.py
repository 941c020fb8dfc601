"""A trained network: weights with the program that they were trained to compute, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, get_args

import torch
from torch import Tensor
from tracr.rasp import rasp

from groundtruth.compiled.decoder import Decoder
from groundtruth.compiled.domain import BOS, PAD, Domain
from groundtruth.compiled.program_network import ProgramNetwork
from groundtruth.compiled.recipe import Step
from groundtruth.errors import DomainError
from groundtruth.rasp.compiled_program import CompiledProgram
from groundtruth.rasp.interning import NumberedProgram
from groundtruth.trained.architecture import Architecture
from groundtruth.trained.correspondence import Correspondence
from groundtruth.trained.cut_forward import forward
from groundtruth.trained.kinds import Origin
from groundtruth.trained.trained_weights import TrainedWeights, require_shapes, weight_shapes
from mib.graph import Graph

if TYPE_CHECKING:
    from groundtruth.trained.trained_transformer import TrainedTransformer


@dataclass(frozen=True)
class TrainingRecipe:
    """How a network was trained: with the program and the architecture, all that is needed to train it again.

    Attributes:
        kind: Start of the training, and what holds its edges.
        seed: Draws the initial weights, the batches and the disturbance.
        steps: Steps of the optimizer in all.
        settings: The numbers of ``train_network.Settings`` or ``train_sparse_network.SparseSettings``, by name.
    """

    kind: Origin
    seed: int
    steps: int
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        if self.kind not in get_args(Origin):
            raise DomainError(f"kind={self.kind!r} is unknown; choose from {', '.join(get_args(Origin))}.")


@dataclass(frozen=True, eq=False, repr=False)
class TrainedNetwork(ProgramNetwork):
    """A transformer that was trained to compute a program by a known circuit.

    Attributes:
        name: Its name.
        program: The RASP program, with canonical labels.
        token_values: The token of each id, BOS and PAD among them.
        decoder: Reads the output.
        domain: The inputs on which it equals the program: all of one length.
        correspondence: Expressions that live on each component.
        architecture: Its shape.
        weights: float64 weights.
        training: Record of how they were trained.
        description: One line.
        family: The subject of the program.
        rasp_source: The program's text, as far as it is known.
        recipe: Symmetries that made a variant of a network that was trained; none for that network itself.

    Raises:
        ArtifactError: If the weights are not those of the architecture.
        DomainError: If the correspondence does not fit the architecture, or the domain has several lengths.
    """

    name: str
    program: rasp.SOp
    token_values: tuple[Any, ...]
    decoder: Decoder
    domain: Domain
    correspondence: Correspondence
    architecture: Architecture
    weights: TrainedWeights
    training: TrainingRecipe
    description: str = field(default="", kw_only=True)
    family: str = field(default="custom", kw_only=True)
    rasp_source: str = field(default="", kw_only=True)
    recipe: tuple[Step, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        if len(self.domain.lengths) != 1:
            raise DomainError(
                f"the domain of '{self.name}' has lengths {self.domain.min_seq_len} to {self.domain.max_seq_len}; a "
                "trained network is certified on inputs of one length."
            )
        self.correspondence.require_fits(self.architecture)
        require_shapes(self.weights, self.shapes)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each weight, by name."""
        return weight_shapes(
            self.architecture,
            n_tokens=len(self.token_values),
            n_positions=self.domain.max_seq_len + 1,
            n_outputs=len(self.decoder.values),
        )

    @property
    def causal(self) -> bool:
        """True if a position sees only itself and the past."""
        return self.architecture.causal

    @cached_property
    def pad_safe(self) -> bool:
        """False: there is one length, and PAD was never trained."""
        return False

    def numbered_program(self) -> NumberedProgram:
        """The program on numbers, as RASP has it; of a compiled model behind norms as its weights can hold it."""
        if self.training.kind != "compiled":
            return NumberedProgram(self.program, causal=self.causal)
        domain = self.domain
        return CompiledProgram(self.program, causal=self.causal, vocab=domain.vocab, max_seq_len=domain.max_seq_len)

    @cached_property
    def graph(self) -> Graph:
        """Nodes and edges; ``pos`` is a source where positions are embedded."""
        return self.architecture.graph

    @torch.no_grad()
    def logits(self, ids: Tensor) -> Tensor:
        """The output in float64 [batch, position, output]; arguments as of ``ProgramNetwork.logits``."""
        return forward(self.architecture, self.weights, ids).logits

    def module(self, dtype: torch.dtype = torch.float32) -> TrainedTransformer:
        """A fresh copy of the network as a module with TransformerLens hooks (imports TransformerLens)."""
        from groundtruth.trained.trained_transformer import TrainedTransformer

        return TrainedTransformer(self.architecture, self.weights, n_ctx=self.domain.max_seq_len + 1, dtype=dtype)


def token_values_of(domain: Domain) -> tuple[Any, ...]:
    """The token of each id: the vocabulary, then BOS and PAD."""
    return (*domain.vocab, BOS, PAD)
