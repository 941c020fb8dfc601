"""Hold a readout to its contract: numbers or scores of answers, of each row's own logits and example."""

from typing import Any

import torch
from torch import Tensor

from mib.engine.metric_contract import check_independent, name_of, together_and_alone
from mib.errors import TaskError
from mib.featurization.task_data import TaskData


def check_readout(task: TaskData) -> None:
    """Try a task's readout on what the model puts out for its first and its last base.

    Raises:
        TaskError: If it fails, gives another shape or kind than is expected, is not finite, or lets rows depend on each
            other.
    """
    if task.readout is None or getattr(task.readout, "was_tried", False):
        return
    what, readout = f"readout {name_of(task.readout)}", task.readout
    device = task.anatomy.token_embedding.device
    # The first and the last: whoever forgets the numbers of examples is right on the first batch alone.
    ends = torch.tensor([0, len(task) - 1])
    with torch.no_grad():  # one at a time: two may not fit into the memory
        logits = torch.cat([task.anatomy.logits(*_inputs(task, end, device)) for end in ends.split(1)])
    examples = ends.to(device)

    def read(logits: Tensor, examples: Tensor) -> Tensor:
        return _checked(task, what, readout(logits, examples), len(examples))

    together, alone = together_and_alone(read, what, logits, examples)
    categorical = not task.expected.is_floating_point()
    counts = task.mask[ends].to(device)
    read_of_counted = together if together.ndim == 1 else together[counts]
    wrong = read_of_counted.isnan() if categorical else ~read_of_counted.isfinite()
    if bool(wrong.any()):
        raise TaskError(f"{what} is {float(read_of_counted[wrong][0])} where mask counts, on the model's own output.")
    check_independent(what, logits, examples, together, alone)


def _inputs(task: TaskData, end: Tensor, device: torch.device) -> tuple[Tensor, Tensor | None]:
    mask = task.base_attention_mask
    return task.base[end].to(device), None if mask is None else mask[end].to(device)


def _checked(task: TaskData, what: str, found: Any, n_rows: int) -> Tensor:
    """Give what a readout returned, if it is what the task expects."""
    n_places = task.expected.shape[1]
    if not isinstance(found, Tensor):
        raise TaskError(f"{what} returned a {type(found).__name__}; expected a tensor.")
    shape = tuple(found.shape)
    if task.expected.is_floating_point():
        if shape != (n_rows, n_places) and not (n_places == 1 and shape == (n_rows,)):
            raise TaskError(f"{what} returned shape {shape} for {n_rows} rows; expected {(n_rows, n_places)}, numbers.")
    else:
        least = int(task.expected[task.mask].max()) + 1
        if found.ndim != 3 or shape[:2] != (n_rows, n_places) or shape[2] < least:
            raise TaskError(
                f"{what} returned shape {shape} for {n_rows} rows; expected [{n_rows}, {n_places}, answer], scores of "
                f"at least {least} answers, as expected names them."
            )
    if not found.is_floating_point():
        raise TaskError(f"{what} returned {found.dtype}; expected floating point: use .to(logits.dtype).")
    return found
