"""Commands for MIB's leaderboards: submit, submission check."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App

from groundtruth.cli.executor_options import ExecutorOptions
from groundtruth.cli.options import (
    CHOICE,
    AsJson,
    CellTimeout,
    DeviceName,
    OptionalAblation,
    OptionalLevel,
    Parameters,
    Seed,
    print_json,
    read_memory,
    read_parameters,
    require_level,
    split,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from groundtruth.submissions import SubmittedMethod
    from mib.leaderboard.submissions import Outcome

FAILED = 1

ONE_PROCESS = ExecutorOptions(executor="processes", jobs=1)
"""Executor of the cells by default: this process, or one beside it that a time limit can stop."""


submission = App(name="submission", help="Look at a submission to MIB's leaderboards.")


def submit(
    method: str,
    /,
    *,
    models: str,
    tasks: str,
    out: Path,
    track: Annotated[Literal["circuits", "featurizers"] | str, CHOICE] = "circuits",
    level: OptionalLevel = None,
    ablation: OptionalAblation = None,
    set: Parameters = None,
    layers: str | None = None,
    heads: str | None = None,
    n: int = 100,
    seed: Seed = 0,
    data: str | None = None,
    right_on: Annotated[Literal["base", "both", "any"] | str | None, CHOICE] = None,
    answer_prefix: str | None = None,
    memory: str | None = None,
    device: DeviceName = "cpu",
    dtype: str = "float32",
    where: ExecutorOptions = ONE_PROCESS,
    cell_timeout: CellTimeout = None,
    json: AsJson = False,
) -> int:
    """Run a method on tasks and models of MIB's leaderboards, and write the folder that they take.

    A run that was stopped continues where it stopped: cells that were finished with the same settings are kept. A cell
    that fails is told and left out, and the exit code is 1.

    Args:
        method: A registered method, my_file.py:my_method, or my_pkg.my_mod:my_method.
        models: gpt2, qwen2.5, gemma2, llama3, separated by commas; gpt2=FOLDER for a checkpoint.
        tasks: Names of tasks, such as ioi,mcqa.
        out: The submission's folder.
        track: circuits or featurizers.
        level: Parts that a circuit method scores: edge (the default), node or neuron. Circuits only.
        ablation: Kind of ablation of cut edges: resample (the default), zero, mean, mean-positional. Circuits only.
        set: A hyper-parameter of the method, as name=value; more than once for several.
        layers: Featurizers: only these layers, such as 0,4,8.
        heads: Featurizers of ioi: layer.head, such as 7.3,8.6; by default GPT-2's S-inhibition heads.
        n: Number of pairs that a task has.
        seed: Chooses the pairs and seeds the method.
        data: hub for MIB's data sets, or a folder with a folder for each task; by default synthetic.
        right_on: Keep pairs only if the model is right on base or both, or any; by default as the track has it.
        answer_prefix: Start of the answers, in all of these tasks, instead of a space or nothing, as the task has it.
            MIB's letters of multiple choice have no space: --answer-prefix "".
        memory: Memory that a run may use beside the model, such as 16GiB; by default 2GiB.
        device: cpu, cuda or mps.
        dtype: Dtype of the models.
        where: The executor of the cells; by default this process, a model after the other, for each worker holds a
            model of its own.
        cell_timeout: Seconds that one cell may take, with reading its model where it is the first of it; one that takes
            longer has failed.
        json: Print JSON, for machines.
    """
    from groundtruth.report.progress import tracked
    from groundtruth.submissions import make_submission
    from mib.engine.ablations import check_ablation
    from mib.leaderboard.submissions import Setup, parse_models

    task_names = split(tasks, "--tasks") or []
    found = _find_method(method, track, level, layers=layers, heads=heads, ablation=ablation)
    setup = Setup(
        out=out, models=parse_models(split(models, "--models") or []), method=found.name, n=n, seed=seed, data=data,
        right_on=right_on, ablation=check_ablation(ablation or "resample"), answer_prefix=answer_prefix,
        parameters=read_parameters(set, method, found.parameters), memory=read_memory(memory), device=device,
        dtype=dtype,
    )  # fmt: skip
    plan = found.plan(task_names, setup)
    cells = [outcome.cell for outcome in plan.skipped] + [job.cell for job in plan.jobs]
    executor = where.choose_executor(out / ".jobs")
    outcomes = make_submission(found, plan, executor=executor, timeout=cell_timeout)
    made = list(tracked("submitting", outcomes, total=len(cells)))
    # Outcomes come as they are finished; the table has the order of the plan.
    _tell(sorted(made, key=lambda outcome: cells.index(outcome.cell)), out, json)
    return FAILED if any(outcome.state == "failed" for outcome in made) else 0


def _tell(found: "Sequence[Outcome]", out: Path, json: bool) -> None:
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.submission_view import outcome_data, outcomes_table

    if json:
        print_json([outcome_data(outcome) for outcome in found])
    else:
        echo(outcomes_table(found, out))


def _find_method(
    method: str, track: str, level: str | None, *, layers: str | None, heads: str | None, ablation: str | None
) -> "SubmittedMethod":
    """Find the method, and refuse options of the other track."""
    from groundtruth.errors import GroundTruthError
    from groundtruth.submissions import SubmittedMethod
    from mib.errors import did_you_mean
    from mib.leaderboard.submissions import Places

    if track == "circuits":
        if layers is not None or heads is not None:
            raise GroundTruthError("--layers and --heads are for --track featurizers; circuits score the whole model.")
        return SubmittedMethod(method, level=require_level(level or "edge"))
    if track != "featurizers":
        known = ("circuits", "featurizers")
        raise GroundTruthError(f"unknown track '{track}'.{did_you_mean(track, known)} Known: {', '.join(known)}.")
    if ablation is not None:
        raise GroundTruthError("--ablation is for --track circuits; of featurizers features are swapped.")
    if level is not None:
        raise GroundTruthError("--level is for --track circuits; a featurizer finds features at layers and heads.")
    places = Places.parse(split(layers, "--layers"), split(heads, "--heads"))
    return SubmittedMethod(method, "featurizers", places=places)


@submission.command
def check(folder: Path, /, *, json: AsJson = False) -> int:
    """Say of each cell of a submission whether it is complete, and what is wrong or missing.

    Nothing in the folder is executed. The exit code is 1 if the submission is not ready.

    Args:
        folder: The submission, of circuits or of featurizers.
        json: Print JSON, for machines.
    """
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.submission_view import report_data, report_view
    from mib.leaderboard.submissions import check_submission

    report = check_submission(folder)
    if json:
        print_json(report_data(report))
    else:
        echo(report_view(report))
    return 0 if report.ready else FAILED
