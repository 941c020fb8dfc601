"""How much is saved by not unembedding positions that the metric does not read, on GPT-2 small's shape.

    OMP_NUM_THREADS=1 python benchmarks/unread_logits.py [--repeats 3] [--layers 12]

Random weights, 8 prompts of 16 tokens, the metric at the last position. Units are plain Hugging Face forward passes
over the same prompts, which unembed all positions; one thread, CPU time, medians.
"""

import argparse
from collections.abc import Callable
from typing import Any

from localization import Shape, forward, load, make_task, timed
from rich.console import Console
from rich.table import Table

import mib
import mib.localization.task
from mib.metrics.faithfulness import mib_areas

SHAPE = Shape(layers=12, heads=12, width=768, prompts=8, tokens=16, vocabulary=50_257)
FEW_LAYERS = 2
"""Up to so many, every edge is cut too: 32,491 of the whole model would take hours."""

NEVER = 2**62
"""No model is worth skipping anything."""


def works(model: Any, shape: Shape) -> dict[str, Callable[[], object]]:
    """Return what is timed, each on a task of its own."""

    def task() -> mib.LocalizationTask:
        return make_task(model, shape)

    scores = mib.localization.get("eap")(task())
    found: dict[str, Callable[[], object]] = {
        "forward pass": lambda: (one := task()).engine.logits(one.everything.clean),
        **{name: lambda name=name: mib.localization.get(name)(task()) for name in ("eap", "eap-ig-inputs")},
    }
    if shape.layers <= FEW_LAYERS:
        found["exact"] = lambda: mib.localization.get("exact")(task())
    return {**found, "CPR + CMD": lambda: mib_areas(task(), scores)}


def main() -> None:
    """Time each with and without, side by side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--layers", type=int, default=SHAPE.layers)
    arguments = parser.parse_args()
    shape = Shape(**{**vars(SHAPE), "layers": arguments.layers})
    plain, bridge = load(shape)
    model = make_task(bridge, shape).engine.anatomy
    unit, worth = forward(plain, make_task(model, shape)), mib.localization.task.WORTH_SKIPPING
    table = Table("", "read positions only", "all positions", "ratio")
    for name, work in works(model, shape).items():
        mib.localization.task.WORTH_SKIPPING = worth
        few = timed(work, unit, arguments.repeats).units
        mib.localization.task.WORTH_SKIPPING = NEVER
        whole = timed(work, unit, arguments.repeats).units
        table.add_row(name, f"{few:.2f}", f"{whole:.2f}", f"{few / whole:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
