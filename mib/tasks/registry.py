"""Tasks by name."""

from functools import cache

from mib.errors import TaskError, did_you_mean
from mib.registry import load_plugins
from mib.tasks.task import Task

PLUGINS = "mib.tasks"
"""Entry-point group: a package that names a module there has the tasks registered that the module registers."""

_tasks: dict[str, Task] = {}


def register(task: Task) -> Task:
    """Add a task.

    Raises:
        TaskError: If the name is taken or empty, or the default family is none of the task's.
    """
    if not task.name or task.name in _tasks:
        raise TaskError(f"a task named '{task.name}' is registered already: choose another name.")
    task.check_family(task.default_family)
    _tasks[task.name] = task
    return task


def get(name: str) -> Task:
    """The task of a name.

    Raises:
        TaskError: If there is none.
    """
    _load_plugins()
    if name not in _tasks:
        raise TaskError(f"unknown task '{name}'.{did_you_mean(name, _tasks)} Known: {', '.join(sorted(_tasks))}.")
    return _tasks[name]


def names() -> tuple[str, ...]:
    """Names of all registered tasks, sorted."""
    _load_plugins()
    return tuple(sorted(_tasks))


@cache
def _load_plugins() -> None:
    """Import what installed packages name in the entry-point group, once."""
    load_plugins(PLUGINS)
