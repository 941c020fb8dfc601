"""How much memory scoring edges takes beside the model: the law by which batches are cut, and what is measured.

    OMP_NUM_THREADS=1 python benchmarks/memory.py [--arithmetic] [--quick]

Each row runs one method in a process of its own and reads the peak of its resident memory (``VmHWM`` of Linux, set
back after a first run, so that neither the model nor libraries count). ``rows`` is how many examples were run at once,
``law`` is what ``mib.engine.row_batches.bytes_of_a_row`` says of them plus what is kept between batches, ``memory`` is
the budget that the task was given. ``--arithmetic`` prints the law alone for Llama-3.1-8B on IOI, from its shapes.
"""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

import mib
from mib.engine.row_batches import bytes_of_a_row, bytes_of_outputs, rows_that_fit
from mib.metrics import LogitDifference
from mib.models.adapters import Anatomy, Attention, Block, Mlp, Norm
from mib.models.adapters.lens_convention import ACTIVATIONS

MIB = 2**20


@dataclass(frozen=True)
class Shape:
    """Sizes of a Llama-like model: root-mean-square norms, a gated MLP, no position embedding."""

    layers: int
    heads: int
    d_head: int
    d_mlp: int
    vocabulary: int = 1000
    positions: int = 20

    @property
    def d_model(self) -> int:
        """Width of the residual stream."""
        return self.heads * self.d_head


LLAMA = Shape(layers=32, heads=32, d_head=128, d_mlp=14336, vocabulary=128256)
GROWING = (
    Shape(4, 4, 32, 512), Shape(8, 4, 32, 512), Shape(16, 4, 32, 512), Shape(4, 8, 32, 512), Shape(4, 16, 32, 512),
)  # fmt: skip
"""Deeper, then wider: the law is linear in layers, heads x d_model, positions and rows."""


def model(shape: Shape, *, device: str = "cpu", dtype: torch.dtype = torch.float32) -> Anatomy:
    """A random model of a shape; on the device ``meta`` it has sizes and no content."""

    def draw(*size: int) -> torch.Tensor:
        return torch.randn(*size, device=device, dtype=dtype) / size[-2] ** 0.5

    norm = Norm("rms", torch.ones(shape.d_model, device=device, dtype=dtype), None, 1e-6)
    blocks: list[Block] = []
    for _ in range(shape.layers):
        q, k, v = (draw(shape.heads, shape.d_model, shape.d_head) for _ in range(3))
        heads = Attention(norm, q, k, v, draw(shape.heads, shape.d_head, shape.d_model), scale=shape.d_head**0.5)
        mlp = Mlp(
            norm, ACTIVATIONS["silu"], draw(shape.d_model, shape.d_mlp), draw(shape.d_mlp, shape.d_model),
            W_gate=draw(shape.d_model, shape.d_mlp),
        )  # fmt: skip
        blocks.append(Block(heads, mlp))
    return Anatomy(
        draw(shape.vocabulary, shape.d_model), None, tuple(blocks), norm, draw(shape.d_model, shape.vocabulary)
    )


def make_task(anatomy: Anatomy, shape: Shape, examples: int, memory: int) -> mib.LocalizationTask:
    """Random prompts; the metric is a logit difference at the last position."""
    generator = torch.Generator().manual_seed(1)
    size = (2, examples, shape.positions)
    clean, counterfactual = torch.randint(shape.vocabulary, size, generator=generator)
    correct, incorrect = torch.randint(shape.vocabulary, (2, examples), generator=generator)
    metric = LogitDifference.at_position(correct, incorrect, n_positions=shape.positions)
    return mib.LocalizationTask(model=anatomy, clean=clean, counterfactual=counterfactual, metric=metric, memory=memory)


@dataclass(frozen=True)
class Measured:
    """One method on one model."""

    shape: Shape
    method: str
    streaming: bool
    rows: int
    law: int
    memory: int
    peak: int


# -- in a process of its own ---------------------------------------------------------------------------------------


