"""The command that scores a method of the user's own beside the baselines."""

from pathlib import Path

from groundtruth.cli.benchmark_run import (
    RunOptions,
    judge_thresholds,
    name_run,
    publish_result,
    read_prompts,
    run_request,
)
from groundtruth.cli.options import (
    AsJson,
    CellTimeout,
    Fresh,
    Jobs,
    Parameters,
    Seed,
    parameters_in,
    require_level,
    require_writable,
    split,
)


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
    dtype: str | None = None,
    jobs: Jobs = None,
    cell_timeout: CellTimeout = None,
    fresh: Fresh = False,
    columns: str | None = None,
    wide: bool = False,
    out: Path = Path("results"),
    json: AsJson = False,
) -> int:
    """Score a method of your own next to the baselines.

    The method is a function of a task, in a file of yours: def my_method(task: mib.LocalizationTask) -> mib.EdgeScores,
    or, with --track variables, def my_method(task: mib.FeaturizationTask) -> mib.Featurizer.

    What is already in OUT/cells is not run again, unless the code that scores, a package, or the method has changed:
    its file and all that it imports from outside site-packages. What it reads while it runs (data files, the network,
    the environment) is not covered: use --fresh after a change of it.

    Args:
        method: my_file.py:my_method, or the name of a registered method.
        track: circuits, or variables: featurization methods against the exact variables.
        models: Names, separated by commas, instead of the profile's; of variables also model:variable@site.
            Language models too: learned (it ships), gpt2, a hub id, or the folder of a checkpoint; default stands for
            the profile's own.
        task: What language models are scored on, such as ioi or ioi:s1_io_flip; several separated by commas.
        data: What these prompts are: hub for MIB's data sets, or a folder with a folder for each task (parts train and
            test, of variables also validation, in MIB's columns); synthetic if neither is given.
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
        dtype: Precision of the models that methods see; by default float64 for compiled models on the CPU, else
            float32. The truth is float64.
        jobs: Processes; by default one a CPU.
        cell_timeout: Seconds that one method may take on one model; one that takes longer has failed there.
        fresh: Run every cell again, whatever is in OUT/cells.
        columns: Columns of the table, separated by commas, instead of those that fit.
        wide: Show every column, however long the lines become.
        out: Where the result files and the finished cells go.
        json: Print the result as JSON instead of the table.
    """
    require_writable(out)
    prompts = read_prompts(data, answer_prefix, memory)
    from groundtruth.bench import Request, find_track
    from groundtruth.bench.thresholds import parse_thresholds, unmet_thresholds

    chosen = find_track(track, ablation=ablation, level=level)
    scored, thresholds = require_level(level or "edge"), parse_thresholds(fail_under, chosen.thresholds)
    parameters = parameters_in(set, method, chosen.methods.parameters(method, scored))
    others = chosen.methods.compared(scored) if against is None else split(against, "--against", empty=True) or []
    request = Request(
        profile=profile,
        models=split(models, "--models"),
        tasks=split(task, "--task"),
        methods=[method, *(name for name in others if name != method)],
        ablations=split(ablation, "--ablation") or ["resample"],
        level=scored,
        seed=seed,
        device=device,
        dtype=dtype,
        prompts=prompts,
        parameters={method: parameters},
    )
    options = RunOptions(out, jobs, json, fresh, cell_timeout, columns, wide)
    result = run_request(chosen, request, options, method=method, parameters=parameters)
    name = name_run(chosen, request, method.rpartition(":")[2], settings={"cwd": str(Path.cwd())})
    code = publish_result(result, options, name, own=method)
    return judge_thresholds(code, unmet_thresholds(result, method, thresholds), json=json)
