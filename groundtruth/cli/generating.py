"""Commands of fresh programs: generate, and repro, which repeats a failed property."""

import os
from pathlib import Path
from typing import Any

from cyclopts import App

from groundtruth.cli.options import AsJson, Jobs, Seed, print_json


def register(app: App) -> None:
    """Add these commands."""
    app.command(generate)
    app.command(repro)


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


def repro(
    model: str,
    /,
    *,
    method: str,
    property: str = "recovers",
    variable: str | None = None,
    site: str | None = None,
    auroc: float = 1.0,
    accuracy: float = 0.9,
    ablation: str = "resample",
    seed: Seed = 0,
    n_pairs: int = 48,
    json: AsJson = False,
) -> int:
    """Repeat one property of one method on one model, as a failing test names them.

    Args:
        model: gen:CODE, a shipped model, the folder of a stored one, or my_file.py:my_program.
        method: my_file.py:my_method, my_pkg.my_mod:my_method, or the name of a registered method.
        property: recovers (of a featurizer: finds), deterministic, invariant:rotate, ...
        variable: For a featurizer: the variable that it looks for.
        site: Where it looks, such as resid_post0.
        auroc: What recovers asks for.
        accuracy: What finds asks for.
        ablation: What flows along an edge that is cut. Localization methods only.
        seed: Of the examples and the method.
        n_pairs: How many examples, at most. Localization methods only.
        json: Print JSON, for machines.
    """
    from rich.text import Text

    from groundtruth.errors import DomainError
    from groundtruth.report.terminal import echo
    from groundtruth.testing.reproduce import repeat

    if (variable is None) != (site is None):
        raise DomainError("a featurizer looks for a variable at a site: give both --variable and --site.")
    how: dict[str, Any] = {"seed": seed}
    if variable is not None:
        property = "finds" if property == "recovers" else property
        how |= {"variable": variable, "site": site} | ({"accuracy": accuracy} if property == "finds" else {})
    else:
        how |= {"ablation": ablation, "n_pairs": n_pairs} | ({"auroc": auroc} if property == "recovers" else {})
    told = repeat(model, method, property, **how)
    if json:
        print_json({"model": model, "method": method, "property": property, "ok": not told, "failure": told})
    else:
        echo(Text(told or f"{method} has the property '{property}' on {model}", "" if told else "good"))
    return 1 if told else 0