def measure(shape: Shape, method: str, memory: int, dtype: torch.dtype) -> Measured:
    """Run a method once to warm up on the smallest task, then once under watch."""
    anatomy = model(shape, dtype=dtype)
    steps = {} if method == "eap" else {"steps": 2}  # more add time, not memory
    run, n_positions = partial(mib.localization.get(method), **steps), shape.positions
    run(make_task(anatomy, shape, 1, memory))
    graph = anatomy.graph()
    probe = make_task(anatomy, shape, 1, memory).engine
    work = "checkpointed" if probe.must_stream else "gradients"
    rows = rows_that_fit(anatomy, graph, n_positions, memory=memory, work=work)
    task = make_task(anatomy, shape, rows, memory)
    kept = 2 * rows * bytes_of_outputs(anatomy, graph, n_positions)
    law = rows * bytes_of_a_row(anatomy, graph, n_positions, work=work) + (kept if kept <= memory // 2 else 0)
    before = start_watching()
    run(task)
    return Measured(shape, method, probe.must_stream, rows, law, memory, peak() - before)


def start_watching() -> int:
    """Set the peak of resident memory back to what is resident now, and return that."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak()


def peak() -> int:
    """Bytes that were resident at most since ``start_watching``."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


# -- in this process -------------------------------------------------------------------------------------------------


def measured(shape: Shape, method: str, memory: int, dtype: str) -> Measured:
    """Return what a process of its own measures."""
    given = json.dumps({"shape": asdict(shape), "method": method, "memory": memory, "dtype": dtype})
    command = [sys.executable, __file__, "--child", given]
    environment = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "0", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **environment})
    found = json.loads(done.stdout.splitlines()[-1])
    return Measured(**{**found, "shape": Shape(**found["shape"])})


def child(given: str) -> None:
    asked = json.loads(given)
    torch.set_num_threads(1)
    found = measure(Shape(**asked["shape"]), asked["method"], asked["memory"], getattr(torch, asked["dtype"]))
    print(json.dumps(asdict(found)))


def law_table(console: Console) -> None:
    """The arithmetic for Llama-3.1-8B."""
    anatomy = model(LLAMA, device="meta", dtype=torch.bfloat16)
    graph, n = anatomy.graph(), LLAMA.positions
    one = {work: bytes_of_a_row(anatomy, graph, n, work=work) for work in ("gradients", "checkpointed", "circuits")}
    outputs = bytes_of_outputs(anatomy, graph, n)
    console.print(f"Llama-3.1-8B, bfloat16, {n} positions: {len(graph.sources)} sources, {len(graph.edges):,} edges")
    console.print(f"outputs of all sources on one input: {outputs / MIB:,.0f} MiB", highlight=False)
    table = Table("batch", "in memory", "a sublayer at a time", "circuit runs", title="GiB beside the model")
    for batch in (1, 2, 5, 10, 20):
        row = (one[work] * batch / 2**30 for work in ("gradients", "checkpointed", "circuits"))
        table.add_row(str(batch), *(f"{gib:.2f}" for gib in row))
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arithmetic", action="store_true", help="only the law for Llama-3.1-8B")
    parser.add_argument("--quick", action="store_true", help="two shapes")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    console = Console(width=100)
    if arguments.child:
        child(arguments.child)
        return
    law_table(console)
    if arguments.arithmetic:
        return
    if not Path("/proc/self/clear_refs").exists():
        console.print("The peak of resident memory can only be read on Linux.")
        return
    table = Table("layers x heads x d_head", "method", "how", "rows", "law", "measured", "memory", "of it", title="MiB")
    for shape in GROWING[:2] if arguments.quick else GROWING:
        for method in ("eap", "eap-ig-activations"):
            for memory in (192 * MIB, 12 * MIB):
                got = measured(shape, method, memory, "float32")
                sizes = f"{shape.layers} x {shape.heads} x {shape.d_head}"
                table.add_row(
                    sizes, method, "streaming" if got.streaming else "in memory", str(got.rows), f"{got.law / MIB:.1f}",
                    f"{got.peak / MIB:.1f}", f"{got.memory / MIB:.0f}", f"{100 * got.peak / got.memory:.0f} %",
                )  # fmt: skip
    console.print(table)


if __name__ == "__main__":
    main()
