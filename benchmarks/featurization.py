"""How long it takes to score and to learn featurizers on a shipped model, on one thread.

    OMP_NUM_THREADS=1 python benchmarks/featurization.py [--repeats 3] [--place reverse:opposite@residual.2.post]
        [--methods] [--reference PYTHON]

Scoring is all of a row but the controls: interchange accuracies with intervals, overlap with the exact span, what is
moved, natural states. Every repeat works on a fresh task, so recording the model's runs is part of what is timed; the
task itself (drawing pairs, running the program) is timed apart. Seconds are compared with limits; ``cpu`` is processor
time, which other work on the machine does not lengthen; ``units`` are multiples of one plain forward pass over all
bases, measured in the same run.

With --reference, DAS and DBM are also timed beside those of pyvene, in an interpreter where it is installed, on one
task: a random GPT-2 checkpoint, the residual stream behind its second block, the last position, the same pairs, steps
and batch size. "units" are then multiples of a plain forward pass over one batch, in CPU time of either interpreter.
"loss" is what DAS ends with on all pairs; both start at random.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from localization import Shape, load
from reference_run import run_reference, time_in_units
from rich.console import Console
from rich.table import Table

import mib
from groundtruth.bench.variable_subjects import PARAMETERS, places_of
from groundtruth.evaluation.variables import Sizes, VariableEvaluator, oracle
from groundtruth.specs import find_model
from mib.featurization import FeaturizationTask, Site, Split

LIMITS = {"score 10,000 pairs": 2.0, "das, rank 4, 1,000 pairs": 10.0}

INSTALL = "Make an environment for it: pip install pyvene, and name its bin/python."

SHAPE = Shape(prompts=320)
"""Sizes of the checkpoint and of the task that both learn on."""

TRAINING = {"layer": 1, "rank": 4, "steps": 20, "batch_size": 32}
"""Sizes and steps of what both learn."""


def compare_with_pyvene(python: Path, repeats: int) -> Table:
    """Time DAS and DBM beside pyvene's."""
    plain, bridge = load(SHAPE)
    generator = torch.Generator().manual_seed(1)
    size = (SHAPE.prompts, SHAPE.tokens)
    base, source = (torch.randint(SHAPE.vocabulary, size, generator=generator) for _ in range(2))
    expected = torch.randint(SHAPE.vocabulary, size[:1], generator=generator)
    with tempfile.TemporaryDirectory() as folder:
        plain.save_pretrained(folder)
        pairs = {"base": base.tolist(), "source": source.tolist(), "expected": expected.tolist()}
        job = {"checkpoint": folder, **pairs, **TRAINING, "methods": ["das", "dbm"], "repeats": repeats}
        theirs = run_reference(python, "pyvene", INSTALL, "pyvene_featurization.py", job)

    def task() -> FeaturizationTask:
        last = torch.arange(SHAPE.tokens) == SHAPE.tokens - 1
        everything = torch.arange(len(base))
        return FeaturizationTask(
            model=bridge, site=Site.residual(TRAINING["layer"], positions=SHAPE.tokens - 1), base=base, source=source,
            expected=expected[:, None].expand(size), mask=last.expand(size),
            split=Split(everything, everything[:0], everything[:0]),
        )  # fmt: skip

    @torch.no_grad()
    def unit() -> None:
        plain(base[: TRAINING["batch_size"]])

    table = Table(
        "method", "ours", "pyvene", "ratio", "loss", "pyvene's", title=f"units of one forward pass; {TRAINING}"
    )
    shared: dict[str, Any] = {name: TRAINING[name] for name in ("steps", "batch_size")}
    own: dict[str, dict[str, Any]] = {"das": {"rank": TRAINING["rank"]}, "dbm": {}}
    for name, found in theirs.items():
        method = mib.featurization.get(name)
        learn = lambda method=method, name=name: method(task(), **shared, **own[name])  # noqa: E731
        units, _ = time_in_units(learn, unit, repeats)
        asked = task()
        loss = float(asked.answers.loss(asked.interchange(learn()), asked.everything)) if name == "das" else None
        losses = ("-", "-") if loss is None else (f"{loss:.2f}", f"{found['loss']:.2f}")
        table.add_row(name, f"{units:.0f}", f"{found['units']:.0f}", f"{found['units'] / units:.2f}", *losses)
    return table


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
    parser.add_argument("--reference", type=Path, metavar="PYTHON", help="an interpreter where pyvene is installed")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.reference is not None:
        Console().print(compare_with_pyvene(arguments.reference, arguments.repeats))
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
