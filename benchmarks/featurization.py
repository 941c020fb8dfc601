"""How long it takes to score and to learn featurizers on a compiled model, on one thread.

    OMP_NUM_THREADS=1 python benchmarks/featurization.py [--repeats 3] [--program reverse] [--methods]

Every repeat works on a fresh task, so recording the model's runs is part of what is timed. Seconds are compared with
limits; ``units`` are multiples of one plain forward pass over all bases, measured in the same run.
"""

import argparse
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import torch
from rich.console import Console
from rich.table import Table

import mib
from groundtruth import compiling, programs
from mib.featurization import Split
from mib.metrics.interchange import interchange_scores

LIMITS = {"score 10,000 pairs": 2.0, "das, rank 4, 1,000 pairs": 10.0}


def make_task(name: str, n_train: int, n_test: int) -> mib.FeaturizationTask:
    """Everything at the middle layer's residual stream is taken from the source: the answer is the source's."""
    model = compiling.compile(programs.get(name))
    rng = random.Random(0)
    inputs = list(model.domain.inputs(limit=5000).tokens)
    longest = max(map(len, inputs))
    inputs = [tokens for tokens in inputs if len(tokens) == longest]
    n = n_train + n_train // 5 + n_test
    base, source = (model.encode([rng.choice(inputs) for _ in range(n)]) for _ in range(2))
    answers = model.decoder.codes(model.transformer(source))
    order = torch.arange(n)
    return mib.FeaturizationTask(
        model=model.transformer,
        site=mib.Site.residual(model.weights.n_layers // 2),
        base=base,
        source=source,
        expected=answers.clamp(min=0),
        mask=(base != model.bos_id) & (answers >= 0),
        split=Split(order[:n_train], order[n_train : n - n_test], order[n - n_test :]),
    )


def timed(work: Callable[[], object], repeats: int) -> float:
    """Median seconds, after one run to warm up."""
    work()
    times: list[float] = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--program", default="reverse")
    parser.add_argument("--methods", action="store_true", help="every method on 1,000 pairs, not DAS alone")
    arguments = parser.parse_args()
    torch.set_num_threads(1)

    def fresh(task: mib.FeaturizationTask) -> mib.FeaturizationTask:
        return replace(task, model=task.anatomy)

    scored, learned = make_task(arguments.program, 1, 10_000), make_task(arguments.program, 1000, 0)
    rotation = torch.linalg.qr(torch.randn(scored.width, 4, generator=torch.Generator().manual_seed(0))).Q
    featurizer, das = mib.Featurizer.subspace(rotation), mib.featurization.get("das")
    with torch.no_grad():
        unit = timed(lambda: scored.anatomy.logits(scored.base), 10)
    table = Table("what", "s", "limit", "units", title=f"{arguments.program}, site {scored.site}")

    def row(what: str, work: Callable[[], object]) -> None:
        taken = timed(work, arguments.repeats)
        table.add_row(what, f"{taken:.3f}", f"{LIMITS.get(what, '-')}", f"{taken / unit:.1f}")

    row("score 10,000 pairs", lambda: interchange_scores(fresh(scored), featurizer))
    row("das, rank 4, 1,000 pairs", lambda: das(fresh(learned), rank=4))
    if arguments.methods:
        for name in mib.featurization.names():
            method = mib.featurization.get(name)
            if not method.needs:
                row(name, lambda method=method: method(fresh(learned)))
    Console().print(table)


if __name__ == "__main__":
    main()
