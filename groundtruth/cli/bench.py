"""The command that scores all methods on many models."""

from pathlib import Path

from groundtruth.cli.benchmark_run import RunOptions, name_run, publish_result, read_prompts, run_request
from groundtruth.cli.options import AsJson, CellTimeout, Fresh, Jobs, Seed, require_level, require_writable, split
from groundtruth.cli.tiers import name_tier_models, publish_tiers


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
    cell_timeout: CellTimeout = None,
    fresh: Fresh = False,
    columns: str | None = None,
    wide: bool = False,
    out: Path = Path("results"),
    json: AsJson = False,
) -> int:
    """Score all methods on the shipped models, against the exact circuits and with MIB's metrics.

    Where nothing is known exactly, on the learned model that ships, MIB's metrics are shown beside those of the others.

    A run that was stopped continues where it stopped: what is already in OUT/cells is not run again, unless the cell,
    its model, the code that scores it, a package, or the method has changed: its file and all that it imports from
    outside site-packages. What a method reads while it runs (data files, the network, the environment) is not covered:
    use --fresh after a change of it.

    Args:
        track: circuits, or variables: featurization methods against the exact variables.
        profile: smoke (seconds), default (under five minutes on 2 CPUs; variables: under six) or full.
        models: Names, separated by commas, instead of the profile's; of variables also model:variable@site.
            Language models too: learned (it ships), gpt2, a hub id, or the folder of a checkpoint; default stands for
            the profile's own.
        task: What language models are scored on, such as ioi or ioi:s1_io_flip; several separated by commas.
        data: What these prompts are: hub for MIB's data sets, or a folder with a folder for each task (parts train and
            test, of variables also validation, in MIB's columns); synthetic if neither is given.
        answer_prefix: What answers of language models' tasks begin with, instead of the task's own space or nothing.
        memory: How much a run on a language model may use beside it, such as 16GiB; by default 2GiB.
        methods: Names or my_file.py:my_method, separated by commas, instead of all.
        ablation: resample, zero, mean, mean-positional; several separated by commas. Circuits only.
        level: What is scored: edge (the default), node or neuron. Circuits only.
        tiers: Each method on every tier: as compiled, rotated, soft, with distractors, with redundancy,
            with all of them. Models are those that ship on all tiers, or any that are named. Circuits only.
        seed: Chooses the examples and seeds the methods.
        device: cpu, cuda, mps, or auto.
        dtype: Precision of the models that methods see; by default float64 for compiled models on the CPU and with
            --tiers, as rotated weights leave float32 only three digits; else float32.
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

    chosen = find_track(track, ablation=ablation, level=level, tiers=tiers or None)
    scored = require_level(level or "edge")
    names = split(models, "--models")
    request = Request(
        profile=profile,
        models=name_tier_models(names, scored) if tiers else names,
        tasks=split(task, "--task"),
        methods=split(methods, "--methods"),
        ablations=split(ablation, "--ablation"),
        level=scored,
        seed=seed,
        device=device,
        dtype=dtype or ("float64" if tiers else None),
        prompts=prompts,
    )
    options = RunOptions(out, jobs, json, fresh, cell_timeout, columns, wide)
    result = run_request(chosen, request, options)
    if tiers:
        return publish_tiers(result, options, name_run(chosen, request, "tiers"))
    return publish_result(result, options, name_run(chosen, request, profile))
