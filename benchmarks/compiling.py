"""How much faster programs compile than with Tracr, in one process: ``python benchmarks/compiling.py``.

``python benchmarks/compiling.py --large`` compiles long inputs instead, each in a process of its own, and gives the CPU
seconds of compiling with the check, those of finding out whether padding is harmless, and the most memory held.

Compiling and checking on the whole domain are timed apart. Each time is the median of five runs. Tracr's time is that
of ``compile_rasp_to_model``, which runs JAX and checks nothing, and it is given twice. *First* is what a program costs
that is compiled once: JAX traces and compiles for its shapes, so JAX's caches are emptied before each run. *Again* is
the same program compiled again in the same process, for which JAX has everything at hand. Targets are for the first.
"""

import gc
import logging
import multiprocessing
import os
import platform
import resource
import statistics
import string
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

os.environ.setdefault("OMP_NUM_THREADS", "1")

import jax
import torch
from rich.console import Console
from rich.table import Table
from tracr.compiler import compile_rasp_to_model, lib
from tracr.rasp import rasp

from groundtruth.compiled.domain import Domain, Tokens
from groundtruth.compiler.compile_program import check, compile, compile_unchecked

RUNS = 5


@dataclass(frozen=True)
class Case:
    """A program, its inputs, and what is asked of it."""

    name: str
    build: Callable[[], rasp.SOp]
    vocab: Tokens
    max_seq_len: int
    target: float
    target_checked: float | None = None

    @property
    def checked(self) -> bool:
        """True if the whole domain is small enough to be checked here."""
        return self.max_seq_len <= 5


CASES = (
    Case("reverse 3/5", lambda: lib.make_reverse(rasp.tokens), (1, 2, 3), 5, 100, 50),
    Case("hist 3/5", lib.make_hist, (1, 2, 3), 5, 100, 50),
    Case("shuffle_dyck2 4/5", lambda: lib.make_shuffle_dyck(["()", "{}"]), tuple("(){}"), 5, 100),
    Case("reverse 30/30", lambda: lib.make_reverse(rasp.tokens), tuple(range(30)), 30, 10),
    Case("shuffle_dyck3 6/20", lambda: lib.make_shuffle_dyck(["()", "{}", "[]"]), tuple("(){}[]"), 20, 10),
)


@dataclass(frozen=True)
class LargeCase:
    """A program on a domain too large to be run whole, and its limit in CPU seconds; ``None`` = none was set."""

    name: str
    build: Callable[[], rasp.SOp]
    vocab: Tokens
    max_seq_len: int
    limit: float | None = None


LARGE = (
    LargeCase("detect_pattern 26^6", lambda: lib.detect_pattern(rasp.tokens, "abc"), tuple(string.ascii_lowercase), 6),
    LargeCase("hist 3/50", lib.make_hist, (1, 2, 3), 50),
    LargeCase("sort 15/15", lambda: lib.make_sort(rasp.tokens, rasp.tokens, max_seq_len=15, min_key=1),
              tuple(range(1, 16)), 15),
    LargeCase("reverse 12/12", lambda: lib.make_reverse(rasp.tokens), tuple(range(12)), 12, 5),
    LargeCase("shuffle_dyck3 6/20", lambda: lib.make_shuffle_dyck(["()", "{}", "[]"]), tuple("(){}[]"), 20, 5),
)  # fmt: skip


def measure_large(name: str) -> tuple[float, float, float]:
    """CPU seconds of one large case, checked; of its padding; and the most memory held, in GiB."""
    case = next(case for case in LARGE if case.name == name)
    torch.set_num_threads(1)
    compile_unchecked(lib.make_hist(), Domain((1,), 1))  # what is imported on the way is not the case's
    start = time.process_time()
    model = compile(case.build(), vocab=case.vocab, max_seq_len=case.max_seq_len)
    checked = time.process_time()
    _ = model.pad_safe
    end = time.process_time()
    return checked - start, end - checked, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def print_large() -> int:
    """Print the table of the large cases; the exit code is 1 if a limit is missed."""
    missed: list[str] = []
    print(f"{'program':22} {'compile, check':>15} {'padding':>10} {'memory':>10}")
    for case in LARGE:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            checked, padding, memory = pool.submit(measure_large, case.name).result()
        print(f"{case.name:22} {checked:10.1f} CPU s {padding:4.1f} CPU s {memory:6.1f} GiB", flush=True)
        missed += [case.name] if case.limit is not None and checked > case.limit else []
    print(f"missed: {', '.join(missed)}" if missed else "every limit is met")
    return 1 if missed else 0


