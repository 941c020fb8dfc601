"""How long it takes to score and to learn featurizers on a shipped model, on one thread.

    OMP_NUM_THREADS=1 python benchmarks/featurization.py [--repeats 3] [--place reverse:opposite@residual.2.post]
        [--methods]

Scoring is all of a row but the controls: interchange accuracies with intervals, overlap with the exact span, what is
moved, natural states. Every repeat works on a fresh task, so recording the model's runs is part of what is timed; the
task itself (drawing pairs, running the program) is timed apart. Seconds are compared with limits; ``cpu`` is processor
time, which other work on the machine does not lengthen; ``units`` are multiples of one plain forward pass over all
bases, measured in the same run.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import torch
from rich.console import Console
from rich.table import Table

import mib
from groundtruth.bench.variable_subjects import PARAMETERS, places_of
from groundtruth.evaluation.variables import Sizes, VariableEvaluator, oracle
from groundtruth.specs import find_model

LIMITS = {"score 10,000 pairs": 2.0, "das, rank 4, 1,000 pairs": 10.0}


def timed(work: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Median seconds and processor seconds, after one run to warm up."""
    work()
    walls: list[float] = []
    processors: list[float] = []
    for _ in range(repeats):
        wall, processor = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    return statistics.median(walls), statistics.median(processors)


def fresh(evaluator: VariableEvaluator) -> VariableEvaluator:
    """The same evaluator with nothing recorded yet."""
    return replace(evaluator, task=replace(evaluator.task, model=evaluator.task.anatomy))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--place", default="reverse:opposite@residual.2.post")
    parser.add_argument(
        "--methods", action="store_true", help="every method as the default bench has it, not DAS alone"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    (name, variable, site), *_ = places_of(arguments.place)
    model = find_model(name)

    def evaluator_of(sizes: Sizes) -> VariableEvaluator:
        return VariableEvaluator.of(model, variable, site, sizes=sizes, controls=False)

    scored, learned = evaluator_of(Sizes(1, 1, 10_000)), evaluator_of(Sizes(1000, 200, 1))
    found, das = oracle(model, variable, site), mib.featurization.get("das")
    with torch.no_grad():
        unit = timed(lambda: scored.task.anatomy.logits(scored.task.base), 10)[1]
    title = f"{name}:{variable} at {site}, {len(scored.task.split.test):,} test pairs"
    table = Table("what", "s", "cpu", "limit", "units", title=title)

    def row(what: str, work: Callable[[], object]) -> None:
        wall, processor = timed(work, arguments.repeats)
        limit = f"{LIMITS[what]:.1f}" if what in LIMITS else "-"
        table.add_row(what, f"{wall:.3f}", f"{processor:.3f}", limit, f"{processor / unit:.1f}")

    row("make the task of 10,000 pairs", lambda: evaluator_of(Sizes(1, 1, 10_000)))
    row("score 10,000 pairs", lambda: fresh(scored).score(found))
    row("das, rank 4, 1,000 pairs", lambda: das(fresh(learned).task, rank=4))
    if arguments.methods:
        for method in map(mib.featurization.get, mib.featurization.names()):
            parameters = PARAMETERS.get(method.name, {})
            row(method.name, lambda method=method, given=parameters: method(fresh(learned).task, **given))
    Console().print(table)


if __name__ == "__main__":
    main()
