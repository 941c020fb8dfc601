"""The command that makes a suite of fresh programs."""

import os
from pathlib import Path

from groundtruth.cli.options import AsJson, Jobs, Seed, print_json


def generate(
    *,
    n: int = 100,
    out: Path,
    seed: Seed = 0,
    depth: str = "3..8",
    heads: str = "1..4",
    vocab: str = "2..4",
    length: str = "3..5",
    jobs: Jobs = None,
    json: AsJson = False,
) -> None:
    """Make a held-out suite: fresh programs, compiled, checked, proven and stored; the same on every machine.

    Use its models wherever a model is named: groundtruth show OUT/NAME, groundtruth score METHOD --models OUT.

    Args:
        n: How many models.
        out: Folder of the suite; it gets a folder a model and suite.json.
        seed: The same seed gives the same files.
        depth: Layers, as 3..8 or 4; dealt out in turn.
        heads: Heads of the widest layer; at least 1, 2, 3 in turn.
        vocab: Different tokens.
        length: Tokens of the longest input.
        jobs: Processes; by default one a CPU.
        json: Print JSON, for machines.
    """
    from groundtruth.generated import Bounds, parse_range
    from groundtruth.generated.suite import generate as generate_suite
    from groundtruth.report.progress import tracked
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.suite_view import suite_view

    bounds = Bounds(
        depth=parse_range(depth, name="--depth"),
        heads=parse_range(heads, name="--heads"),
        vocab=parse_range(vocab, name="--vocab"),
        length=parse_range(length, name="--length"),
    )
    suite = generate_suite(
        n,
        out,
        seed=seed,
        bounds=bounds,
        processes=jobs or os.cpu_count() or 1,
        report=lambda items, total: tracked("drawing", items, total=total),
    )
    if json:
        print_json({**suite.manifest(), "seconds": round(suite.seconds, 1)})
    else:
        echo(*suite_view(suite, out))
