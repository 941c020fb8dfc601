"""A sparse network that is trained in a second or two, for tests of what a network that chose its circuit is."""

from functools import cache

import groundtruth
from groundtruth.trained.train_sparse_network import SparseSettings
from groundtruth.trained.trained_model import TrainedModel

SIZES = {"n_layers": 1, "n_heads": 2, "d_model": 16, "d_head": 4, "d_mlp": 16}


@cache
def small_sparse_model() -> TrainedModel:
    """``hist`` on four inputs."""
    return groundtruth.train(
        "hist",
        vocab=(1, 2),
        max_seq_len=2,
        architecture=SIZES,
        kind="sparse",
        settings=SparseSettings(steps=150, share=0.05, prune=1.0, epsilon=1e-3),
    )
