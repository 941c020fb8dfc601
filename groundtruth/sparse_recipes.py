"""Recipes of the networks of few weights that ship; each of them chose its circuit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from groundtruth.programs.registry import Program, get
from groundtruth.train_model import train, without_circuit
from groundtruth.trained.kinds import Kind
from groundtruth.trained.prepare_network import Plan, fixed_length, prepare_network
from groundtruth.trained.train_sparse_network import SparseSettings
from groundtruth.trained.trained_model import TrainedModel
from groundtruth.trained.trained_network import TrainedNetwork


@dataclass(frozen=True)
class SparseRecipe:
    """One network that is trained on answers alone.

    Attributes:
        program: A program of the library.
        seed: Seed of the weights.
        layers: Number of blocks.
        length: Tokens of an input.
        tokens: So many of the program's tokens are used, the first ones.
        settings: Numbers of the training run that are not the default ones.
    """

    program: str
    seed: int = 0
    layers: int = 1
    length: int = 3
    tokens: int = 3
    settings: tuple[tuple[str, Any], ...] = ()

    @property
    def kind(self) -> Kind:
        """``sparse``."""
        return "sparse"

    @property
    def name(self) -> str:
        """The name of the model and of its folder, such as ``hist@sparse-0``."""
        return f"{self.program}@{self.kind}-{self.seed}"

    @property
    def vocab(self) -> tuple[Any, ...]:
        """The tokens of its inputs."""
        return self.declared.domain.vocab[: self.tokens]

    @property
    def declared(self) -> Program:
        """The program."""
        return get(self.program)

    @property
    def sizes(self) -> tuple[tuple[str, Any], ...]:
        """Sizes of the architecture that are asked for."""
        return (("n_layers", self.layers),)

    def prepare(self) -> TrainedNetwork:
        """The network before it is trained."""
        program = self.declared
        return prepare_network(
            self.name,
            program.build(),
            fixed_length(program.domain, vocab=self.vocab, max_seq_len=self.length),
            without_circuit(Plan(dict(self.sizes), seed=self.seed)),
            causal=program.causal,
        )

    def train(self, checkpoint: Path) -> TrainedModel:
        """Train and certify it; errors as of ``groundtruth.train``."""
        made = train(
            self.declared,
            vocab=self.vocab,
            max_seq_len=self.length,
            architecture=dict(self.sizes),
            kind=self.kind,
            seed=self.seed,
            settings=SparseSettings(**dict(self.settings)),
            checkpoint=checkpoint,
        )
        return replace(made, name=self.name)


SPARSE: tuple[SparseRecipe, ...] = (
    SparseRecipe("hist"),
    SparseRecipe("contains_both"),
    SparseRecipe("has_larger"),
    SparseRecipe("a_before_b"),
    SparseRecipe("dense_rank"),
    SparseRecipe("contains_either"),
)
"""Every network that ships and chose its circuit."""
