"""What the contracts of both tracks share: promises, the mock models that they are checked on, and words for faults."""

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from tracr.rasp import rasp

from groundtruth.compiler.compile_program import compile
from groundtruth.model import CompiledModel


@dataclass(frozen=True)
class Promise:
    """One clause of the contract.

    Attributes:
        what: What is promised.
        ok: Whether it was kept on every mock task.
        detail: Where it was not: what happened, and what was expected.
    """

    what: str
    ok: bool
    detail: str = ""


class MockRun(Protocol):
    """One run of a method on a mock task."""

    name: str


Run = TypeVar("Run", bound=MockRun)


def judge_promise(what: str, broken: Callable[[Run, Run], str], runs: Sequence[Run], again: Sequence[Run]) -> Promise:
    """Hold pairs of equal runs to one clause.

    Args:
        what: What is promised.
        broken: Says how a pair of runs breaks it; empty if they keep it.
        runs: One run a mock task.
        again: The same runs once more.
    """
    details = [
        f"on {run.name}: {problem}" for run, other in zip(runs, again, strict=True) if (problem := broken(run, other))
    ]
    return Promise(what, not details, details[0] if details else "")


def mock_models() -> list[CompiledModel]:
    """Small models of three kinds: one head, several heads and layers, a numerical output."""
    same = rasp.Select(rasp.tokens, rasp.tokens, rasp.Comparison.EQ)
    hist = rasp.SelectorWidth(same).named("hist")
    length = rasp.SelectorWidth(rasp.Select(rasp.tokens, rasp.tokens, rasp.Comparison.TRUE)).named("length")
    most = rasp.categorical(rasp.SequenceMap(_is_most, hist, length)).named("most")
    is_b = rasp.numerical(rasp.Map(lambda x: float(x == "b"), rasp.tokens)).named("is_b")
    before = rasp.Select(rasp.indices, rasp.indices, rasp.Comparison.LEQ)
    share = rasp.numerical(rasp.Aggregate(before, is_b, default=0)).named("share")
    return [
        compile(program, vocab="abc", max_seq_len=4, name=f"mock {name}")
        for name, program in (("count", hist), ("majority", most), ("numerical", share))
    ]


def _is_most(count: Any, total: Any) -> bool:
    return 2 * count > total


def describe_raised(error: Exception) -> str:
    """An exception that a method raised, with its place."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"raised {type(error).__name__}: {error} ({Path(frame.filename).name}, line {frame.lineno})"


def weights_of(model: object) -> dict[str, torch.Tensor]:
    """A module's tensors by name; nothing for anything else."""
    return dict(model.state_dict()) if isinstance(model, torch.nn.Module) else {}
