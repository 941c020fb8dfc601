"""A training run as the command line names it, with a progress bar."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from groundtruth.cli.compile_options import split_tokens
from groundtruth.cli.declared_program import find_declared
from groundtruth.report.progress import count_up
from groundtruth.train_model import train
from groundtruth.trained.draw_correspondence import Copies
from groundtruth.trained.kinds import Kind
from groundtruth.trained.trained_model import TrainedModel


def train_as_given(
    spec: str,
    *,
    vocab: str | None,
    length: int | None,
    kind: Kind,
    sizes: Mapping[str, Any],
    copies: Copies,
    spares: int,
    seed: int,
    checkpoint: Path | None,
) -> TrainedModel:
    """Train what the command line names; the arguments are those of ``groundtruth train``.

    Raises:
        ProgramError: If there is no such program, or it declares no inputs.
        DomainError: If it does not fit.
        TrainingError: If the network is not certified.
    """
    program = find_declared(spec)
    with count_up("training") as report:
        return train(
            program,
            vocab=None if vocab is None else split_tokens(vocab),
            max_seq_len=length,
            architecture={name: value for name, value in sizes.items() if value is not None},
            kind=kind,
            copies=copies,
            n_spares=spares,
            seed=seed,
            checkpoint=checkpoint,
            progress=lambda moment: report(round(100 * moment.share), 100),
        )
