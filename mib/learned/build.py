"""Build what ships of the learned models: train them, write their checkpoints, and try them on held-out prompts.

``python -m mib.learned.build learned`` rewrites a checkpoint and the log of its training; without a name, all of them.
"""

import json
import platform
import shutil
import sys
from dataclasses import asdict
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from mib import tasks
from mib.learned.checkpoint_files import CHECKPOINT, LOG, NAME, checkpoint_of, files_sha256, log_of, write
from mib.learned.panel import PANEL
from mib.learned.recipe import Recipe
from mib.learned.train import Log, Tell, Trained, train
from mib.models import load_model

LEAST = 0.98
"""Share of held-out prompts that the model must get right for a task to be claimed."""

N_HELD_OUT = 1000
"""Number of held-out prompts that are drawn; of a task with fewer, all."""

THREADS = 2
"""Threads that the first model is trained with; members of the panel have one. Fixed, whatever the machine has: the
order of sums depends on it, and with it the last digits of the weights."""


def build(
    recipe: Recipe,
    *,
    checkpoint: Path = CHECKPOINT,
    log: Path = LOG,
    state: Path | None = None,
    n: int = N_HELD_OUT,
    tell: Tell = lambda _: None,
) -> dict[str, Any]:
    """Train a model, write it as a Hugging Face checkpoint, and write down how it came to be and what it can do.

    Args:
        recipe: Recipe to train by.
        checkpoint: Folder of the checkpoint.
        log: File of the log.
        state: Folder where an interrupted training is continued from.
        n: On how many held-out prompts each task is tried.
        tell: Is told how training goes.

    Returns:
        Record written to the log.
    """
    trained = train(recipe, state=state, tell=tell)
    save(trained, checkpoint)
    held_out = {name: try_task(checkpoint, name, n=n) for name in recipe.tasks}
    data = {
        "recipe": asdict(recipe),
        "parameters": sum(p.numel() for p in trained.model.parameters()),
        "held_out": held_out,
        "least": LEAST,
        "claimed": [name for name, share in held_out.items() if share["accuracy"] >= LEAST],
        "log": _rounded(trained.log),
        "files_sha256": files_sha256(checkpoint),
        "environment": {
            "threads": torch.get_num_threads(),
            "processor": platform.machine(),
            "python": platform.python_version(),
            "versions": {name: metadata.version(name) for name in ("torch", "transformers", "tokenizers")},
        },
    }
    write(log, data)
    return data


def save(trained: Trained, folder: Path) -> None:
    """Write a checkpoint that needs no code but transformers'."""
    words: dict[str, int] = trained.tokenizer.get_vocab()
    trained.model.config.pad_token_id = words[str(trained.tokenizer.pad_token)]
    trained.tokenizer.model_max_length = trained.model.config.max_position_embeddings
    trained.model.save_pretrained(folder)
    trained.tokenizer.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)  # it says nothing that config.json does not
    path = folder / "tokenizer_config.json"  # by the class's name of every version of transformers
    described = {**json.loads(path.read_text()), "tokenizer_class": "PreTrainedTokenizerFast"}
    path.write_text(json.dumps(described, indent=2) + "\n")
    shutil.copymode(path, folder / "model.safetensors")  # written private, whatever the umask


def try_task(model: str | Path, task: str, *, n: int = N_HELD_OUT) -> dict[str, Any]:
    """Measure on how many prompts of the part ``test``, which training has no base prompt of, a model is right.

    Args:
        model: Name of a model, or the folder of a checkpoint.
        task: Name of a task.
        n: Number of prompts at most.

    Returns:
        ``accuracy``, a share; ``prompts``, how many there were; ``split``.
    """
    found = tasks.get(task)
    prompts = [found.parse(row) for row in islice(found.stream(split="test"), n)]
    accuracy = found.accuracy(load_model(model), n=None, data=prompts)
    return {"accuracy": accuracy, "prompts": len(prompts), "split": "test"}


def _rounded(log: Log) -> dict[str, Any]:
    return {
        str(step): {name: {key: round(value, 5) for key, value in entry.items()} for name, entry in entries.items()}
        for step, entries in log.items()
    }


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def main() -> None:
    """Build models here, each continuing an interrupted run."""
    recipes = {NAME: Recipe(), **PANEL}
    for name in sys.argv[1:] or recipes:
        if name not in recipes:
            raise SystemExit(f"no learned model '{name}'. Choose from {', '.join(recipes)}.")
        torch.set_num_threads(THREADS if name == NAME else 1)
        state = Path("build/learned-models") / name
        data = build(recipes[name], checkpoint=checkpoint_of(name), log=log_of(name), state=state, tell=_tell)
        for task, share in data["held_out"].items():
            _tell(f"{name}, {task}: {share['accuracy']:.2%} of {share['prompts']} held-out prompts right")


if __name__ == "__main__":
    main()
