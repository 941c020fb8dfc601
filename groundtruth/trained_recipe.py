"""Recipes of the trained models that ship, whether their circuit was planned or they chose it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from groundtruth.programs.headroom_programs import HEADROOM_PROGRAMS
from groundtruth.programs.many_edges import MANY_EDGES
from groundtruth.programs.registry import Program, get
from groundtruth.train_model import plan_for, train
from groundtruth.trained.architecture import Style
from groundtruth.trained.draw_correspondence import Copies
from groundtruth.trained.kinds import Kind
from groundtruth.trained.prepare_network import Plan, fixed_length, prepare_network
from groundtruth.trained.train_network import Settings
from groundtruth.trained.train_sparse_network import SparseSettings
from groundtruth.trained.trained_model import TrainedModel
from groundtruth.trained.trained_network import TrainedNetwork


@dataclass(frozen=True)
class ShippedRecipe:
    """One trained model that ships: all that ``groundtruth.train`` needs to train it again.

    Attributes:
        program: A program of the library, of ``groundtruth.programs.many_edges`` or of
            ``groundtruth.programs.headroom_programs``.
        seed: Seed of the circuit, the weights and the batches.
        kind: Kind of training, which holds its edges; ``sparse`` plans none, and takes ``SparseSettings``.
        style: Family of architectures.
        copies: Sharing of one expression by three heads that vote, or by an MLP and one that backs it up; or none.
        norm: Whether destinations normalise what they read.
        length: Tokens of an input. Runs of the certificate grow with the square of the number of inputs: of three
            tokens there are 27 inputs of length 3, and 729 pairs.
        tokens: So many of the program's tokens are used, the first ones.
        spares: Heads that are loud on variables of their own, at most.
        sizes: Sizes of the architecture that are asked for.
        settings: Numbers of the training run that are not the default ones.
    """

    program: str
    seed: int = 0
    kind: Kind = "free"
    style: Style = "gpt2"
    copies: Copies = "none"
    norm: bool = True
    length: int = 3
    tokens: int = 3
    spares: int = 1
    sizes: tuple[tuple[str, Any], ...] = ()
    settings: tuple[tuple[str, Any], ...] = ()

    @property
    def name(self) -> str:
        """The name of the model and of its folder, such as ``second_step@free-llama-vote-7``."""
        parts = [self.kind, *([self.style] if self.style != "gpt2" else []), *([] if self.norm else ["unnormed"])]
        parts += [self.copies] if self.copies != "none" else []
        return f"{self.program}@{'-'.join([*parts, str(self.seed)])}"

    @property
    def architecture(self) -> dict[str, Any]:
        """The sizes that are asked for."""
        plain = {} if self.norm else {"norm": False, "gains": False}
        return {"style": self.style, **plain, **dict(self.sizes)}

    @property
    def vocab(self) -> tuple[Any, ...]:
        """The tokens of its inputs."""
        return self.declared.domain.vocab[: self.tokens]

    @property
    def declared(self) -> Program:
        """The program."""
        return MANY_EDGES.get(self.program) or HEADROOM_PROGRAMS.get(self.program) or get(self.program)

    @property
    def numbers(self) -> Settings | SparseSettings:
        """All numbers of the training run."""
        return (SparseSettings if self.kind == "sparse" else Settings)(**dict(self.settings))

    def prepare(self) -> TrainedNetwork:
        """The network before it is trained, with the circuit that it is to have, if one is planned."""
        program = self.declared
        return prepare_network(
            self.name,
            program.build(),
            fixed_length(program.domain, vocab=self.vocab, max_seq_len=self.length),
            plan_for(self.kind, Plan(self.architecture, None, self.seed, self.copies, self.spares)),
            causal=program.causal,
        )

    def train(self, checkpoint: Path) -> TrainedModel:
        """Train and certify it; errors as of ``groundtruth.train``."""
        made = train(
            self.declared,
            vocab=self.vocab,
            max_seq_len=self.length,
            architecture=self.architecture,
            kind=self.kind,
            copies=self.copies,
            n_spares=self.spares,
            seed=self.seed,
            settings=self.numbers,
            checkpoint=checkpoint,
        )
        return replace(made, name=self.name)
