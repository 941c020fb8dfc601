"""One cycle of a training run: steps of an optimizer on a loss, with the run kept in a file as it goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from groundtruth.trained.training_progress import Moment, Progress
from groundtruth.trained.training_state import (
    TrainingState,
    optimizer_tensors,
    read_state,
    restore_optimizer,
    write_state,
)

CHECKPOINT_STEPS = 50
"""Steps after which the state of a run is written."""

WINDOW = 25
"""A cycle ends early after so many steps in a row with wide margins. Windows begin where states are written, so that a
run that continues ends where it would have ended."""


Numbers = dict[str, Tensor]
"""Trained numbers, by name of a weight."""


@dataclass(frozen=True)
class RunFile:
    """The file that a run is kept in as it goes.

    Attributes:
        path: File of the run; ``None`` = the run is not kept.
        identity: Hash of all that a run must share to continue from it.
    """

    path: Path | None
    identity: str

    def read(self) -> TrainingState | None:
        """The state that is there, if there is one; errors as of ``read_state``."""
        return None if self.path is None else read_state(self.path, self.identity)


@dataclass(frozen=True, eq=False)
class Cycle:
    """What one cycle does.

    Attributes:
        phase: Its name.
        index: Its number in the run.
        steps: Steps of the optimizer, at most.
        before: Steps of the run before this cycle.
        optimizer: Makes the optimizer of the trained numbers.
        schedule: Makes the schedule of its learning rate.
        loss: The loss of the numbers as they are, and the smallest margin.
        share: Share of the whole run that is done after some steps of the cycle.
        keep: More tensors that the next step depends on, by name, for the file of the run.
        after: Changes the numbers in place after a step; told how many were done.
        enough: The cycle ends once no margin was below this for a while; ``None`` = it never ends early.
    """

    phase: str
    index: int
    steps: int
    before: int
    optimizer: Callable[[Sequence[Tensor]], torch.optim.Optimizer]
    schedule: Callable[[torch.optim.Optimizer], torch.optim.lr_scheduler.LRScheduler]
    loss: Callable[[], tuple[Tensor, float]]
    share: Callable[[int], float]
    keep: Callable[[], dict[str, Tensor]] = dict[str, Tensor]
    after: Callable[[int], None] = lambda step: None
    enough: float | None = None


def run_cycle(
    cycle: Cycle, numbers: Numbers, *, file: RunFile, resumed: TrainingState | None, progress: Progress
) -> int:
    """Train numbers in place, from the start of a cycle or from where it was stopped.

    Args:
        cycle: Cycle to run.
        numbers: Trained numbers by name; as the state has them if there is one.
        file: File that keeps the run.
        resumed: The state that the cycle continues from.
        progress: Told after each step.

    Returns:
        Steps of the run so far.
    """
    for value in numbers.values():
        value.requires_grad_(True)
    # Sorted, as a checkpoint has them: in another order the norm of the gradients is rounded otherwise.
    trained = [numbers[name] for name in sorted(numbers)]
    optimizer = cycle.optimizer(trained)
    schedule = cycle.schedule(optimizer)
    done = 0 if resumed is None else restore_optimizer(optimizer, schedule, numbers, resumed)
    lowest = float("inf")
    while done < cycle.steps:
        # Before the step, so that step 0 is there too: a run that stops early continues in this phase and not in the
        # last.
        if file.path is not None and done % CHECKPOINT_STEPS == 0:
            tensors = optimizer_tensors(numbers, optimizer) | cycle.keep()
            write_state(file.path, TrainingState(file.identity, cycle.index, done, cycle.before + done, tensors))
        loss, worst = cycle.loss()
        optimizer.zero_grad()
        loss.backward()
        # A counterexample far on the wrong side makes a gradient that would throw the rest of the network away.
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        schedule.step()
        done += 1
        cycle.after(done)
        progress(Moment(cycle.phase, done, cycle.steps, float(loss.detach()), worst, cycle.share(done)))
        lowest = min(lowest, worst)
        # The smallest margin of a whole window: rows are drawn anew at each step, and one easy draw proves little.
        if done % WINDOW == 0:
            if cycle.enough is not None and lowest >= cycle.enough:
                break
            lowest = float("inf")
    for value in numbers.values():
        value.requires_grad_(False)
    return cycle.before + done
