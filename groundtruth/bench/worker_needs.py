"""What a worker needs to run some cells: memory as measured, and a GPU where the cells name one."""

from collections.abc import Sequence
from pathlib import Path

from groundtruth.bench.cell import Cell
from groundtruth.evaluation.language_models import is_language_model
from groundtruth.executors import Needs
from mib import learned

WORKER_MEMORY = 3 * 2**29
"""Bytes that a worker takes at most on compiled models: the peak that ``benchmarks/executors.py`` prints, and room."""


def worker_needs(cells: Sequence[Cell]) -> Needs:
    """Say what one worker asks for that runs any of these cells.

    For a language model, its checkpoint twice, as loaded and as read, and what ``--memory`` allows beside it.
    """
    models = {cell.model for cell in cells if is_language_model(cell.model)}
    beside = max((cell.prompts.memory for cell in cells if cell.task), default=0)
    return Needs(
        memory=WORKER_MEMORY + 2 * max(map(_checkpoint_bytes, models), default=0) + beside,
        gpus=int(any(cell.device.startswith("cuda") for cell in cells)),
    )


def _checkpoint_bytes(name: str) -> int:
    """Bytes of the weights of a checkpoint; 0 where it is not in a folder, and nobody knows before it is fetched."""
    folder = learned.checkpoint_of(name) if name in learned.names() else Path(name)
    return sum(path.stat().st_size for path in folder.glob("*.safetensors")) if folder.is_dir() else 0
