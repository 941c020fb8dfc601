"""What the scoring commands do with ``--track variables``."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groundtruth.cli.options import print_json, split

if TYPE_CHECKING:
    from groundtruth.bench.variable_cells import VariableCell
    from groundtruth.bench.variable_results import VariableResult

TRACKS = ("circuits", "variables")


@dataclass(frozen=True)
class Options:
    """What the user asked for.

    Attributes:
        profile: Which variables, how many pairs and seeds.
        models: Instead of the profile's, separated by commas.
        methods: Instead of all, separated by commas.
        seed: The first.
        device: Where to run.
        dtype: Of the models that methods see.
        jobs: Processes; ``None``: one a CPU.
        out: Where results go.
        json: Whether to print JSON.
        task: What language models are scored on, separated by commas.
    """

    profile: str
    models: str | None
    methods: str | None
    seed: int
    device: str
    dtype: str
    jobs: int | None
    out: Path
    json: bool
    task: str | None = None


def is_variables(track: str, **only_circuits: object) -> bool:
    """Whether a track is that of variables.

    Args:
        track: As the user wrote it.
        only_circuits: Options that the other track alone has, with what was given for them.

    Raises:
        DomainError: If there is no such track, or an option does not belong to it.
    """
    from groundtruth.errors import DomainError
    from mib.errors import did_you_mean

    if track not in TRACKS:
        raise DomainError(f"unknown track '{track}'.{did_you_mean(track, TRACKS)} Choose from {', '.join(TRACKS)}.")
    given = [name for name, value in only_circuits.items() if value is not None]
    if track == "variables" and given:
        raise DomainError(
            f"--{given[0]} is an option of --track circuits: variables are swapped, not ablated, and have no edges. "
            "Leave it out."
        )
    return track == "variables"


def bench_variables(options: Options) -> int:
    """All methods on the profile's variables."""
    from groundtruth.bench.variable_profiles import variable_cells_of, variable_profile

    cells = variable_cells_of(
        variable_profile(options.profile),
        models=split(options.models),
        tasks=split(options.task),
        methods=split(options.methods),
        seed=options.seed,
        device=options.device,
        dtype=options.dtype,
    )
    return _report(_run(cells, options), options, f"{time.strftime('%Y-%m-%d')}-variables-{options.profile}")


def score_variables(method: str, options: Options, *, against: str | None, fail_under: str | None) -> int:
    """A method of the user's own beside the baselines."""
    from groundtruth.bench.thresholds import VARIABLE_COLUMNS, parse, unmet_of_variables
    from groundtruth.bench.variable_profiles import COMPARED, variable_cells_of, variable_profile

    thresholds = parse(fail_under, VARIABLE_COLUMNS)
    others = split(against) if against is not None else list(COMPARED)
    cells = variable_cells_of(
        variable_profile(options.profile),
        models=split(options.models),
        tasks=split(options.task),
        methods=[method, *(name for name in others or () if name != method)],
        seed=options.seed,
        device=options.device,
        dtype=options.dtype,
    )
    result = _run(cells, options, method=method)
    name = method.rpartition(":")[2]
    code = _report(result, options, f"{time.strftime('%Y-%m-%d')}-variables-{name}", own=method)
    missed = unmet_of_variables(result, method, thresholds)
    if missed and not options.json:
        from rich.text import Text

        from groundtruth.report.style import echo

        echo(*(Text(line, "bad") for line in missed))
    return 1 if missed or code else 0


def check_variables(method: str, *, json: bool) -> int:
    """The contract of a featurization method."""
    from groundtruth.featurizer_contract import check_featurizer_method
    from groundtruth.finding import is_file_spec, load_featurizer
    from groundtruth.report.contract import contract_data, contract_table
    from groundtruth.report.style import echo
    from mib import featurization

    by_file = is_file_spec(method) or ":" in method
    known = load_featurizer(method).method if by_file else featurization.get(method)
    found = check_featurizer_method(known)
    if json:
        print_json(contract_data(known.name, found))
    else:
        echo(contract_table(known.name, found))
    return 0 if all(promise.ok for promise in found) else 1


def list_featurizers(*, json: bool) -> None:
    """The registered featurization methods."""
    from groundtruth.report.listings import featurizer_data, featurizers_table
    from groundtruth.report.style import echo
    from mib import featurization

    found = [featurization.get(name) for name in featurization.names()]
    if json:
        print_json([featurizer_data(method) for method in found])
    else:
        echo(featurizers_table(found))


def _run(cells: "Sequence[VariableCell]", options: Options, **settings: Any) -> "VariableResult":
    """Run cells with a progress bar; an interruption leaves what is finished."""
    import torch

    from groundtruth.bench import CellStore, run_cells
    from groundtruth.bench.variable_results import variable_result_of
    from groundtruth.report.progress import tracked

    torch.set_num_threads(1)
    start, known = time.perf_counter(), 0
    found = {}
    processes = options.jobs or os.cpu_count() or 1
    for cell, outcome, was_known in tracked(
        "scoring", run_cells(cells, CellStore(options.out / "cells"), jobs=processes), total=len(cells)
    ):
        found[cell] = outcome
        known += was_known
    return variable_result_of(
        [(cell, found[cell]) for cell in cells],
        seconds=time.perf_counter() - start,
        profile=options.profile,
        seed=options.seed,
        device=options.device,
        dtype=options.dtype,
        jobs=processes,
        known=known,
        **settings,
    )


def _report(result: "VariableResult", options: Options, name: str, *, own: str = "") -> int:
    """Write the result files, print the table or JSON, and say whether a method failed."""
    from groundtruth.bench.variable_results import variable_data
    from groundtruth.report.style import echo
    from groundtruth.report.variable_tables import variable_ending, variable_report
    from groundtruth.report.variable_writing import write_variable_result

    paths = write_variable_result(result, options.out, name)
    if options.json:
        print_json(variable_data(result))
    else:
        echo(variable_report(result, own=own), variable_ending(result, paths))
    return 1 if result.failures else 0
