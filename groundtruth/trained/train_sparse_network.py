"""Train a network of few weights on a program's answers alone: no circuit is planned, and none is trained for.

After Gao et al. (2025, arXiv 2511.13653): all but the largest weights of each matrix are zero after every step, so that
most edges of the network are absent by zero products, and nobody chose which.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from groundtruth.errors import DomainError, TrainingError
from groundtruth.rasp.evaluate import evaluate_many
from groundtruth.trained.certified_run import Trained, certify_run
from groundtruth.trained.certify_network import N_SUBSETS, Certifier
from groundtruth.trained.cut_forward import forward
from groundtruth.trained.prune_nodes import prune_nodes
from groundtruth.trained.trained_network import TrainedNetwork, TrainingRecipe
from groundtruth.trained.trained_weights import TrainedWeights, initial_weights
from groundtruth.trained.training_cycle import Cycle, Numbers, RunFile, run_cycle
from groundtruth.trained.training_progress import TRAINED, Progress
from groundtruth.trained.training_rows import answer_loss
from groundtruth.trained.training_state import TrainingState
from groundtruth.trained.weight_sparsity import annealed_share, keep_largest

_WARM_UP = 20
"""Steps over which the learning rate rises at first."""


@dataclass(frozen=True)
class SparseSettings:
    """Numbers of a sparse training run.

    Attributes:
        steps: Steps of the optimizer; each sees every input.
        share: The share of each matrix's weights that is kept in the end.
        learning_rate: The highest one; it is divided by the root of the share that is kept.
        epsilon: Adam's, as large as the paper's: weights whose gradients are small hardly move.
        decay: Weight decay.
        margin: By how much the right logit should be ahead.
        hinge: Weight of the hinge on margins.
        prune: Nodes are pruned as long as no margin falls below this; ``None`` = no node is.

    Raises:
        DomainError: If a number is out of range.
    """

    steps: int = 1000
    share: float = 0.02
    learning_rate: float = 1e-2
    epsilon: float = 0.1
    decay: float = 1e-3
    margin: float = 3.0
    hinge: float = 0.1
    prune: float | None = 2.0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise DomainError(f"steps={self.steps} is too few; give 1 or more.")
        if not 0 < self.share <= 1:
            raise DomainError(f"share={self.share} is no share of the weights; give more than 0 and at most 1.")
        if self.prune is not None and self.prune <= 0:
            raise DomainError(f"prune={self.prune} would prune right answers away; give a margin above 0, or None.")


class SparseTrainer:
    """One sparse training run on every input at every step.

    Args:
        network: The program and the architecture; its weights are not used.
        settings: Numbers of the run.
        seed: Draws the initial weights.
        progress: Told where the run is.
        checkpoint: A file that the run is kept in as it goes.
    """

    def __init__(
        self,
        network: TrainedNetwork,
        settings: SparseSettings,
        *,
        seed: int,
        progress: Progress,
        checkpoint: Path | None = None,
    ) -> None:
        self.network, self.settings, self.seed = network, settings, seed
        self._progress, self._file = progress, RunFile(checkpoint, self._identity)
        inputs = tuple(network.domain.enumerate())
        outputs = evaluate_many(network.program, inputs, causal=network.causal)
        self.ids, self.answers = network.encode(inputs), torch.stack([network.decoder.encode(row) for row in outputs])

    def run(self) -> TrainedNetwork:
        """Train, then prune."""
        settings = self.settings
        generator = torch.Generator().manual_seed(self.seed)
        resumed = self._file.read()
        drawn = initial_weights(self.network.shapes, generator).to(torch.float32).tensors
        numbers = dict(drawn) if resumed is None else resumed.part("number")
        self._train(numbers, resumed)
        # They were trained in float32, so that they are stored exactly as they are certified in half the room.
        weights = TrainedWeights.of({name: numbers[name].detach().double() for name in drawn})
        recipe = TrainingRecipe("sparse", self.seed, settings.steps, asdict(settings))
        trained = replace(self.network, weights=weights, training=recipe)
        if settings.prune is None:
            return trained
        return prune_nodes(trained, self.ids, self.answers, margin=settings.prune)

    def _train(self, numbers: Numbers, resumed: TrainingState | None) -> None:
        """All steps; changes the numbers in place."""
        settings, network = self.settings, self.network

        def loss() -> tuple[Tensor, float]:
            # Every input at every step: a domain is small enough to be one batch.
            logits = forward(network.architecture, TrainedWeights.of(numbers), self.ids).logits[:, 1:]
            total, margins = answer_loss(
                network.decoder, logits, self.answers, margin=settings.margin, hinge=settings.hinge
            )
            return total, float(margins.min())

        cycle = Cycle(
            "sparse",
            index=0,
            steps=settings.steps,
            before=0,
            optimizer=lambda trained: torch.optim.AdamW(
                trained, settings.learning_rate, (0.9, 0.95), settings.epsilon, settings.decay, fused=True
            ),
            schedule=lambda optimizer: torch.optim.lr_scheduler.LambdaLR(optimizer, self._rate),
            loss=loss,
            share=lambda step: TRAINED * step / settings.steps,
            after=lambda step: keep_largest(numbers, annealed_share(step, settings.steps, settings.share)),
        )
        run_cycle(cycle, numbers, file=self._file, resumed=resumed, progress=self._progress)

    def _rate(self, step: int) -> float:
        """The learning rate over the highest one: up, level, and down to 0 over the second half."""
        steps, share = self.settings.steps, annealed_share(step, self.settings.steps, self.settings.share)
        return min(1.0, (step + 1) / _WARM_UP) * min(1.0, 2.0 * (1.0 - step / steps)) / share**0.5

    @property
    def _identity(self) -> str:
        """Hash of all that a checkpoint must share for this run to continue from it."""
        network = self.network
        text = repr((network.name, str(network.domain), str(network.architecture), self.seed, asdict(self.settings)))
        return hashlib.sha256(text.encode()).hexdigest()


def _require_right(network: TrainedNetwork) -> None:
    certifier = Certifier(network)
    # Behaviour alone is asked for: no circuit is planned that edges could be held against.
    found = certifier.behaviour()
    if found.wrong:
        raise TrainingError(network.name, [f"behaviour: {found.claim(certifier.runs, donor=False)}"])


def train_sparse_network(
    network: TrainedNetwork,
    *,
    seed: int = 0,
    settings: SparseSettings | None = None,
    progress: Progress | None = None,
    checkpoint: Path | None = None,
    n_subsets: int = N_SUBSETS,
) -> Trained:
    """Train a network of few weights and certify what comes out.

    Args:
        network: The program and the architecture, with no circuit planned; its weights are not used.
        seed: Draws the initial weights.
        settings: Numbers of the run.
        progress: Told where the run is.
        checkpoint: A file that the run is kept in as it goes, and continued from if it is there; removed at the end.
        n_subsets: Random sets of needless edges that the certificate counts.

    Raises:
        TrainingError: If an answer is wrong; then no circuits are looked for, which would take longest of all.
    """
    trainer = SparseTrainer(
        network,
        settings or SparseSettings(),
        seed=seed,
        progress=progress or (lambda moment: None),
        checkpoint=checkpoint,
    )
    return certify_run(
        trainer.run,
        seed=seed,
        n_subsets=n_subsets,
        checkpoint=checkpoint,
        progress=progress,
        require=_require_right,
    )
