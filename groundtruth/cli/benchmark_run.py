"""What bench and score share: run what was asked for, write and show its result, judge it."""

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cyclopts import Parameter

from groundtruth.cli.executor_options import ExecutorOptions
from groundtruth.cli.options import (
    CellTimeout,
    DeviceName,
    OptionalAblation,
    OptionalLevel,
    ProfileName,
    Seed,
    TrackName,
    print_json,
    read_memory,
    read_pairs,
    require_level,
    split,
)

if TYPE_CHECKING:
    from groundtruth.bench import Request, Result, Track
    from groundtruth.results.cell import Cell, Outcome

Item = TypeVar("Item")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Asked:
    """What bench and score are asked alike.

    Attributes:
        track: circuits, or variables: featurization methods against the exact variables.
        profile: smoke (seconds), default (under five minutes on 2 CPUs; variables: under six) or full: which models,
            and how many examples.
        models: Names, separated by commas, instead of the profile's; of variables also model:variable@site. Programs
            and language models of your own as my_file.py:name or my_pkg.my_mod:name. Language models too: learned and
            its panel, such as learned-gpt2-1 or learned-llama-1 (they ship), gpt2, a hub id, or the folder of a
            checkpoint; default stands for the profile's own.
        tier: Models of these tiers instead of the profile's: raw (as compiled), trained, or one of the variants' such
            as soft, layernorm or mixture; several separated by commas. Circuits only.
        task: Task of language models, such as ioi, ioi:s1_io_flip or your own my_file.py:name; several by commas.
        data: Source of these prompts: hub for MIB's data sets, or a folder with a folder for each task (parts train and
            test, of variables also validation, in MIB's columns); synthetic if neither is given.
        answer_prefix: Start of the answers of language models' tasks, instead of the task's own space or nothing.
        memory: Memory that a run on a language model may use beside it, such as 16GiB; by default 2GiB.
        ablation: resample, zero, mean, mean-positional; several separated by commas. Circuits only.
        level: Parts that are scored: edge (the default), node or neuron. Circuits only.
        pairs: Number of pairs to learn from, to choose by and to score on, such as 240,80,320, instead of the
            profile's. Variables only.
        seed: Chooses the examples and seeds the methods.
        resamples: Draw the examples so many times, with one seed after the other. Of circuits the table then shows how
            stable the best edges are; of variables it is the number of seeds.
        device: cpu, cuda, mps, or auto.
        dtype: Precision of the models that methods see; by default float64 for compiled models on the CPU and with
            --tiers, as rotated weights leave float32 only three digits; else float32. The truth is float64.
        isolated: Run methods from files and plug-ins on compiled models in processes of their own, which are sent
            the task and never hold the truth. It is no sandbox: they may read files. Circuits only.
    """

    track: TrackName = "circuits"
    profile: ProfileName = "default"
    models: str | None = None
    tier: str | None = None
    task: str | None = None
    data: str | None = None
    answer_prefix: str | None = None
    memory: str | None = None
    ablation: OptionalAblation = None
    level: OptionalLevel = None
    pairs: str | None = None
    seed: Seed = 0
    resamples: int | None = None
    device: DeviceName = "cpu"
    dtype: str | None = None
    isolated: bool = False

    def find_track(self, **options: object) -> "Track":
        """Find the track, if it has the options that were given.

        Raises:
            DomainError: If there is no such track, or an option does not belong to it.
        """
        from groundtruth.bench import find_track

        return find_track(
            self.track,
            ablation=self.ablation,
            level=self.level,
            tier=self.tier,
            isolated=self.isolated or None,
            pairs=self.pairs,
            **options,
        )

    @property
    def scored(self) -> Any:
        """The level that is scored.

        Raises:
            TaskError: If there is no such level.
        """
        return require_level(self.level or "edge")

    def request(self, methods: Sequence[str] | None, **others: Any) -> "Request":
        """Make the request of a run.

        Args:
            methods: Names of methods, or ``None`` for all.
            others: Fields of the request that differ from what is said here.
        """
        from groundtruth.bench import Request
        from groundtruth.results.prompts import Prompts

        said: dict[str, Any] = {
            "profile": self.profile, "models": split(self.models, "--models"), "tasks": split(self.task, "--task"),
            "tiers": split(self.tier, "--tier"),
            "ablations": split(self.ablation, "--ablation"), "level": self.scored, "seed": self.seed,
            "pairs": read_pairs(self.pairs),
            "resamples": self.resamples,
            "device": self.device, "dtype": self.dtype, "isolated": self.isolated,
            "prompts": Prompts(self.data, self.answer_prefix, read_memory(self.memory)),
        }  # fmt: skip
        said |= {"methods": methods, **others}
        return Request(**said)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class RunOptions(ExecutorOptions):
    """How a run goes, whatever it is of.

    Attributes:
        cell_timeout: Seconds that one method may take on one model; one that takes longer has failed there.
        fresh: Run every cell again, whatever is in OUT/cells.
        columns: Columns of the table, separated by commas, instead of those that fit.
        wide: Show every column, however long the lines become.
        out: Folder that the result files and the finished cells go to.
        json: Print the result as JSON instead of the table.
        plan: Run nothing: print for each cell the passes that its method takes and the bytes of model and run. Of a
            language model only the configuration is read.
    """

    plan: bool = False
    cell_timeout: CellTimeout = None
    fresh: bool = False
    columns: str | None = None
    wide: bool = False
    out: Path = Path("results")
    json: bool = False


ASKED = Asked()
RUN_OPTIONS = RunOptions()
"""Options unless the user says otherwise."""