@dataclass(frozen=True)
class Timing:
    """Seconds, each a median."""

    compiling: float
    checking: float | None
    tracr_first: float
    tracr_again: float

    @property
    def faster(self) -> float:
        """Number of times that a program compiles while Tracr compiles it for the first time."""
        return self.tracr_first / self.compiling

    @property
    def faster_checked(self) -> float | None:
        """The same with the check of the whole domain."""
        return None if self.checking is None else self.tracr_first / (self.compiling + self.checking)


def seconds(run: Callable[[], object], *, before: Callable[[], object] = gc.collect) -> float:
    """Median duration of some runs, after one that warms up."""
    durations: list[float] = []
    for _ in range(RUNS + 1):
        before()
        start = time.perf_counter()
        run()
        durations.append(time.perf_counter() - start)
    return statistics.median(durations[1:])


def measure(case: Case) -> Timing:
    """Time one case."""
    domain = Domain(case.vocab, case.max_seq_len)
    program = case.build()
    model = compile_unchecked(program, domain)

    def by_tracr() -> object:
        return compile_rasp_to_model(program, set(case.vocab), case.max_seq_len)

    return Timing(
        compiling=seconds(lambda: compile_unchecked(program, domain)),
        checking=seconds(lambda: check(model)) if case.checked else None,
        tracr_first=seconds(by_tracr, before=jax.clear_caches),
        tracr_again=seconds(by_tracr),
    )


def misses_target(case: Case, timing: Timing) -> bool:
    """Tell whether a case is slower than its targets."""
    return timing.faster < case.target or (timing.faster_checked or 0) < (case.target_checked or 0)


def row(case: Case, timing: Timing) -> list[str]:
    """The cells of one line."""
    checked = timing.checking is not None
    target = f" / {case.target_checked:.0f}" if case.target_checked else ""
    return [
        case.name,
        f"{timing.compiling * 1e3:.1f} ms",
        f"{timing.checking * 1e3:.1f} ms" if timing.checking is not None else "-",
        f"{Domain(case.vocab, case.max_seq_len).size:,}" if checked else "-",
        f"{timing.tracr_first:.2f} s",
        f"{timing.faster:,.0f} x / {case.target:.0f}",
        f"{timing.faster_checked:,.0f} x{target}" if timing.faster_checked is not None else "-",
        f"{timing.tracr_again * 1e3:.0f} ms",
        f"{timing.tracr_again / timing.compiling:,.0f} x",
    ]


def main() -> int:
    """Print the table; the exit code is 1 if a target is missed."""
    logging.getLogger("absl").setLevel(logging.ERROR)
    if "--large" in sys.argv[1:]:
        return print_large()
    torch.set_num_threads(1)
    console = Console(width=110)
    table = Table(title=f"Compiling, median of {RUNS} runs · {platform.machine()}, one thread", box=None)
    table.add_column("program")
    headings = ("compile", "check", "inputs", "Tracr first", "faster/target", "with check", "Tracr again", "faster")
    for heading in headings:
        table.add_column(heading, justify="right")
    behind: list[str] = []
    for case in CASES:
        with console.status(case.name):
            timing = measure(case)
        table.add_row(*row(case, timing))
        behind += [case.name] if misses_target(case, timing) else []
    console.print(table)
    console.print(f"missed: {', '.join(behind)}" if behind else "every target is met")
    return 1 if behind else 0


if __name__ == "__main__":
    sys.exit(main())
