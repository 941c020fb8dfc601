"""How long localization takes, in units of one plain Hugging Face forward pass measured in the same run.

    OMP_NUM_THREADS=1 python benchmarks/localization.py [--repeats 5] [--scaling]

One thread, the median of several repeats. Every repeat scores a fresh task, so nothing is cached from the one before;
taking the model apart is timed apart. The columns "reference" are what the public implementation (EAP-IG main)
needs in the same units on the same checkpoint shape.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

import mib
from mib.metrics import LogitDifference
from mib.metrics.faithfulness import mib_areas

REFERENCE = {
    "exact": 3520, "eap": 32, "eap-ig-inputs": 130, "eap-ig-activations": 950, "ifr": 14, "CPR + CMD": 170,
}  # fmt: skip
LIMIT = {"exact": 350, "eap": 16, "eap-ig-inputs": 60, "eap-ig-activations": 300, "ifr": 8, "CPR + CMD": 60}


@dataclass(frozen=True)
class Shape:
    """Sizes of one benchmark."""

    layers: int = 4
    heads: int = 4
    width: int = 64
    prompts: int = 64
    tokens: int = 16
    vocabulary: int = 100


def load(shape: Shape) -> tuple[Any, Any]:
    """A random GPT-2 checkpoint, as Hugging Face loads it and as a real model of ours."""
    import transformers
    from transformer_lens.model_bridge import TransformerBridge

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=shape.vocabulary, n_positions=max(shape.tokens, 16), n_embd=shape.width, n_layer=shape.layers,
        n_head=shape.heads, initializer_range=0.2,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "gpt2-random"
        transformers.GPT2LMHeadModel(config).save_pretrained(checkpoint)
        plain = transformers.GPT2LMHeadModel.from_pretrained(checkpoint).eval()
        return plain, TransformerBridge.boot_transformers(str(checkpoint), device="cpu").eval()


def make_task(model: Any, shape: Shape) -> mib.LocalizationTask:
    """Random prompts; the metric is a logit difference at the last position."""
    generator = torch.Generator().manual_seed(1)
    size = (2, shape.prompts, shape.tokens)
    clean, counterfactual = torch.randint(shape.vocabulary, size, generator=generator)
    correct, incorrect = torch.randint(shape.vocabulary, (2, shape.prompts), generator=generator)
    metric = LogitDifference.at_position(correct, incorrect, n_positions=shape.tokens)
    return mib.LocalizationTask(model=model, clean=clean, counterfactual=counterfactual, metric=metric)


@dataclass(frozen=True)
class Timing:
    """Medians over repeats."""

    units: float
    seconds: float


def timed(work: Callable[[], object], unit: Callable[[], object], repeats: int) -> Timing:
    """Time some work, after one run to warm up; each repeat is compared with the unit timed just before it."""
    work()
    units: list[float] = []
    times: list[float] = []
    for _ in range(repeats):
        one = statistics.median(clock(unit) for _ in range(5))
        times.append(clock(work))
        units.append(times[-1] / one)
    return Timing(statistics.median(units), statistics.median(times))


def clock(work: Callable[[], object]) -> float:
    """Seconds that some work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def forward(plain: Any, task: mib.LocalizationTask) -> Callable[[], object]:
    """One plain forward pass over all prompts in one batch: the unit."""

    @torch.no_grad()
    def run() -> object:
        return plain(task.clean).logits

    return run


def methods(task: mib.LocalizationTask) -> dict[str, Callable[[], object]]:
    """What is timed; each call works on a fresh task over parts taken apart already."""
    scores = mib.localization.get("eap-ig-inputs")(task)

    def fresh() -> mib.LocalizationTask:
        return replace(task, model=task.engine.anatomy)

    work: dict[str, Callable[[], object]] = {}
    for name in ("exact", "eap", "eap-ig-inputs", "clean-corrupted", "eap-ig-activations", "ifr"):
        work[name] = lambda name=name: mib.localization.get(name)(fresh())
    work["CPR + CMD"] = lambda: mib_areas(fresh(), scores)
    return work


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--scaling", action="store_true", help="also how the cost grows with layers and examples")
    parser.add_argument("--only", help="time one method only")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    console = Console()

    shape = Shape()
    plain, bridge = load(shape)
    task = make_task(bridge, shape)
    unit = forward(plain, task)
    pass_ = timed(unit, unit, 20)
    apart = timed(lambda: mib.anatomy.dissect(bridge), unit, arguments.repeats)
    console.print(f"{len(task.graph.edges)} edges, {shape}", highlight=False)
    console.print(f"One Hugging Face forward pass: {1000 * pass_.seconds:.2f} ms.", highlight=False)
    console.print(f"Taking the model apart: {apart.units:.1f} units.", highlight=False)
    table = Table("what", "ours", "limit", "reference", "ms", title="units of one plain forward pass")
    for name, work in methods(task).items():
        if arguments.only in (None, name):
            taken = timed(work, unit, arguments.repeats)
            known = (str(column[name]) if name in column else "-" for column in (LIMIT, REFERENCE))
            table.add_row(name, f"{taken.units:.1f}", *known, f"{1000 * taken.seconds:.1f}")
    console.print(table)
    if arguments.scaling:
        scaling(console, arguments.repeats)


def scaling(console: Console, repeats: int) -> None:
    """How the cost grows: each size against its own plain forward pass."""
    table = Table("layers", "prompts", "edges", "exact", "exact / edge", "eap", "CPR + CMD", title="units, by size")
    for layers, prompts in ((2, 64), (4, 64), (8, 64), (4, 16), (4, 256)):
        shape = Shape(layers=layers, prompts=prompts)
        plain, bridge = load(shape)
        task = make_task(bridge, shape)
        unit, work = forward(plain, task), methods(task)
        exact, eap, areas = (timed(work[name], unit, repeats).units for name in ("exact", "eap", "CPR + CMD"))
        edges = len(task.graph.edges)
        row = (layers, prompts, edges, f"{exact:.0f}", f"{exact / edges:.2f}", f"{eap:.1f}", f"{areas:.0f}")
        table.add_row(*map(str, row))
    console.print(table)


if __name__ == "__main__":
    main()
