"""The state of a training run in one safetensors file, so that it can stop and continue."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from groundtruth.errors import ArtifactError
from mib.whole_files import write_whole


@dataclass(frozen=True, eq=False)
class TrainingState:
    """Where a run is, and all that its next step depends on.

    Attributes:
        identity: Hash of what is trained and how; a run continues only from a state of its own.
        phase: Number of the phase.
        step: Steps done in it.
        steps: Steps done in all.
        tensors: Trained numbers (``number.NAME``), the optimizer's moments (``first.NAME``, ``second.NAME``), the
            state of the generator and the counterexamples.
    """

    identity: str
    phase: int
    step: int
    steps: int
    tensors: Mapping[str, Tensor]

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names begin with a prefix and a dot, without it."""
        start = f"{prefix}."
        return {name.removeprefix(start): value for name, value in self.tensors.items() if name.startswith(start)}


def write_state(path: Path, state: TrainingState) -> None:
    """Write a state; the file is whole or not there."""
    words = {"identity": state.identity, "where": json.dumps([state.phase, state.step, state.steps])}
    write_whole(path, save({name: value.contiguous() for name, value in state.tensors.items()}, metadata=words))


def read_state(path: Path, identity: str) -> TrainingState | None:
    """Read a state; ``None`` if there is no file.

    Raises:
        ArtifactError: If it is none, or that of another run.
    """
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:  # pyright: ignore[reportUnknownVariableType]
            words: dict[str, str] = file.metadata() or {}
            # Copies, since the file's own memory is aligned otherwise, and sums over it are rounded otherwise.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        phase, step, steps = json.loads(words["where"])
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise ArtifactError(f"{path} holds no training run ({error}). Delete it to begin anew.") from error
    if words.get("identity") != identity:
        raise ArtifactError(
            f"{path} holds another training run: another program, circuit, architecture, seed or setting. Give another "
            "checkpoint, or delete it to begin anew."
        )
    return TrainingState(identity, int(phase), int(step), int(steps), tensors)


def optimizer_tensors(numbers: Mapping[str, Tensor], optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The numbers of a run and their moments, by the names that ``restore_optimizer`` reads."""
    tensors = {f"number.{name}": value.detach() for name, value in numbers.items()}
    for name, value in numbers.items():
        if moments := optimizer.state.get(value):
            tensors |= {f"first.{name}": moments["exp_avg"], f"second.{name}": moments["exp_avg_sq"]}
    return tensors


def restore_optimizer(
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    numbers: dict[str, Tensor],
    state: TrainingState,
) -> int:
    """Bring an optimizer and its schedule to where a run stopped; the step of the phase is returned."""
    first, second = state.part("first"), state.part("second")
    for _ in range(state.step):
        optimizer.step()  # without gradients nothing moves; the schedule wants to see a step before its own
        schedule.step()
    for name, value in numbers.items():
        if name in first:
            count = torch.tensor(float(state.step))
            optimizer.state[value] = {"step": count, "exp_avg": first[name], "exp_avg_sq": second[name]}
    return state.step
