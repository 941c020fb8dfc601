"""Tasks by name, those of other packages among them."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from mib import TaskError, tasks
from mib.tasks import registry


def test_mibs_tasks_are_there_by_its_names() -> None:
    mib = {"ioi", "mcqa", "arithmetic-addition", "arithmetic-subtraction", "arc-easy", "arc-challenge", "ravel"}
    assert set(tasks.names()) >= mib
    for name in tasks.names():
        task = tasks.get(name)
        assert task.name == name and task.description and task.source and task.default_family in task.families


def test_a_name_is_taken_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry.TASKS, "_entries", dict(registry.TASKS._entries))
    with pytest.raises(TaskError, match="a task named 'ioi' is registered already"):
        tasks.register(tasks.get("ioi"))
    with pytest.raises(TaskError, match=r"task mine has no family 'other'\. It has: abc"):
        tasks.register(replace(tasks.get("ioi"), name="mine", default_family="other"))
    mine = tasks.register(replace(tasks.get("ioi"), name="mine"))
    assert tasks.get("mine") is mine and "mine" in tasks.names()


def test_installed_packages_bring_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry.TASKS, "_entries", dict(registry.TASKS._entries))
    theirs = replace(tasks.get("ioi"), name="theirs")
    point = SimpleNamespace(load=lambda: registry.register(theirs))
    found: list[str] = []

    def entry_points(*, group: str) -> list[SimpleNamespace]:
        found.append(group)
        return [point]

    monkeypatch.setattr("importlib.metadata.entry_points", entry_points)
    monkeypatch.setattr(registry.TASKS, "_has_plugins", False)
    assert tasks.get("theirs") is theirs and found == ["mib.tasks"]
