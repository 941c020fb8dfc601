"""What a worker needs to run some cells: memory as measured, and a GPU where the cells name one."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from groundtruth.evaluation.language_models import is_language_model
from groundtruth.executors import Needs
from groundtruth.results.cell import Cell
from mib import learned

WORKER_MEMORY = 3 * 2**29
"""Bytes that a worker takes at most on compiled models: the peak that ``benchmarks/executors.py`` prints, and room."""


def worker_needs(cells: Sequence[Cell]) -> Needs:
    """Say what one worker asks for that runs any of these cells."""
    return language_model_needs(
        {cell.model for cell in cells if is_language_model(cell.model)},
        memory=max((cell.prompts.memory for cell in cells if cell.task), default=0),
        devices={cell.device for cell in cells},
    )


def language_model_needs(models: Iterable[str], *, memory: int, devices: Iterable[str]) -> Needs:
    """Say what one worker asks for that runs methods on any of these checkpoints.

    Args:
        models: The checkpoint twice, as loaded and as read, is asked for; of compiled models none is named here.
        memory: Bytes that ``--memory`` allows beside the model.
        devices: Names of the devices that hold the models.
    """
    return Needs(
        # A checkpoint is in memory twice while it is loaded: as read, and as the model that it goes into.
        memory=WORKER_MEMORY + 2 * max(map(_checkpoint_bytes, models), default=0) + memory,
        gpus=int(any(device.startswith("cuda") for device in devices)),
    )


def _checkpoint_bytes(name: str) -> int:
    """Bytes of the weights of a checkpoint; 0 where it is not in a folder, and nobody knows before it is fetched."""
    folder = learned.checkpoint_of(name) if name in learned.names() else Path(name)
    return sum(path.stat().st_size for path in folder.glob("*.safetensors")) if folder.is_dir() else 0
