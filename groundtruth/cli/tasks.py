"""The command that lists the tasks of language models."""

from pathlib import Path

from groundtruth.cli.options import AsJson, Seed, print_json


def tasks(
    name: str | None = None,
    /,
    *,
    n: int = 3,
    split: str = "train",
    seed: Seed = 0,
    data: str | None = None,
    out: Path | None = None,
    json: AsJson = False,
) -> None:
    """List the tasks for language models, or show some prompts of one with their counterfactuals.

    Args:
        name: A task, such as ioi; all are listed if none is named.
        n: Number of prompts to show or to write.
        split: train, validation or test.
        seed: Seed of generated prompts.
        data: hub, or a folder in MIB's columns; prompts are generated if neither is given.
        out: Write n generated records to this folder, as JSON lines in MIB's columns.
        json: Print JSON, for machines.
    """
    import mib.tasks
    from groundtruth.errors import GroundTruthError
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.tasks_view import example_data, examples_view, task_data, tasks_table, written_view

    if name is None:
        if given := [option for option, value in (("--data", data), ("--out", out)) if value is not None]:
            raise GroundTruthError(f"{given[0]} is for one task: name it, such as `groundtruth tasks ioi`.")
        found = [mib.tasks.get(known) for known in mib.tasks.names()]
        if json:
            print_json([task_data(task) for task in found])
        else:
            echo(tasks_table(found))
        return
    task = mib.tasks.get(name)
    if out is not None:
        if data is not None:
            raise GroundTruthError("--out writes generated records; leave --data away.")
        echo(written_view(task, task.write(out, n, seed=seed, split=split), n))
        return
    examples = [] if data is None else task.load(data, split=split, n=n)
    if data is None and task.draw is not None:
        examples = task.generate(n, seed=seed, split=split)
    if json:
        print_json({**task_data(task), "examples": [example_data(example) for example in examples]})
    else:
        echo(examples_view(task, examples))
