"""The registry of tasks."""

from mib.errors import TaskError
from mib.registry import Registry
from mib.tasks.task import Task

TASKS: Registry[Task] = Registry("task", error=TaskError, builtins="mib.tasks.builtin_tasks", plugins="mib.tasks")
"""All tasks; a package adds its own by naming a module in the entry-point group ``mib.tasks``."""

get, names = TASKS.get, TASKS.names


def register(task: Task) -> Task:
    """Add a task.

    Raises:
        TaskError: If the name is taken or empty, or the default family is none of the task's.
    """
    task.check_family(task.default_family)
    return TASKS.add(task.name, task)
