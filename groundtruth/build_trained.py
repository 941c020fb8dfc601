"""Train and certify the models that ship: ``python -m groundtruth.build_trained`` (or ``make trained``).

A model that lies in its folder is kept, and a run that was stopped continues where it was. Every attempt is logged
beside the models, those that were refused too, so that the rate of certification can be read off.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groundtruth.compiler.build_models import build_all, tell_missing
from groundtruth.errors import DomainError, TrainingError
from groundtruth.files import from_json
from groundtruth.sparse_recipes import SPARSE
from groundtruth.store.catalog import trained_folder
from groundtruth.store.file_names import MODEL
from groundtruth.store.save_trained import save_trained
from groundtruth.store.write_index import write_trained_index
from groundtruth.trained_recipe import ShippedRecipe
from mib.errors import did_you_mean
from mib.whole_files import write_whole

LOG = "training_log.json"
"""The file beside the models that says what came of every attempt."""

CHECKPOINTS = Path(".trained_checkpoints")
"""Folder of unfinished runs, in the folder that the command is run in."""


BY_CONTENT = (("wired_steps", 300), ("learning_rate", 4e-3), ("rounds", 2))
"""Heads that attend by what tokens are get stuck at the usual learning rate; these need a lower one."""

BY_LLAMA = (("learning_rate", 4e-3), ("wired_steps", 300))
"""A gated MLP without biases gets stuck at the usual learning rate too."""

SMALL = (("d_head", 4), ("d_mlp", 64))
"""Half the weights of the usual sizes, at which as many programs were certified."""

SMALL_LAYER = (("d_model", 48), *SMALL)
"""The least width at which one layer of four heads can be wired."""

THREE_LAYERS = (("n_layers", 3), *SMALL)
"""302 edges."""

SLIM = (*THREE_LAYERS, ("d_mlp", 32))
"""Sizes with as many edges and fewer weights: free networks, whose weights do not compress, have pages of less than 250
kB."""

LEAN = (("d_head", 4), ("d_mlp", 32))
"""Fewer weights at as many edges, of programs of which no MLP computes more than one expression."""

LONG_WIRED = (("wired_steps", 300), ("rounds", 6))
"""Wired networks of three layers take this long until interchanges are right on every pair."""

LONG_FREE = (("free_steps", 400), ("rounds", 4))
"""Free networks of two layers and more take this long."""

BACKED_UP = (("wired_steps", 500), ("rounds", 3))
"""A component that backs up learns after what it backs up."""

SHIPPED: tuple[ShippedRecipe, ...] = (
    ShippedRecipe("contains_both", kind="wired"),
    ShippedRecipe("contains_both"),
    ShippedRecipe("second_step", kind="wired", spares=0),
    ShippedRecipe("hist", kind="wired", spares=0, settings=BY_CONTENT),
    ShippedRecipe("contains_x_by_vote", kind="wired", spares=0),
    ShippedRecipe("second_step", spares=0, settings=LONG_FREE),
    ShippedRecipe("hist", spares=0, settings=BY_CONTENT),
    ShippedRecipe("contains_x", kind="wired", style="llama", spares=0),
    ShippedRecipe("has_larger", kind="wired", settings=BY_CONTENT),
    ShippedRecipe("contains_either", kind="wired"),
    ShippedRecipe("waiting_pair", kind="wired", spares=0),
    ShippedRecipe("waiting_pair_so_far", kind="wired", spares=0, settings=(("wired_steps", 600), ("rounds", 6))),
    ShippedRecipe("contains_either", seed=1),
    ShippedRecipe("waiting_pair", spares=0, settings=LONG_FREE),
    ShippedRecipe("waiting_pair", 1, kind="wired", spares=0, sizes=SMALL),
    ShippedRecipe("contains_both", kind="wired", copies="vote", spares=0, sizes=SMALL_LAYER),
    ShippedRecipe("contains_both", kind="wired", style="llama", spares=0, sizes=(("d_model", 48),), settings=BY_LLAMA),
    ShippedRecipe("contains_either", kind="wired", copies="vote", spares=0, sizes=SMALL_LAYER),
    ShippedRecipe("waiting_pair", 3, kind="wired", spares=0, sizes=THREE_LAYERS, settings=LONG_WIRED),
    ShippedRecipe("contains_both", style="llama", spares=0, sizes=(("d_model", 48),), settings=BY_LLAMA),
    ShippedRecipe("contains_either", kind="wired", style="llama", spares=0, sizes=SMALL_LAYER, settings=BY_LLAMA),
    ShippedRecipe("follow_pointer", kind="wired", spares=0, sizes=SMALL_LAYER, settings=BY_CONTENT),
    ShippedRecipe("all_equal", kind="wired", spares=0, sizes=SMALL_LAYER, settings=BY_CONTENT),
    ShippedRecipe("hist_so_far", kind="wired", spares=0, sizes=SMALL_LAYER, settings=BY_CONTENT),
    ShippedRecipe("has_larger", spares=0, sizes=SMALL_LAYER, settings=BY_CONTENT),
    ShippedRecipe("contains_either", 1, style="llama", spares=0, sizes=SMALL_LAYER, settings=BY_LLAMA),
    ShippedRecipe("waiting_pair", 1, spares=0, sizes=SMALL, settings=LONG_FREE),
    ShippedRecipe("waiting_pair", 2, spares=0, sizes=SLIM, settings=LONG_FREE),
    ShippedRecipe("waiting_pair", 3, spares=0, sizes=SLIM, settings=LONG_FREE),
    ShippedRecipe("waiting_pair", 4, spares=0, sizes=SLIM, settings=LONG_FREE),
    ShippedRecipe("waiting_pair", 5, spares=0, sizes=SLIM, settings=LONG_FREE),
    ShippedRecipe("waiting_pair", 6, spares=0, sizes=SLIM, settings=LONG_FREE),
    ShippedRecipe("hist_so_far", spares=0, sizes=SMALL_LAYER, settings=BY_CONTENT),
    ShippedRecipe("follow_pointer", spares=0, sizes=SMALL_LAYER, settings=BY_CONTENT),
    ShippedRecipe("all_equal", spares=0, sizes=SMALL_LAYER, settings=BY_CONTENT),
    ShippedRecipe("waiting_pair", 5, kind="wired", spares=0, sizes=THREE_LAYERS, settings=LONG_WIRED),
    ShippedRecipe("contains_both", kind="wired", copies="backup", spares=0, sizes=SMALL, settings=BACKED_UP),
    ShippedRecipe("contains_either", kind="wired", copies="backup", spares=0, sizes=SMALL, settings=BACKED_UP),
    ShippedRecipe("contains_both", copies="backup", spares=0, sizes=SMALL, settings=(*BACKED_UP, *LONG_FREE)),
    ShippedRecipe("contains_both", kind="wired", norm=False, spares=0, sizes=SMALL_LAYER),
    ShippedRecipe("contains_both", norm=False, spares=0, sizes=SMALL_LAYER),
    ShippedRecipe(
        "waiting_pair",
        1,
        kind="wired",
        copies="vote",
        spares=0,
        sizes=(("n_heads", 8), *SMALL),
        settings=(("wired_steps", 600), ("rounds", 5)),
    ),
    ShippedRecipe("add_carry", kind="wired", spares=0, sizes=LEAN),
    ShippedRecipe("catch_up", kind="wired", spares=0, sizes=LEAN),
    ShippedRecipe("mark_if_one_kind", kind="wired", spares=0, sizes=LEAN),
    ShippedRecipe("shift_by_ends", kind="wired", spares=0, sizes=LEAN),
    ShippedRecipe("next_cell", kind="wired", length=5, tokens=2, spares=0, sizes=LEAN),
    ShippedRecipe("reverse_if_double", kind="wired", spares=0, sizes=LEAN),
    ShippedRecipe("add_carry", spares=0, sizes=LEAN, settings=LONG_FREE),
    ShippedRecipe("catch_up", spares=0, sizes=LEAN, settings=LONG_FREE),
    ShippedRecipe("mark_if_one_kind", spares=0, sizes=LEAN, settings=LONG_FREE),
    ShippedRecipe("shift_by_ends", spares=0, sizes=LEAN, settings=LONG_FREE),
    ShippedRecipe("next_cell", length=5, tokens=2, spares=0, sizes=LEAN, settings=LONG_FREE),
    ShippedRecipe("reverse_if_double", spares=0, sizes=LEAN, settings=LONG_FREE),
    ShippedRecipe("mark_if_one_kind", style="llama", spares=0, sizes=LEAN, settings=BY_LLAMA),
)
"""Every model of a planned circuit that ships; all are certified with these numbers, on one machine to the bit."""


ALL: tuple[ShippedRecipe, ...] = (*SHIPPED, *SPARSE)
"""Planned networks, and those that chose their circuit."""


@dataclass(frozen=True)
class Job:
    """One model to train.

    Attributes:
        recipe: Recipe of the training.
        folder: Folder of all trained models.
        checkpoints: Folder that runs are kept in as they go.
    """

    recipe: ShippedRecipe
    folder: Path
    checkpoints: Path


def build(job: Job) -> str:
    """Train, certify and store one model, unless it is there; log what came of it.

    Returns:
        A line: its name, the CPU seconds, and what was certified.

    Raises:
        TrainingError: If it is not certified; that is logged too.
        DomainError: If the program does not fit into the architecture.
    """
    name, folder = job.recipe.name, job.folder / job.recipe.name
    if (folder / MODEL).is_file():
        return f"{name}  kept"
    job.checkpoints.mkdir(parents=True, exist_ok=True)
    checkpoint, start = job.checkpoints / f"{name}.safetensors", time.process_time()
    try:
        model = job.recipe.train(checkpoint)
    except TrainingError as error:
        checkpoint.unlink(missing_ok=True)  # to go on from there would come to the same
        _log(job, time.process_time() - start, {"certified": False, "failures": list(error.failures)[:5]})
        raise
    seconds = time.process_time() - start
    save_trained(model, folder)
    checkpoint.unlink(missing_ok=True)
    record = model.certificate.under("resample")
    found = {
        "certified": True,
        "steps": model.training.steps,
        "inputs": model.certificate.inputs,
        "live": len(record.of_status("live")),
        "margin": model.certificate.behaviour.margin,
        "certificate_seconds": round(model.certificate.seconds, 1),
    }
    _log(job, seconds, found)
    return f"{name}  {seconds:.0f} CPU s  {found['live']} live of {len(record.edges)}, margin {found['margin']:.2g}"


def _log(job: Job, seconds: float, found: dict[str, Any]) -> None:
    """Keep what came of an attempt in a file of its own; ``gather_log`` puts them together."""
    recipe, edges = job.recipe, len(job.recipe.prepare().graph.edges)
    entry = {"name": recipe.name, "sizes": dict(recipe.sizes), "settings": dict(recipe.settings), "edges": edges}
    job.checkpoints.mkdir(parents=True, exist_ok=True)
    told = json.dumps(entry | {"seconds": round(seconds, 1), **found}).encode()
    write_whole(
        job.checkpoints / f"{recipe.name}-{hashlib.sha256(_recipe_of(entry).encode()).hexdigest()[:8]}.log", told
    )


def _recipe_of(entry: Mapping[str, Any]) -> str:
    """Identify what an attempt was at: a name, and the sizes and settings that were asked for."""
    return json.dumps([entry["name"], entry.get("sizes", {}), entry.get("settings", {})])


def gather_log(folder: Path, checkpoints: Path) -> None:
    """Put what came of new attempts into the log beside the models; of two attempts at one recipe the last counts.

    Args:
        folder: Folder of all trained models.
        checkpoints: Folder of the runs.
    """
    path = folder / LOG
    known: dict[str, Any] = {}
    entries = from_json(path.read_bytes()) if path.is_file() else []
    for entry in [*entries, *(from_json(one.read_bytes()) for one in sorted(checkpoints.glob("*.log")))]:
        known[_recipe_of(entry)] = entry
    lines = ",\n".join(json.dumps(known[recipe]) for recipe in sorted(known))
    write_whole(path, f"[\n{lines}\n]\n".encode())


def recipes_named(names: list[str]) -> list[ShippedRecipe]:
    """The recipes of some models, or all.

    Raises:
        DomainError: If a name is that of none.
    """
    known = {recipe.name: recipe for recipe in ALL}
    for name in names:
        if name not in known:
            raise DomainError(f"no recipe for '{name}'.{did_you_mean(name, known)} Choose from {', '.join(known)}.")
    return [known[name] for name in names or known]


def main() -> int:
    """Train the models named on the command line, or all, and write the index and the log; 1 if one is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="models to train; default: all that ship")
    parser.add_argument("--out", type=Path, default=trained_folder(), help="folder of all trained models")
    parser.add_argument("--checkpoints", type=Path, default=CHECKPOINTS, help="folder that runs are kept in")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    jobs = [Job(recipe, given.out, given.checkpoints) for recipe in recipes_named(given.names)]
    missing = build_all(build, jobs, [job.recipe.name for job in jobs], given.processes)
    given.out.mkdir(parents=True, exist_ok=True)
    write_trained_index(given.out)
    gather_log(given.out, given.checkpoints)
    return tell_missing(missing, len(jobs), f"groundtruth.build_trained {' '.join(j.recipe.name for j in missing)}")


if __name__ == "__main__":
    sys.exit(main())
