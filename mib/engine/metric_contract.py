"""Hold a metric to its contract: one number a row, which depends on that row's logits and example only.

A metric that averages over the batch runs through every method without an error, and its scores then depend on how
many rows happen to run at once. That cannot be seen in any one score, so it is looked for before anything is scored.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from mib.engine.metric import Examples, Logits, Metric
from mib.errors import MibError, TaskError, first_line


def measure_rows(metric: Metric, logits: Logits, examples: Examples) -> Float[Tensor, "batch"]:
    """Call a metric, and refuse anything but one floating-point number a row.

    Neither check reads a value, so that a GPU need not be waited for.

    Raises:
        TaskError: Naming what the metric returned, and how to write it.
    """
    values: Any = metric(logits, examples)  # whatever a user's function returns
    name = name_of(metric)
    if not isinstance(values, Tensor):
        raise TaskError(f"metric {name} returned a {type(values).__name__}; expected a tensor, one number a row.")
    if values.shape != (len(examples),):
        one = "one number for the whole batch" if values.ndim == 0 else f"shape {tuple(values.shape)}"
        raise TaskError(
            f"metric {name} returned {one} for {len(examples)} rows; expected shape ({len(examples)},), one number a "
            "row. Leave the last .mean() or .sum() out: tasks average over examples themselves."
        )
    if not values.is_floating_point():
        raise TaskError(
            f"metric {name} returned {values.dtype}; expected floating-point numbers: use .to(logits.dtype)."
        )
    return values


def check_first_position(metric: Metric, n_positions: int) -> None:
    """Refuse a metric that names a first position which the inputs do not have.

    Raises:
        TaskError: Naming the position.
    """
    first: object = getattr(metric, "first_position", 0)
    if isinstance(first, bool) or not isinstance(first, int) or not -n_positions <= first < n_positions:
        raise TaskError(
            f"metric {name_of(metric)} has first_position={first!r}; the inputs have positions 0 to {n_positions - 1}."
        )


def check_metric(metric: Metric, logits: Logits, examples: Examples, *, shape: tuple[int, ...]) -> None:
    """Refuse a metric that gives some rows other numbers together than one by one.

    Args:
        metric: Called with logits and examples.
        logits: What the model puts out for some examples, [row, position, output].
        examples: Their numbers.
        shape: Of the task's inputs, [example, position].

    Raises:
        TaskError: If it is of other inputs, fails, is not finite, gives anything but one number a row, or lets rows
            depend on each other.
    """
    stated: tuple[int | None, ...] = getattr(metric, "shape", ())
    for count, wanted, what in zip(stated, shape, ("examples", "positions"), strict=False):
        if count not in (None, wanted):
            raise TaskError(
                f"metric {name_of(metric)} holds answers of {count} {what}; the task has {wanted}. Build it from the "
                "task's own inputs, in their order."
            )
    together, alone = _together_and_alone(metric, logits, examples)
    for values in (together, alone):
        if not bool(torch.isfinite(values).all()):
            wrong = int((~torch.isfinite(values)).nonzero()[0])
            raise TaskError(
                f"metric {name_of(metric)} is {float(values[wrong])} on the clean input of example "
                f"{int(examples[wrong])}. {_reason(metric)}"
            )
    _check_independent(name_of(metric), logits, examples, together, alone)


def _together_and_alone(metric: Metric, logits: Logits, examples: Examples) -> tuple[Tensor, Tensor]:
    try:
        with torch.no_grad():
            together = measure_rows(metric, logits, examples)
            alone = [measure_rows(metric, logits[i : i + 1], examples[i : i + 1]) for i in range(len(examples))]
    except (MibError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # a user's function raises anything
        raise TaskError(
            f"metric {name_of(metric)} failed on the logits of examples {examples.tolist()}, of shape "
            f"{tuple(logits.shape)}: {type(error).__name__}: {first_line(error)}"
        ) from error
    return together, torch.cat(alone)


def _check_independent(name: str, logits: Logits, examples: Examples, together: Tensor, rows: Tensor) -> None:
    # Rounding may depend on the batch: a little, by the values and by the logits that they are differences of.
    eps, largest = torch.finfo(logits.dtype).eps, float(logits.nan_to_num(0.0, 0.0, 0.0).abs().max())
    allowed = eps**0.5 * torch.maximum(together.abs(), rows.abs()) + 16 * eps * largest
    if bool(((together - rows).abs() > allowed).any()):
        place = int(((together - rows).abs() - allowed).argmax())
        raise TaskError(
            f"metric {name} gives example {int(examples[place])} {float(rows[place]):.4g} alone and "
            f"{float(together[place]):.4g} beside example {int(examples[place - 1])}. It must be a function of a row's "
            "own logits and of its number in examples: index answers by examples, and average over no other row."
        )


def name_of(metric: object) -> str:
    """What a metric is called in errors: the function's name, or its class's."""
    return str(getattr(metric, "__name__", type(metric).__name__))


def _reason(metric: Metric) -> str:
    first = getattr(metric, "first_position", None)
    if first is None:
        return "Check for a division by zero or the logarithm of zero."
    return f"It says that it reads no logits before position {first}; those are NaN."
