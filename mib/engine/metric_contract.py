"""Hold a metric to its contract: one number a row, which depends on that row's logits and example only.

A metric that averages over the batch runs through every method without an error, and its scores then depend on how
many rows happen to run at once. That cannot be seen in any one score, so it is looked for before anything is scored.
"""

from collections.abc import Callable
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
        logits: Logits of the model for some examples, [row, position, output].
        examples: Their numbers.
        shape: Shape of the task's inputs, [example, position].

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
    what = f"metric {name_of(metric)}"
    together, alone = together_and_alone(lambda *rows: measure_rows(metric, *rows), what, logits, examples)
    # Both: a metric of one row at a time may divide by what only a batch has.
    for values in (together, alone):
        if not bool(torch.isfinite(values).all()):
            wrong = int((~torch.isfinite(values)).nonzero()[0])
            raise TaskError(
                f"metric {name_of(metric)} is {float(values[wrong])} on the clean input of example "
                f"{int(examples[wrong])}. {_reason(metric)}"
            )
    check_independent(what, logits, examples, together, alone)


def together_and_alone(
    function: Callable[[Tensor, Tensor], Tensor], what: str, logits: Logits, examples: Examples
) -> tuple[Tensor, Tensor]:
    """Call a function of a user's on all rows at once, and on one at a time.

    Args:
        function: Called with logits and examples.
        what: Its name in errors.
        logits: Logits of the model for some examples, [row, position, output].
        examples: Their numbers.

    Raises:
        TaskError: If it fails.
    """
    try:
        with torch.no_grad():
            together = function(logits, examples)
            alone = [function(logits[i : i + 1], examples[i : i + 1]) for i in range(len(examples))]
    except (MibError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # a user's function raises anything
        raise TaskError(
            f"{what} failed on the logits of examples {examples.tolist()}, of shape {tuple(logits.shape)}: "
            f"{type(error).__name__}: {first_line(error)}"
        ) from error
    return together, torch.cat(alone)


def check_independent(what: str, logits: Logits, examples: Examples, together: Tensor, alone: Tensor) -> None:
    """Refuse rows whose values depend on the rows beside them.

    Args:
        what: Source of the values, for the error.
        logits: Logits that they were computed from.
        examples: Numbers of the rows' examples.
        together: Values of all rows at once, [row, ...].
        alone: The same, one row at a time.

    Raises:
        TaskError: If they differ by more than rounding.
    """
    # Rounding may depend on the batch: a little, by the values and by the logits that they are differences of.
    eps, largest = torch.finfo(logits.dtype).eps, float(logits.nan_to_num(0.0, 0.0, 0.0).abs().max())
    allowed = eps**0.5 * torch.maximum(together.abs(), alone.abs()) + 16 * eps * largest
    excess = ((together - alone).abs() - allowed).reshape(len(examples), -1).amax(1)
    if bool((excess > 0).any()):
        row = int(excess.argmax())
        place = int((together - alone)[row].abs().argmax())
        one, other = (float(values[row].flatten()[place]) for values in (alone, together))
        raise TaskError(
            f"{what} gives example {int(examples[row])} {one:.4g} alone and {other:.4g} beside example "
            f"{int(examples[row - 1])}. It must be a function of a row's own logits and of its number in examples: "
            "index answers by examples, and average over no other row."
        )


def name_of(metric: object) -> str:
    """Give what a metric is called in errors: the function's name, or its class's."""
    return str(getattr(metric, "__name__", type(metric).__name__))


def _reason(metric: Metric) -> str:
    first = getattr(metric, "first_position", None)
    if first is None:
        return "Check for a division by zero or the logarithm of zero."
    return f"It says that it reads no logits before position {first}; those are NaN."
