"""Strict interchange intervention training (SIIT) as InterpBench published it: its losses, its sizes, its early stop.

Written after the papers (Geiger et al. 2022, https://proceedings.mlr.press/v162/geiger22a.html; Gupta et al. 2024,
https://arxiv.org/abs/2407.14494) and the defaults of the published code. One thing differs: the compiled program's
values come from the program itself, whose interchanges are exact, and not from a run of the Tracr model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from groundtruth.errors import DomainError
from groundtruth.interpbench.import_model import token_order
from groundtruth.interpbench.model_folder import write_interpbench
from groundtruth.interpbench.tracr_layout import TracrLayout, hook_pairs
from groundtruth.model import CompiledModel
from groundtruth.rasp.evaluate import evaluate_many
from groundtruth.rasp.interning import NumberedProgram
from groundtruth.trained.architecture import Architecture
from groundtruth.trained.cut_forward import Cut, forward
from groundtruth.trained.swapped_programs import SwappedProgram
from groundtruth.trained.trained_weights import TrainedWeights, weight_shapes
from mib.graph import Graph


@dataclass(frozen=True)
class SiitSettings:
    """The published numbers.

    Attributes:
        seed: Draws weights, samples and batches.
        iit_weight: Factor of the interchange loss.
        behavior_weight: Factor of the loss on plain runs.
        strict_weight: Factor of the strict loss, which the published code applies twice.
        lr: Adam's rate.
        betas: Adam's.
        clip_grad_norm: Each step's gradient is scaled down to this norm.
        batch_size: Pairs a batch.
        samples: Inputs drawn with repetition where the domain has fewer than 20,000; a fifth validates.
        epochs: The most passes over the samples.
        early_stop: Training stops when accuracy, interchange accuracy and strict accuracy of one validation reach this.
        atol: A numerical answer this close counts as right.
    """

    seed: int = 0
    iit_weight: float = 1.0
    behavior_weight: float = 1.0
    strict_weight: float = 0.4
    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.9)
    clip_grad_norm: float = 0.1
    batch_size: int = 256
    samples: int = 120_000
    epochs: int = 2000
    early_stop: float = 0.995
    atol: float = 0.05


@dataclass(frozen=True)
class Validation:
    """What the published validation says: each a mean over the positions of the validation samples.

    Attributes:
        accuracy: Plain runs.
        iia: Interchange accuracy, one random node a batch.
        strict_accuracy: Plain answers while one node outside the circuit is replaced, averaged over these nodes.
    """

    accuracy: float
    iia: float
    strict_accuracy: float

    def reaches(self, threshold: float) -> bool:
        """Tell whether training stops."""
        return min(self.accuracy, self.iia, self.strict_accuracy) >= threshold


@dataclass(frozen=True, eq=False)
class SiitModel:
    """A model trained by SIIT.

    Attributes:
        weights: Its weights.
        architecture: Its shape.
        layout: The circuit that it was trained to have.
        compiled: The compiled program that it follows.
        settings: The numbers of training.
        validations: One an epoch; the last one stopped training, unless the epochs were used up.
    """

    weights: TrainedWeights
    architecture: Architecture
    layout: TracrLayout
    compiled: CompiledModel
    settings: SiitSettings
    validations: tuple[Validation, ...]

    def write(self, folder: Path) -> None:
        """Write the model as a folder of InterpBench."""
        shape, n_ctx = self.architecture, self.compiled.domain.max_seq_len + 1
        fields: dict[str, Any] = {
            name: getattr(shape, name) for name in ("n_layers", "n_heads", "d_model", "d_head", "d_mlp")
        }
        fields |= {
            "n_ctx": n_ctx,
            "d_vocab": self.weights.W_E.shape[0],
            "d_vocab_out": self.weights.W_U.shape[1],
            "act_fn": shape.activation,
            "attention_dir": "causal" if shape.causal else "bidirectional",
            "attn_scale": shape.d_head**0.5,
            "normalization_type": None,
            "positional_embedding_type": "standard",
            "seed": self.settings.seed,
            "dtype": torch.float32,
        }
        pairs = hook_pairs(self.layout.edges(), self.compiled.graph.n_layers)
        meta = asdict(self.settings) | {"validation": asdict(self.validations[-1]), "epochs_run": len(self.validations)}
        write_interpbench(folder, self.weights, fields, pairs, meta)


def siit_architecture(compiled: CompiledModel) -> Architecture:
    """The sizes that InterpBench gives a program: half of Tracr's head size, and at least two layers of four heads."""
    weights = compiled.weights
    n_layers, heads = max(2, compiled.graph.n_layers), max(4, compiled.graph.n_heads)
    d_head = max(1, weights.W_Q.shape[-1] // 2)
    return Architecture(
        n_layers=n_layers,
        n_heads=heads,
        d_model=heads * d_head,
        d_head=d_head,
        d_mlp=4 * heads * d_head,
        causal=compiled.causal,
        norm=False,
        gains=False,
        activation="gelu",
        attention_biases=True,
    )


def train_siit(
    compiled: CompiledModel,
    settings: SiitSettings | None = None,
    *,
    progress: Callable[[int, Validation], None] | None = None,
) -> SiitModel:
    """Train a transformer on a compiled program by SIIT, until the published early stop.

    Args:
        compiled: The program, compiled; inputs have its greatest length.
        settings: The published numbers by default.
        progress: Told each epoch and its validation.

    Raises:
        DomainError: If the program gives no value on some input, or all its values are the same.
    """
    training = _SiitTraining(compiled, settings or SiitSettings())
    validations: list[Validation] = []
    for epoch in range(training.settings.epochs):
        training.run_epoch()
        validations.append(training.validate())
        if progress is not None:
            progress(epoch + 1, validations[-1])
        if validations[-1].reaches(training.settings.early_stop):
            break
    weights = TrainedWeights.of({name: value.detach() for name, value in training.tensors.items()})
    return SiitModel(weights, training.shape, training.layout, compiled, training.settings, tuple(validations))


@dataclass
class _SiitTraining:
    compiled: CompiledModel
    settings: SiitSettings
    shape: Architecture = field(init=False)
    layout: TracrLayout = field(init=False)
    tensors: dict[str, Tensor] = field(init=False)

    def __post_init__(self) -> None:
        compiled, settings = self.compiled, self.settings
        self.shape = siit_architecture(compiled)
        self.layout = TracrLayout.of(compiled, compiled.provenance)
        self.graph: Graph = self.shape.graph
        self._inputs = self._enumerate()
        self._written: Tensor | None = None
        self._generator = torch.Generator().manual_seed(settings.seed)
        self.tensors = self._initial()
        self._optimizer = torch.optim.Adam(self.tensors.values(), lr=settings.lr, betas=settings.betas, fused=True)
        samples = torch.randint(len(self._inputs), (settings.samples,), generator=self._generator)
        self._held_out, self._samples = samples.split([settings.samples // 5, settings.samples - settings.samples // 5])
        outside = [name for name in self.graph.sources if name not in self.layout.held and name not in ("input", "pos")]
        self._outside = [self.graph.source_index[name] for name in outside]

    def run_epoch(self) -> None:
        """One pass over the samples: three steps a batch, of the interchange, strict and behaviour losses."""
        settings, n = self.settings, len(self._inputs)
        for base, donor in self._batches(self._samples):
            # A batch holds the same few pairs again and again: each is run once, and counts as often as it is there.
            pairs, times = torch.unique(base * n + donor, return_counts=True)
            one, other = pairs // n, pairs % n
            inputs, uses = torch.unique(base, return_counts=True)
            # One node a batch, as published: a sum over all nodes would be another training.
            label, component = self._nodes[self._draw(len(self._nodes))]
            logits = self._forward(one, other, component)
            self._step(settings.iit_weight * self._loss(logits, self._swapped[label][one, other], times))
            if self._outside:
                outside = self._outside[self._draw(len(self._outside))]
                strict = self._loss(self._forward(one, other, outside), self._answers[one], times)
                self._step(settings.strict_weight**2 * strict)
            plain = self._loss(self._forward(inputs), self._answers[inputs], uses)
            self._step(settings.behavior_weight * plain)

    @torch.no_grad()
    def validate(self) -> Validation:
        """Accuracy, interchange accuracy of one random node a batch, and strict accuracy of every node outside.

        Held-out samples repeat a few pairs of inputs, so each different pair is run once.
        """
        batches = self._batches(self._held_out)
        base, donor = (torch.cat(part) for part in zip(*batches, strict=True))
        n = len(self._inputs)
        pairs, places = torch.unique(base * n + donor, return_inverse=True)
        one, other = pairs // n, pairs % n
        plain = self._row_accuracy(self._forward(one), self._answers[one])
        strict = [self._row_accuracy(self._forward(one, other, node), self._answers[one]) for node in self._outside]
        swapped = [
            self._row_accuracy(self._forward(one, other, component), self._swapped[label][one, other])
            for label, component in self._nodes
        ]
        means = torch.zeros(3, dtype=torch.float64)
        for rows in places.split(self.settings.batch_size):
            node = self._draw(len(self._nodes))
            outside = float(np.mean([float(item[rows].mean()) for item in strict])) if strict else 1.0
            shares = [float(plain[rows].mean()), float(swapped[node][rows].nanmean()), outside]
            means += torch.tensor(shares, dtype=torch.float64)
        return Validation(*(means / len(batches)).tolist())

    def _enumerate(self) -> list[tuple[Any, ...]]:
        domain = self.compiled.domain
        return [tokens for tokens in domain.enumerate() if len(tokens) == domain.max_seq_len]

    @cached_property
    def _ids(self) -> Tensor:
        """Token ids of every input, BOS first, in InterpBench's order of tokens."""
        order = {token: number for number, token in enumerate(token_order(self.compiled.domain.vocab))}
        return torch.tensor([[order["BOS"], *(order[token] for token in row)] for row in self._inputs])

    @cached_property
    def _answers(self) -> Tensor:
        """Outputs of the program [input, position]: codes, or numbers."""
        outputs = evaluate_many(self.compiled.program, self._inputs, causal=self.compiled.causal)
        if any(value is None for row in outputs for value in row):
            raise DomainError(f"'{self.compiled.name}' gives no value on some input; SIIT has nothing to train there.")
        return torch.stack([self._encode(row) for row in outputs])

    def _encode(self, row: list[Any]) -> Tensor:
        codes = self.compiled.decoder.encode(row)
        return codes if self.compiled.decoder.categorical else codes.float()

    @cached_property
    def _swapped(self) -> dict[str, Tensor]:
        """Outputs of the program with an expression's value of another input [input, donor, position], by label."""
        # As RASP has it, for the network that is trained has none of the compiled model's reasons to have no value.
        numbered = NumberedProgram(self.compiled.program, causal=self.compiled.causal)
        program = SwappedProgram(numbered, self._inputs)
        labels = dict.fromkeys(label for held in self.layout.held.values() for label in held)
        found = {label: program.every_code(self.compiled.decoder, (label,)) for label in labels}
        return found if self.compiled.decoder.categorical else {k: v.float() for k, v in found.items()}

    def _initial(self) -> dict[str, Tensor]:
        """TransformerLens's default: normal numbers of standard deviation .8 / sqrt(d_model), biases 0."""
        outputs = len(self.compiled.decoder.values) or 1
        length = self.compiled.domain.max_seq_len
        tokens = len(self.compiled.domain.vocab) + 2
        shapes = weight_shapes(self.shape, n_tokens=tokens, n_positions=length + 1, n_outputs=outputs)
        std = 0.8 / self.shape.d_model**0.5
        return {
            name: (
                torch.zeros(size) if name.startswith("b_") else std * torch.randn(size, generator=self._generator)
            ).requires_grad_()
            for name, size in shapes.items()
        }

    def _batches(self, samples: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Bases, shuffled, each with a random donor."""
        base = samples[torch.randperm(len(samples), generator=self._generator)]
        donor = samples[torch.randint(len(samples), (len(samples),), generator=self._generator)]
        size = self.settings.batch_size
        return list(zip(base.split(size), donor.split(size), strict=True))

    def _draw(self, n: int) -> int:
        return int(torch.randint(n, (1,), generator=self._generator))

    @cached_property
    def _nodes(self) -> list[tuple[str, int]]:
        """The program's variables, each with the component that holds it."""
        index = self.graph.source_index
        return [(label, index[component]) for component, labels in self.layout.held.items() for label in labels]

    def _forward(self, base: Tensor, donor: Tensor | None = None, component: int | None = None) -> Tensor:
        """Logits without BOS's position, with one component's output, at all positions, from the donors' runs."""
        weights = TrainedWeights.of(self.tensors)
        if donor is None or component is None:
            return forward(self.shape, weights, self._ids[base]).logits[:, 1:]
        sources = self._sources()
        swap = torch.zeros(len(base), len(self.graph.sources), dtype=torch.bool)
        swap[:, component] = True
        return forward(self.shape, weights, self._ids[base], Cut(sources[:, donor], swap=swap)).logits[:, 1:]

    @torch.no_grad()
    def _sources(self) -> Tensor:
        """Run every source on every input: there are fewer inputs than samples in a batch. Kept for a step."""
        if self._written is None:
            self._written = forward(self.shape, TrainedWeights.of(self.tensors), self._ids).sources
        return self._written

    def _loss(self, logits: Tensor, answers: Tensor, times: Tensor) -> Tensor:
        """The mean cross-entropy or squared error where the program has a value, each row as often as it is there."""
        if self.compiled.decoder.categorical:
            losses = F.cross_entropy(logits.transpose(1, 2), answers.clamp(min=0), reduction="none")
            weights = times[:, None] * (answers >= 0)
        else:
            losses, weights = (logits[..., 0] - answers) ** 2, times[:, None].expand_as(answers)
        return (losses * weights).sum() / weights.sum()

    def _row_accuracy(self, logits: Tensor, answers: Tensor) -> Tensor:
        """The share of right positions in each row, of those at which the program has a value [row]."""
        if not self.compiled.decoder.categorical:
            return ((logits[..., 0] - answers).abs() < self.settings.atol).double().mean(-1)
        right = (logits.argmax(-1) == answers).double()
        return right.where(answers >= 0, torch.nan).nanmean(-1)

    def _step(self, loss: Tensor) -> None:
        self._optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.tensors.values(), self.settings.clip_grad_norm)
        self._optimizer.step()
        self._written = None
