"""Build the tiers of some shipped models: ``python -m groundtruth.variants.build_variants`` (or ``make tiers``)."""

import argparse
import sys
import time
from pathlib import Path

from groundtruth.compiler.build_models import build_all, tell_missing
from groundtruth.model import load_compiled
from groundtruth.store.catalog import variants_folder
from groundtruth.variants.make_variant import apply_tier
from groundtruth.variants.tiers import SUPERPOSED, TRANSFORMED

MODELS = (
    "hist",
    "seen_before",
    "follow_pointer_twice",
    "first_letters",
    "contains_x",
    "previous_token",
    "frac_prevs",
    "odd_one_out",
)
"""The models that ship on every tier: small ones of every family that has small ones."""

NEED_EVERY_DIMENSION = ("frac_prevs", "odd_one_out")
"""Models of which no fewer dimensions were found that decode exactly; they do not ship superposed."""


def build(job: tuple[str, str, Path]) -> str:
    """Put a shipped model on a tier, prove it there, and store it.

    Args:
        job: Name of the model, the tier, and the folder of all variants; this one gets a folder of its name
            in it.

    Returns:
        A line about what came of it.
    """
    name, tier, folder = job
    start = time.perf_counter()
    model = apply_tier(TRANSFORMED[tier], load_compiled(name)).model
    model.save(folder / model.name)
    counts = {status: sum(c.counts[status] for c in model.known_circuits) for status in ("live", "undecided")}
    size = sum(path.stat().st_size for path in (folder / model.name).iterdir())
    return f"{model.name}  {time.perf_counter() - start:.1f} s  {size // 1024} KiB  {counts}  {model!r}"


def main() -> int:
    """Build the tiers named on the command line, or all, of the models named there, or of all that ship.

    Returns:
        0, or 1 if one could not be built.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=MODELS, help="models; default: those that ship on all tiers")
    parser.add_argument(
        "--tiers", nargs="*", default=list(TRANSFORMED), choices=list(TRANSFORMED), help="tiers; default: all"
    )
    parser.add_argument("--out", type=Path, default=variants_folder(), help="folder of all variants")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    jobs = [
        (name, tier, given.out)
        for name in given.names
        for tier in given.tiers
        if tier != SUPERPOSED.name or name not in NEED_EVERY_DIMENSION
    ]
    missing = build_all(build, jobs, [f"{name}@{tier}" for name, tier, _ in jobs], given.processes)
    names, tiers = (" ".join(dict.fromkeys(job[part] for job in missing)) for part in (0, 1))
    return tell_missing(missing, len(jobs), f"groundtruth.variants.build_variants {names} --tiers {tiers}")


if __name__ == "__main__":
    sys.exit(main())
