"""What comes of a training run: a network, its certificate, and what it cost."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from groundtruth.trained.certificate import Certificate
from groundtruth.trained.certify_network import certify
from groundtruth.trained.trained_network import TrainedNetwork
from groundtruth.trained.training_progress import Progress, certificate_progress


@dataclass(frozen=True, eq=False)
class Trained:
    """What came of a training run.

    Attributes:
        network: The network.
        certificate: Certificate that came of enumerating its domain.
        seconds: CPU time of the training, the certificate left out.
    """

    network: TrainedNetwork
    certificate: Certificate
    seconds: float

    @property
    def failures(self) -> list[str]:
        """Everything that keeps the network from being certified as what it was trained for."""
        return self.certificate.unmet(self.network)


def certify_run(
    run: Callable[[], TrainedNetwork],
    *,
    seed: int,
    n_subsets: int,
    checkpoint: Path | None,
    progress: Progress | None = None,
    require: Callable[[TrainedNetwork], None] = lambda network: None,
) -> Trained:
    """Train on one thread, and certify what comes out.

    Args:
        run: Trains.
        seed: Draws the random sets of edges that the certificate counts.
        n_subsets: Number of subsets.
        checkpoint: The file that the run was kept in; removed at the end.
        progress: Told where the certificate is.
        require: Refuses a network for which a certificate would be in vain.
    """
    start, n_threads = time.process_time(), torch.get_num_threads()
    # Sums come out the same each time, and several runs do not get in each other's way.
    torch.set_num_threads(1)
    try:
        trained = run()
        seconds = time.process_time() - start
        require(trained)
        certificate = certify(trained, seed=seed, n_subsets=n_subsets, progress=certificate_progress(progress))
    finally:
        torch.set_num_threads(n_threads)
    # Only now: a run that is stopped during its certificate continues from its last state.
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    return Trained(trained, certificate, seconds)
