"""The tasks of real models, and prompts of one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from groundtruth.report.terminal import fact_table
from mib.tasks import Example, Prompt, Task


def tasks_table(tasks: Sequence[Task]) -> RenderableType:
    """One line a task."""
    table = fact_table("", "asks", "variables", wraps=("asks", "variables"))
    for task in tasks:
        table.add_row(Text(task.name, "name"), task.description, ", ".join(task.variables) or "–")
    return Group(table, Text("next: groundtruth tasks NAME · its counterfactuals and some prompts", "faint"))


def task_data(task: Task) -> dict[str, Any]:
    """A task as JSON has it."""
    hub = task.hub
    return {
        "name": task.name,
        "description": task.description,
        "source": task.source,
        "families": list(task.families),
        "default_family": task.default_family,
        "variables": list(task.variables),
        "positions": ["last", *task.positions, "all"],
        "generated": task.draw is not None,
        "hub": None if hub is None else {"repository": hub.repository, "config": hub.config, "revision": hub.revision},
    }


def examples_view(task: Task, examples: Sequence[Example]) -> RenderableType:
    """Say what a task is, and some of its prompts with their counterfactuals."""
    facts = {
        "source": task.source,
        "families": ", ".join(f"{name} (default)" if name == task.default_family else name for name in task.families),
        "variables": ", ".join(task.variables) or "–",
        "positions": ", ".join(("last", *task.positions, "all")),
        "data set": "–" if task.hub is None else f"{task.hub.repository} @ {task.hub.revision or 'newest'}",
    }
    rows = [[(label, Text(fact)) for label, fact in facts.items()]]
    for example in examples:
        rows.append([("base", _prompt(example.base))])
        rows[-1] += [(name, _prompt(prompt)) for name, prompt in example.counterfactuals.items()]
    parts = [_grid(row) for row in rows]
    if not examples:
        parts.append(Text("no prompts are made up for this task: give --data hub, or --data FOLDER", "faint"))
    blanks = [Text() for _ in parts]
    head = Text.assemble((task.name, "name"), f"   {task.description}")
    return Group(head, *(part for pair in zip(parts, blanks, strict=True) for part in pair))


def _grid(rows: Sequence[tuple[str, Text]]) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="faint", max_width=38, no_wrap=True)
    grid.add_column()
    for row in rows:
        grid.add_row(*row)
    return grid


def _prompt(prompt: Prompt) -> Text:
    shown = prompt.text.replace("\n", " ⏎ ")
    others = len(prompt.accepted) - 1
    more = f" or {others} more" if others else ""
    return Text.assemble(shown, (f" → {prompt.answer.strip() or '–'}{more}", "good"))


def example_data(example: Example) -> dict[str, Any]:
    """An example as JSON has it."""
    return {
        **_prompt_data(example.base),
        "counterfactuals": {name: _prompt_data(prompt) for name, prompt in example.counterfactuals.items()},
    }


def _prompt_data(prompt: Prompt) -> dict[str, Any]:
    return {
        "prompt": prompt.text,
        "answer": prompt.answer,
        "accepted": list(prompt.accepted),
        "variables": dict(prompt.variables),
        "spans": dict(prompt.spans),
    }


def written_view(task: Task, path: Path, n: int) -> RenderableType:
    """Say what was written, and how to read it."""
    return Text(f"{n} records of {task.name} in {path} · read with mib.tasks.get('{task.name}').load('{path.parent}')")
