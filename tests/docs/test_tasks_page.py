"""The page about tasks says what the registry says."""

import re
from pathlib import Path

from mib.tasks.builtin_tasks import BUILTIN

PAGE = (Path(__file__).parents[2] / "docs" / "tasks.md").read_text(encoding="utf-8")


def test_the_table_is_that_of_the_registry() -> None:
    rows = [line.split("|")[1:-1] for line in PAGE.splitlines() if re.match(r"\| `", line)]
    named = {name: row for row in rows for name in re.findall(r"`([^`]+)`", row[0])}
    assert set(named) == {task.name for task in BUILTIN}
    for task in BUILTIN:
        _, default, others, variables, offline = named[task.name]
        assert default.strip() == f"`{task.default_family}`"
        assert offline.strip() == ("yes" if task.draw is not None else "no")
        known = set(re.findall(r"`([^`]+)`", others)) - {"mcqa"}
        assert known <= set(task.families)
        assert set(re.findall(r"`([^`]+)`", variables)) - {"mcqa"} <= set(task.variables)


def test_every_pinned_data_set_is_named_as_such() -> None:
    pinned = {task.name for task in BUILTIN if task.hub is not None and task.hub.revision is not None}
    sentence = re.search(r"Revisions are pinned for(.*?)\.", PAGE, re.DOTALL)
    assert sentence is not None and set(re.findall(r"`([^`]+)`", sentence[1])) == pinned
