"""What the scoring commands do with ``--track variables``."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groundtruth.cli.options import parameters_in, print_json, split
from groundtruth.cli.running import judge, run, show, show_contract

if TYPE_CHECKING:
    from groundtruth.bench.variable_cells import VariableCell
    from groundtruth.bench.variable_results import VariableResult
    from groundtruth.evaluation.prompts import Prompts
    from mib.featurization import FeaturizerMethod

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
        prompts: Where the pairs of language models come from, and how they are read.
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
    task: str | None
    prompts: "Prompts"


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
        models=split(options.models, "--models"),
        tasks=split(options.task, "--task"),
        methods=split(options.methods, "--methods"),
        seed=options.seed,
        device=options.device,
        dtype=options.dtype,
        prompts=options.prompts,
    )
    return _report(_run(cells, options), options, f"{time.strftime('%Y-%m-%d')}-variables-{options.profile}")


def score_variables(
    method: str, options: Options, *, set: Sequence[str] | None, against: str | None, fail_under: str | None
) -> int:
    """A method of the user's own beside the baselines."""
    from groundtruth.bench.thresholds import VARIABLE_COLUMNS, parse, unmet_of_variables
    from groundtruth.bench.variable_profiles import COMPARED, variable_cells_of, variable_profile

    thresholds = parse(fail_under, VARIABLE_COLUMNS)
    parameters = parameters_in(set, method, _known_parameters(method))
    others = split(against, "--against", empty=True) if against is not None else list(COMPARED)
    cells = variable_cells_of(
        variable_profile(options.profile),
        models=split(options.models, "--models"),
        tasks=split(options.task, "--task"),
        methods=[method, *(name for name in others or () if name != method)],
        seed=options.seed,
        device=options.device,
        dtype=options.dtype,
        prompts=options.prompts,
        parameters={method: parameters},
    )
    result = _run(cells, options, method=method, parameters=parameters)
    name = method.rpartition(":")[2]
    code = _report(result, options, f"{time.strftime('%Y-%m-%d')}-variables-{name}", own=method)
    return judge(code, unmet_of_variables(result, method, thresholds), json=options.json)


def check_variables(method: str, *, json: bool) -> int:
    """The contract of a featurization method."""
    from groundtruth.testing.contract import check_featurizer_method

    known = _method(method)
    return show_contract(known.name, check_featurizer_method(known), json=json)


def list_featurizers(*, json: bool) -> None:
    """The registered featurization methods."""
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.listings import featurizer_data, featurizers_table
    from mib import featurization

    found = [featurization.get(name) for name in featurization.names()]
    if json:
        print_json([featurizer_data(method) for method in found])
    else:
        echo(featurizers_table(found))


def _known_parameters(method: str) -> dict[str, Any]:
    """Hyper-parameters of a method and their defaults; a file with it is loaded, and its faults are told."""
    from groundtruth.evaluation.evaluator import ORACLE

    return {} if method == ORACLE else _method(method).parameters


def _method(name: str) -> "FeaturizerMethod":
    """A registered method by name, or one in a file."""
    from groundtruth.specs import is_file_spec, load_featurizer
    from mib import featurization

    by_file = is_file_spec(name) or ":" in name
    return load_featurizer(name).method if by_file else featurization.get(name)


def _run(cells: "Sequence[VariableCell]", options: Options, **settings: Any) -> "VariableResult":
    from groundtruth.bench.variable_results import variable_result_of

    outcomes, how = run(cells, options.out, options.jobs)
    asked: dict[str, Any] = {
        "profile": options.profile, "seed": options.seed, "device": options.device, "dtype": options.dtype,
        "data": options.prompts.data, "answer_prefix": options.prompts.answer_prefix,
    }  # fmt: skip
    return variable_result_of(outcomes, **asked, **how, **settings)


def _report(result: "VariableResult", options: Options, name: str, *, own: str = "") -> int:
    """Write the result files, print the table or JSON, and say whether a method failed."""
    from groundtruth.bench.variable_results import variable_data
    from groundtruth.report.views.track_report import result_ending, result_view, write_result

    paths = write_result(result, options.out, name)
    return show(
        result,
        json=options.json,
        data=lambda: variable_data(result),
        view=lambda: (result_view(result, own=own), result_ending(result, paths, own=own)),
    )
