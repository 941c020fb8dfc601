"""No test waits by a clock of its own: on a machine ten times as slow it would fail, or pass for another reason."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
WAITS = {
    "run",
    "communicate",
    "wait",
    "check_call",
    "check_output",
    "launch",
    "goto",
    "wait_for",
    "set_default_timeout",
}
CLOCKS = {"monotonic", "perf_counter", "time"}


def own_clocks(source: str) -> Iterator[int]:
    """Lines on which a number of seconds decides how long something may take.

    That is a limit in numbers for a process or a browser, a sum with or a comparison of a reading of a clock, and a
    browser that waits a fixed time.
    """
    for part in ast.walk(ast.parse(source)):
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute):
            numbers = [word.value for word in part.keywords if word.arg == "timeout"]
            numbers += part.args if part.func.attr == "wait" else []
            limited = part.func.attr in WAITS and any(isinstance(number, ast.Constant) for number in numbers)
            if limited or part.func.attr == "wait_for_timeout":
                yield part.lineno
        if isinstance(part, ast.Compare | ast.BinOp) and any(map(_reads_a_clock, ast.iter_child_nodes(part))):
            yield part.lineno


def _reads_a_clock(part: ast.AST) -> bool:
    if isinstance(part, ast.BinOp):
        return any(map(_reads_a_clock, (part.left, part.right)))
    if not (isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) and part.func.attr in CLOCKS):
        return False
    return isinstance(part.func.value, ast.Name) and part.func.value.id == "time"


@pytest.mark.parametrize(
    "waits",
    [
        "subprocess.run(command, timeout=60)",
        "process.communicate(timeout=60)",
        "seen.wait(10)",
        "deadline = time.monotonic() + 120",
        "assert time.perf_counter() - start < 3",
        "page.wait_for_timeout(500)",
    ],
)
def test_a_clock_of_its_own_is_seen(waits: str) -> None:
    assert list(own_clocks(waits)) != []


def test_no_test_waits_by_a_clock_of_its_own() -> None:
    files = [path for path in sorted(TESTS.rglob("*.py")) if path.name != "patience.py"]
    found = [f"{path.relative_to(TESTS)}:{line}" for path in files for line in own_clocks(path.read_text())]
    assert found == [], "use PATIENCE or wait_until of tests/patience.py"