def run_request(track: "Track", request: "Request", options: RunOptions, **settings: Any) -> "Result":
    """Run what was asked for, with a progress bar; an interruption leaves what is finished.

    Args:
        track: Track to run.
        request: Models, methods and settings.
        options: Options of the run.
        settings: Further entries of the result file on how it was run.
    """
    import torch

    from groundtruth.bench import CellStore, plan_cells, result_of, run_cells
    from groundtruth.bench.tracks import refuse_methods_of_others
    from groundtruth.report.standing import choose_columns

    # One thread, as in every worker: sums come out the same, whichever executor runs the cells.
    torch.set_num_threads(1)
    # A wrong name is told before the run.
    choose_columns(track.tables.columns, "screen", split(options.columns, "--columns"))
    refuse_methods_of_others(track, request.methods or ())
    executor = options.choose_executor(options.out / "jobs")
    cells = plan_cells(track, request, is_remote=executor.is_remote)
    start, known = time.perf_counter(), 0
    found: dict[Cell, Outcome] = {}
    store = CellStore(options.out / "cells", fresh=options.fresh)
    with tempfile.TemporaryDirectory(prefix="groundtruth-underway-") as place:
        outcomes = run_cells(cells, store, executor=executor, timeout=options.cell_timeout, underway=Path(place))
        for cell, outcome, was_known in _shown(outcomes, len(cells), Path(place)):
            # Outcomes come as they are finished; the result has them in the order of the cells, so that two runs are
            # equal.
            found[cell] = outcome
            known += was_known
    here = 1 if options.executor == "serial" else os.cpu_count()
    jobs = options.jobs or (None if executor.is_remote else here)
    how: dict[str, Any] = {
        "seconds": time.perf_counter() - start, "executor": options.executor, "jobs": jobs, "known": known,
    }  # fmt: skip
    asked: dict[str, Any] = {
        "track": track.name, "profile": request.profile, "seed": request.seed, "device": request.device,
        "dtype": ", ".join(dict.fromkeys(cell.dtype for cell in cells)), "data": request.prompts.data,
        "answer_prefix": request.prompts.answer_prefix,
    }  # fmt: skip
    if request.pairs is not None:
        asked["pairs"] = ",".join(map(str, asdict(request.pairs).values()))
    if "level" in track.options:
        asked["level"] = request.level
    controls = track.controls(cell.method for cell in cells)
    return result_of([(cell, found[cell]) for cell in cells], controls=controls, **asked, **how, **settings)


def _shown(outcomes: Iterator[Item], total: int, place: Path) -> Iterator[Item]:
    """Yield outcomes, with a bar that moves inside a long cell too and names it.

    Args:
        outcomes: Outcomes as they come.
        total: Number of outcomes in all.
        place: Folder in which the cells at work tell how far they are.
    """
    from groundtruth.bench.cells_underway import read_underway, say_longest
    from groundtruth.report.progress import tracked

    return tracked(
        "scoring",
        outcomes,
        total=total,
        underway=lambda: sum(share for _, _, share in read_underway(place)),
        doing=lambda: say_longest(place),
    )


def print_plan(track: "Track", request: "Request", options: RunOptions) -> int:
    """Print what each cell takes, and run none."""
    from groundtruth.bench import plan_cells
    from groundtruth.bench.cell_plan import plan_cell
    from groundtruth.bench.tracks import refuse_methods_of_others
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.cell_plans import plans_data, plans_table

    refuse_methods_of_others(track, request.methods or ())
    plans = [plan_cell(cell) for cell in plan_cells(track, request, is_remote=False)]
    if options.json:
        print_json(plans_data(plans))
    else:
        echo(plans_table(plans))
    return 0


def name_run(track: "Track", request: "Request", what: str, *, settings: Mapping[str, Any] | None = None) -> str:
    """Name the result files of a run: the day, what was run and, unless all is by default, a hash of what was asked.

    Two runs that were asked different things never write the same files.

    Args:
        track: Track to run.
        request: Models, methods and settings.
        what: Name of the profile, or of the user's method.
        settings: Further options of the run.
    """
    # A run with nothing but a profile keeps a name that people can type.
    plain = type(request)(profile=request.profile)
    parts = [time.strftime("%Y-%m-%d"), *([] if track.name == "circuits" else [track.name]), what]
    if request != plain or settings:
        asked = json.dumps([track.name, asdict(request), dict(settings or {})], sort_keys=True, default=str)
        parts.append(hashlib.sha256(asked.encode()).hexdigest()[:8])
    return "-".join(parts)


def publish_result(result: "Result", options: RunOptions, name: str, *, own: str = "") -> int:
    """Write the result files, print the table or JSON, and give the exit code.

    Args:
        result: Result of a run.
        options: Options of the run.
        name: Name of the files, without suffix.
        own: The user's method, which is marked.
    """
    from groundtruth.bench.result_data import result_data
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.track_report import result_ending, result_view, write_result

    paths = write_result(result, options.out, name)
    if options.json:
        print_json(result_data(result))
    else:
        columns = split(options.columns, "--columns")
        view = result_view(result, own=own, columns=columns, wide=options.wide)
        echo(view, result_ending(result, paths, own=own))
    return exit_code(result, own=own)


def exit_code(result: "Result", *, own: str = "") -> int:
    """Give the exit code: 1 if a method failed, or nothing was scored, of the user's own method or at all."""
    scored = [scores for scores in result.scores() if own in ("", scores.method)]
    return 1 if result.failures or not scored else 0


def judge_thresholds(code: int, missed: Sequence[str], *, json: bool) -> int:
    """Give the exit code where there are thresholds, and print a line for each that is not met."""
    from rich.text import Text

    from groundtruth.report.terminal import echo

    if missed and not json:
        echo(*(Text(line, "bad") for line in missed))
    return 1 if missed or code else 0
