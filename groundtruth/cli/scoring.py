"""Commands that score methods: bench, score, check, methods."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cyclopts import App

from groundtruth.cli.options import (
    AsJson,
    Jobs,
    Parameters,
    Seed,
    memory_in,
    parameters_in,
    print_json,
    require_writable,
    split,
)
from groundtruth.cli.running import judge, run, show, show_contract
from groundtruth.cli.tiers import report_tiers, tier_names
from groundtruth.cli.variable_track import (
    Options,
    bench_variables,
    check_variables,
    is_variables,
    list_featurizers,
    score_variables,
)

if TYPE_CHECKING:
    from groundtruth.bench import Result
    from groundtruth.bench.cells import Cell
    from groundtruth.evaluation.prompts import Prompts


def register(app: App) -> None:
    """Add these commands."""
    for command in (bench, score, check, methods):
        app.command(command)


def bench(
    *,
    track: str = "circuits",
    profile: str = "default",
    models: str | None = None,
    task: str | None = None,
    data: str | None = None,
    answer_prefix: str | None = None,
    memory: str | None = None,
    methods: str | None = None,
    ablation: str | None = None,
    level: str | None = None,
    tiers: bool = False,
    seed: Seed = 0,
    device: str = "cpu",
    dtype: str | None = None,
    jobs: Jobs = None,
    out: Path = Path("results"),
    json: AsJson = False,
) -> int:
    """Score all methods on the shipped models, against the exact circuits and with MIB's metrics.

    Where nothing is known exactly, on the learned model that ships, MIB's metrics are shown beside those of the others.

    A run that was stopped continues where it stopped: what is already in OUT/cells is not run again, unless the
    method, the model, the code or a version has changed.

    Args:
        track: circuits, or variables: featurization methods against the exact variables.
        profile: smoke (seconds), default (under five minutes on 2 CPUs; variables: under six) or full.
        models: Names, separated by commas, instead of the profile's; of variables also model:variable@site.
            Language models too: learned (it ships), gpt2, a hub id, or the folder of a checkpoint; default stands for
            the profile's own.
        task: What language models are scored on, such as ioi or ioi:s1_io_flip; several separated by commas.
        data: What these prompts are: hub for MIB's data sets, or a folder with a folder for each task (parts train and
            test, of variables also validation, in MIB's columns); made up if neither is given.
        answer_prefix: What answers of language models' tasks begin with, instead of the task's own space or nothing.
        memory: How much a run on a language model may use beside it, such as 16GiB; by default 2GiB.
        methods: Names or my_file.py:my_method, separated by commas, instead of all.
        ablation: resample, zero, mean, mean-positional; several separated by commas. Circuits only.
        level: What is scored: edge (the default), node or neuron. Circuits only.
        tiers: Each method on every tier: as compiled, rotated, soft, with distractors, with redundancy,
            with all of them. Models are those that ship on all tiers, or any that are named. Circuits only.
        seed: Chooses the examples and seeds the methods.
        device: cpu, cuda, mps, or auto.
        dtype: Precision of the models that methods see: float32 by default; float64 with --tiers, as rotated weights
            leave float32 only three digits.
        jobs: Processes; by default one a CPU.
        out: Where the result files and the finished cells go.
        json: Print the result as JSON instead of the table.
    """
    dtype = dtype or ("float64" if tiers else "float32")
    require_writable(out)
    prompts = _prompts(data, answer_prefix, memory)
    if is_variables(track, ablation=ablation, level=level, tiers=tiers or None):
        return bench_variables(Options(profile, models, methods, seed, device, dtype, jobs, out, json, task, prompts))
    from groundtruth.bench.profiles import cells_of
    from groundtruth.bench.profiles import profile as profile_of

    level = level or "edge"
    named = tier_names(split(models, "--models"), level) if tiers else split(models, "--models")
    cells = cells_of(
        profile_of(profile),
        models=named,
        tasks=split(task, "--task"),
        methods=split(methods, "--methods"),
        ablations=split(ablation, "--ablation"),
        level=require_level(level),
        seed=seed,
        device=device,
        dtype=dtype,
        prompts=prompts,
    )
    asked: dict[str, Any] = {"profile": profile, "data": data, "answer_prefix": answer_prefix}
    result = _run(cells, out, jobs, seed=seed, level=level, device=device, dtype=dtype, **asked)
    if tiers:
        return report_tiers(result, out, f"{time.strftime('%Y-%m-%d')}-tiers", json)
    return _report(result, out, f"{time.strftime('%Y-%m-%d')}-{profile}", json)


def score(
    method: str,
    /,
    *,
    track: str = "circuits",
    models: str | None = None,
    task: str | None = None,
    data: str | None = None,
    answer_prefix: str | None = None,
    memory: str | None = None,
    ablation: str | None = None,
    level: str | None = None,
    set: Parameters = None,
    against: str | None = None,
    fail_under: str | None = None,
    profile: str = "default",
    seed: Seed = 0,
    device: str = "cpu",
    dtype: str = "float32",
    jobs: Jobs = None,
    out: Path = Path("results"),
    json: AsJson = False,
) -> int:
    """Score a method of your own next to the baselines.

    The method is a function of a task, in a file of yours: def my_method(task: mib.LocalizationTask) -> mib.EdgeScores,
    or, with --track variables, def my_method(task: mib.FeaturizationTask) -> mib.Featurizer.

    Args:
        method: my_file.py:my_method, or the name of a registered method.
        track: circuits, or variables: featurization methods against the exact variables.
        models: Names, separated by commas, instead of the profile's; of variables also model:variable@site.
            Language models too: learned (it ships), gpt2, a hub id, or the folder of a checkpoint; default stands for
            the profile's own.
        task: What language models are scored on, such as ioi or ioi:s1_io_flip; several separated by commas.
        data: What these prompts are: hub for MIB's data sets, or a folder with a folder for each task (parts train and
            test, of variables also validation, in MIB's columns); made up if neither is given.
        answer_prefix: What answers of language models' tasks begin with, instead of the task's own space or nothing.
        memory: How much a run on a language model may use beside it, such as 16GiB; by default 2GiB.
        ablation: resample (the default), zero, mean, mean-positional; several separated by commas. Circuits only.
        level: What the method scores: edge (the default), node or neuron. Circuits only.
        set: A hyper-parameter of the method, as name=value; more than once for several.
        against: Methods to compare with, separated by commas; by default all baselines of the level; "" for none.
        fail_under: Exit with code 1 if the mean of a column is less, such as auroc=0.9 or precision=0.8 (several by
            commas); for cmd if it is more.
        profile: smoke, default or full: which models, how many examples.
        seed: Chooses the examples and seeds the methods.
        device: cpu, cuda, mps, or auto.
        dtype: Of the models that methods see; the truth is float64.
        jobs: Processes; by default one a CPU.
        out: Where the result files and the finished cells go.
        json: Print the result as JSON instead of the table.
    """
    require_writable(out)
    prompts = _prompts(data, answer_prefix, memory)
    if is_variables(track, ablation=ablation, level=level):
        options = Options(profile, models, None, seed, device, dtype, jobs, out, json, task, prompts)
        return score_variables(method, options, set=set, against=against, fail_under=fail_under)
    from groundtruth.bench.profiles import baselines, cells_of
    from groundtruth.bench.profiles import profile as profile_of
    from groundtruth.bench.thresholds import parse, unmet

    level = level or "edge"
    chosen, thresholds = require_level(level), parse(fail_under)
    parameters = parameters_in(set, method, _known_parameters(method, chosen))
    others = split(against, "--against", empty=True) if against is not None else baselines(chosen)
    cells = cells_of(
        profile_of(profile),
        models=split(models, "--models"),
        tasks=split(task, "--task"),
        methods=[method, *(name for name in others or () if name != method)],
        ablations=split(ablation, "--ablation") or ["resample"],
        level=chosen,
        seed=seed,
        device=device,
        dtype=dtype,
        prompts=prompts,
        parameters={method: parameters},
    )
    asked: dict[str, Any] = {"profile": profile, "data": data, "answer_prefix": answer_prefix, "parameters": parameters}
    result = _run(cells, out, jobs, method=method, seed=seed, level=level, device=device, dtype=dtype, **asked)
    name = method.rpartition(":")[2]
    code = _report(result, out, f"{time.strftime('%Y-%m-%d')}-{name}", json, own=method)
    return judge(code, unmet(result, method, thresholds), json=json)


def check(method: str, /, *, track: str = "circuits", level: str | None = None, json: AsJson = False) -> int:
    """Hold a method of your own to its contract, on small mock tasks, in seconds.

    Every edge is scored, by a finite number, in the right shape; the same seed gives the same scores; the model is
    left as it was, without hooks. With --track variables: the featurizer swaps features and nothing else.

    Args:
        method: my_file.py:my_method, or the name of a registered method.
        track: circuits, or variables: for featurization methods.
        level: What the method scores: edge (the default), node or neuron. Circuits only.
        json: Print JSON, for machines.
    """
    if is_variables(track, level=level):
        return check_variables(method, json=json)
    from groundtruth.specs import is_file_spec, load_method
    from groundtruth.testing.contract import check_method
    from mib import localization

    chosen = require_level(level or "edge")
    by_file = is_file_spec(method) or ":" in method
    localizer = load_method(method, level=chosen).localizer if by_file else localization.get(method)
    return show_contract(localizer.name, check_method(localizer, level=chosen), json=json)


def methods(*, track: str = "circuits", level: str | None = None, json: AsJson = False) -> None:
    """List the methods, with what they score, what they cost and where they are from.

    Args:
        track: circuits, or variables: the featurization methods.
        level: Only those that score this: edge, node or neuron. Circuits only.
        json: Print JSON, for machines.
    """
    if is_variables(track, level=level):
        return list_featurizers(json=json)
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.listings import method_data, methods_table
    from mib import localization

    wanted = None if level is None else require_level(level)
    found = [m for m in map(localization.get, localization.names()) if wanted is None or wanted in m.levels]
    if json:
        print_json([method_data(method) for method in found])
    else:
        echo(methods_table(found))


def require_level(level: str) -> Any:
    """The level, if it is one.

    Raises:
        TaskError: If it is none.
    """
    from mib.errors import TaskError, did_you_mean
    from mib.localization.task import LEVELS

    if level not in LEVELS:
        raise TaskError(f"unknown level '{level}'.{did_you_mean(level, LEVELS)} Choose from {', '.join(LEVELS)}.")
    return level


def _prompts(data: str | None, answer_prefix: str | None, memory: str | None) -> "Prompts":
    from groundtruth.evaluation.prompts import Prompts

    return Prompts(data, answer_prefix, memory_in(memory))


def _known_parameters(method: str, level: Any) -> dict[str, Any]:
    """Hyper-parameters of a method and their defaults; a file with it is loaded, and its faults are told."""
    from groundtruth.evaluation.evaluator import ORACLE
    from groundtruth.specs import is_file_spec, load_method
    from mib import localization

    if is_file_spec(method) or ":" in method:
        return load_method(method, level=level).localizer.parameters
    return {} if method == ORACLE else localization.get(method).parameters


def _run(cells: "list[Cell]", out: Path, jobs: int | None, **settings: Any) -> "Result":
    from groundtruth.bench import result_of

    outcomes, how = run(cells, out, jobs)
    return result_of(outcomes, **how, **settings)


def _report(result: "Result", out: Path, name: str, json: bool, *, own: str = "") -> int:
    """Write the result files, print the table or JSON, and say whether a method failed."""
    from groundtruth.bench.results import as_data
    from groundtruth.report.views.track_report import result_ending, result_view, write_result

    paths = write_result(result, out, name)
    return show(
        result,
        json=json,
        data=lambda: as_data(result),
        view=lambda: (result_view(result, own=own), result_ending(result, paths, own=own)),
    )
