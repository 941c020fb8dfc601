"""Whether the parts of a featurization task fit together."""

from math import inf

import torch
from torch import Tensor

from mib.errors import TaskError, shorten
from mib.featurization.site_positions import site_positions
from mib.featurization.site_runs import check_site
from mib.featurization.task_data import TaskData
from mib.tensor_checks import require_integers, require_tensor, require_whole_number


def check_task(task: TaskData) -> None:
    """Refuse a task whose parts do not fit together.

    Raises:
        TaskError: Naming the part, what it is and what it should be.
    """
    _check_types(task)
    _check_inputs(task)
    check_site(task.site, task.anatomy)
    _check_positions(task)
    _check_predictions(task)
    _check_labels(task)
    task.split.check(len(task))


_INTEGERS = {
    "base": "token ids [example, position]",
    "source": "token ids [example, position]",
    "base_positions": "positions [example, chosen]",
    "source_positions": "positions [example, chosen]",
    "base_values": "values of the variable [example, chosen]",
    "source_values": "values of the variable [example, chosen]",
    "family": "numbers of data sets [example]",
}


def _check_types(task: TaskData) -> None:
    for name, holds in _INTEGERS.items():
        if (value := getattr(task, name)) is not None or name in ("base", "source"):
            require_integers(value, name, holds)
    require_tensor(task.expected, "expected", "outputs or numbers [example, place]")
    for name in ("mask", "isolates"):  # numbers 0 and 1 would be read as places
        if getattr(task, name) is not None or name == "mask":
            value = require_tensor(getattr(task, name), name, "True and False")
            if value.dtype != torch.bool:
                raise TaskError(f"{name} has dtype {value.dtype}; {name} must be bool: use {name}.bool().")
    if task.readout is not None and not callable(task.readout):
        raise TaskError(f"readout is a {type(task.readout).__name__}; expected a callable (logits, examples).")
    if isinstance(task.tolerance, bool) or not isinstance(task.tolerance, int | float) or not 0 <= task.tolerance < inf:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TaskError(f"tolerance={task.tolerance!r}; expected a number from 0 on.")
    require_whole_number(task.seed, "seed", least=0)
    require_whole_number(task.memory, "memory", least=1)


def _check_inputs(task: TaskData) -> None:
    if task.base.ndim != 2 or task.base.shape != task.source.shape or not len(task.base):
        raise TaskError(
            f"base has shape {tuple(task.base.shape)}, source {tuple(task.source.shape)}; expected one "
            "[example, position] shape for both, with at least one example. Pad the shorter inputs."
        )
    n_vocabulary, longest = task.anatomy.n_vocabulary, task.anatomy.max_positions
    for name, tokens in (("base", task.base), ("source", task.source)):
        low, high = int(tokens.min()), int(tokens.max())
        if low < 0 or high >= n_vocabulary:
            raise TaskError(f"{name} has token ids from {low} to {high}; the vocabulary is 0 to {n_vocabulary - 1}.")
    if longest is not None and task.base.shape[1] > longest:
        raise TaskError(f"base has {task.base.shape[1]} positions; the model takes {longest} at most.")
    for name in ("base_attention_mask", "source_attention_mask"):
        _check_shape(task, name, task.base.shape)


def _check_positions(task: TaskData) -> None:
    n_examples, n_positions = task.base.shape
    usual = site_positions(task.site, n_examples, n_positions) if task.base_positions is None else task.base_positions
    for name in ("base_positions", "source_positions"):
        positions: Tensor | None = getattr(task, name)
        if positions is None:
            positions = site_positions(task.site, n_examples, n_positions)
        if positions.shape != (n_examples, usual.shape[1]):
            raise TaskError(
                f"{name} has shape {tuple(positions.shape)}; expected [example, chosen] = "
                f"{(n_examples, usual.shape[1])}, as many positions in each base as in its source."
            )
        if int(positions.min()) < 0 or int(positions.max()) >= n_positions:
            raise TaskError(
                f"{name} has positions from {int(positions.min())} to {int(positions.max())}; inputs have 0 to "
                f"{n_positions - 1}."
            )
    repeated = (usual.sort(1).values.diff(dim=1) == 0).any(1).nonzero()[:, 0].tolist()
    if repeated:
        raise TaskError(f"base_positions names a position twice in examples {shorten(repeated)}.")


def _check_predictions(task: TaskData) -> None:
    expected, mask, n_outputs = task.expected, task.mask, task.anatomy.W_U.shape[1]
    places = (expected.shape[1:] if task.readout is not None else task.base.shape[1:]) if expected.ndim == 2 else ()
    if expected.shape != (len(task), *places) or mask.shape != expected.shape or mask.dtype != torch.bool:
        raise TaskError(
            f"expected has shape {tuple(expected.shape)}, mask {tuple(mask.shape)} ({mask.dtype}); both must have the "
            f"[example, position] shape of base, {tuple(task.base.shape)}, and mask must be bool."
        )
    empty = (~mask.any(1)).nonzero()[:, 0].tolist()
    if empty:
        raise TaskError(f"mask counts no position in {len(empty)} of {len(mask)} examples: {shorten(empty)}.")
    if expected.is_floating_point():
        if not bool(torch.isfinite(expected[mask]).all()):
            raise TaskError("expected is not finite at a place where mask counts. Leave such places out of mask.")
        if task.readout is None and n_outputs != 1:
            raise TaskError(
                f"expected holds numbers, and the model has {n_outputs} outputs. Give output indices (integers), or "
                "a readout that says which number to read."
            )
        return
    counted = expected[mask]
    if int(counted.min()) < 0 or (task.readout is None and int(counted.max()) >= n_outputs):
        raise TaskError(
            f"expected has output indices from {int(counted.min())} to {int(counted.max())} where mask counts; the "
            f"model has outputs 0 to {n_outputs - 1}. Leave positions without an answer out of mask."
        )


def _check_labels(task: TaskData) -> None:
    for name in ("isolates", "family"):
        _check_shape(task, name, torch.Size([len(task)]))
    n_chosen = (
        site_positions(task.site, *task.base.shape).shape[1]
        if task.base_positions is None
        else task.base_positions.shape[1]
    )
    for name in ("base_values", "source_values"):
        _check_shape(task, name, torch.Size([len(task), n_chosen]))
    if (task.base_values is None) != (task.source_values is None):
        raise TaskError("base_values and source_values: give both or neither.")


def _check_shape(task: TaskData, name: str, shape: torch.Size) -> None:
    value: Tensor | None = getattr(task, name)
    if value is not None and value.shape != shape:
        raise TaskError(f"{name} has shape {tuple(value.shape)}; expected {tuple(shape)}.")
