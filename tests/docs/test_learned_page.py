"""The page about the learned model says what its log and its measurements say."""

import re
from pathlib import Path

import pytest

from mib import learned
from mib.learned.measure import measured

PAGE = (Path(__file__).parents[2] / "docs" / "learned-model.md").read_text(encoding="utf-8")
ROWS = [[cell.strip().strip("`") for cell in line.split("|")[1:-1]] for line in PAGE.splitlines() if line[:3] == "| `"]


def test_accuracies_are_those_of_the_log() -> None:
    told = {row[0]: (row[1], row[2]) for row in ROWS if len(row) == 3}
    log = learned.training_log()["held_out"]
    assert told == {name: (f"{share['accuracy']:.1%}", f"{share['prompts']:,}") for name, share in log.items()}
    size = sum(path.stat().st_size for path in learned.CHECKPOINT.iterdir())
    assert f"{size / 1e6:.2f} MB" in PAGE
    assert f"{learned.training_log()['parameters']:,} parameters" in PAGE


def test_edges_are_those_that_were_measured() -> None:
    told = {row[0]: row[1:] for row in ROWS if len(row) == 5}
    assert set(told) == set(learned.tasks())
    for name, (family, full, empty, edges) in told.items():
        found = measured(name)
        assert (family, float(full), float(empty)) == (found.family, round(found.full, 2), round(found.empty, 2))
        best = sorted(found.scores.as_dict().items(), key=lambda item: -abs(item[1]))[:5]
        assert edges.replace("`", "") == ", ".join(f"{edge} {score:.2f}" for edge, score in best)


@pytest.mark.slow
def test_python_blocks_run() -> None:
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.S):
        exec(compile(block, "docs/learned-model.md", "exec"), {})
