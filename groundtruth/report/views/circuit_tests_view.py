"""Tests of one circuit: a question a row, with its p-value and its answer."""

import math
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from groundtruth.report import notation
from groundtruth.report.terminal import fact_table
from mib.metrics.circuit_tests import CircuitTests, Verdict

_WORDS = {True: ("yes", "good"), False: ("no", "bad"), None: ("-", "faint")}


def circuit_tests_view(
    tests: CircuitTests, *, circuit: str, model: str, level: float, top: int | None = None
) -> RenderableType:
    """Show all tests of one circuit.

    Args:
        tests: The tests.
        circuit: Name of the circuit: a file, a method, or ``truth``.
        model: Name of the model.
        level: The level of significance.
        top: Number of the best parts of a ranking that were taken; None if it is no ranking's.
    """
    title = Text.assemble((circuit, "name"), f" on {model}: {notation.plural(tests.n_edges, 'edge')}, ")
    title.append(f"{notation.plural(tests.n_examples, 'example')}")
    table = fact_table(
        "test", "question", "holds", "p", "measured", right=("p",), wraps=("test", "question", "measured")
    )
    for verdict in tests.verdicts(level=level):
        word, mark = _WORDS[verdict.holds]
        p_value = "-" if math.isnan(verdict.p_value) else f"{verdict.p_value:.3f}"
        table.add_row(verdict.name, Text(verdict.question, "faint"), Text(word, mark), p_value, verdict.detail)
    end = f"level {level:g}; a test that holds is no proof: see docs/test-circuit.md"
    if top is not None and tests.n_edges < top:
        end += f"\n--top {top}: edges on no path from an embedding to the logits carry nothing and are left out"
    return Group(title, Text(), table, Text(end, "faint"))


def circuit_tests_data(tests: CircuitTests, *, circuit: str, model: str, level: float) -> dict[str, Any]:
    """All tests of one circuit as JSON has them; arguments as of ``circuit_tests_view``."""
    return {
        "circuit": circuit,
        "model": model,
        "n_edges": tests.n_edges,
        "n_examples": tests.n_examples,
        "level": level,
        "tests": {verdict.name.replace(" ", "_"): _verdict_data(verdict) for verdict in tests.verdicts(level=level)},
        "superfluous": [] if tests.minimality is None else list(tests.minimality.superfluous(level=level)),
    }


def _verdict_data(verdict: Verdict) -> dict[str, Any]:
    p_value = None if math.isnan(verdict.p_value) else verdict.p_value
    return {"holds": verdict.holds, "p_value": p_value, "detail": verdict.detail}
