"""The command that says why a method is wrong on a model, or on a variable of it."""

from typing import TYPE_CHECKING, Any

from groundtruth.cli.options import AsJson, Parameters, Seed, print_json, read_parameters

if TYPE_CHECKING:
    from groundtruth.evaluation.variables.variable_diagnosis import VariableDiagnosis


def why(
    method: str,
    model: str,
    /,
    *,
    set: Parameters = None,
    ablation: str | None = None,
    lengths: str | None = None,
    seed: Seed = 0,
    wide: bool = False,
    json: AsJson = False,
) -> None:
    """Say why a method misses what is needed and finds what is not: edge by edge, or direction by direction.

    Of a localization method, on the true circuit: for every edge that it ranks wrongly what is measured there, such as
    a gradient that is exactly 0 behind a saturated softmax, a flat metric, an edge that is inert alone and needed
    together with others, a residue of rounding. Edges are judged as score judges them: against the minimal circuit
    that the ranking matches best.

    Of a featurizer, on MODEL:VARIABLE@SITE: where each direction that it found lies (in the variable, in other live
    variables, where nothing varies, in copies that nothing reads, in nothing), cosines with the truth, and the pairs
    of values whose interchange fails.

    Args:
        method: my_file.py:my_method, my_pkg.my_mod:my_method, or the name of a registered method.
        model: A shipped model, variant or folder, as for show; for a featurizer with a variable and a place, such as
            reverse:opposite@residual.2.post (show NAME --variables lists them).
        set: A hyper-parameter of the method, as name=value; more than once for several.
        ablation: resample, zero, mean or mean-positional; resample if none is named. Edges only.
        lengths: fixed or mixed. Edges only.
        seed: Chooses the examples and seeds the method.
        wide: Keep every column, however long the lines become.
        json: Print JSON.
    """
    from groundtruth.errors import DomainError

    if "@" in model.rpartition(":")[2] and ":" in model:
        if given := [name for name, value in (("--ablation", ablation), ("--lengths", lengths)) if value is not None]:
            raise DomainError(f"{given[0]} is about edges, and '{model}' names a variable. Leave it out.")
        _require_kind(method, "variables", f"Name a model alone: {model.rpartition(':')[0]}")
        _print_variable(method, model, set, seed, wide=wide, json=json)
    else:
        _require_kind(method, "circuits", "Name a variable and a place too, such as reverse:opposite@residual.2.post")
        _print_edges(
            method, model, set, {"ablation": ablation or "resample", "lengths": lengths, "seed": seed}, wide, json
        )


def _require_kind(method: str, track: str, instead: str) -> None:
    """Refuse a registered method of the other kind, and say what that kind is asked about.

    Raises:
        MethodError: If it is one.
    """
    from groundtruth.bench.tracks import TRACKS
    from mib.errors import MethodError

    tracks = {name: {one.name for one in other.methods.registered()} for name, other in TRACKS.items()}
    if method not in tracks[track] and any(method in names for names in tracks.values()):
        kind = "localization method: it ranks edges" if track == "variables" else "featurizer: it finds variables"
        raise MethodError(f"'{method}' is a {kind}. {instead}.")


def _print_edges(method: str, model: str, given: Parameters, asked: dict[str, Any], wide: bool, json: bool) -> None:
    from groundtruth.bench.cells_underway import Underway, with_share
    from groundtruth.bench.circuit_track import CIRCUITS
    from groundtruth.evaluation.circuits.causes import diagnose
    from groundtruth.report.progress import followed
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.diagnosis_view import diagnosis_data, diagnosis_view
    from groundtruth.specs import find_model

    found = CIRCUITS.methods.find(method)
    parameters = read_parameters(given, method, CIRCUITS.methods.parameters(method))
    at_work = Underway(f"preparing {model}")
    counted = with_share(found, at_work, model, parameters)
    with followed(lambda: (at_work.what, at_work.share())):
        result = diagnose(counted, find_model(model), parameters=parameters, **asked)
    if json:
        print_json(diagnosis_data(result))
    else:
        echo(diagnosis_view(result, wide=wide))


def _print_variable(method: str, place: str, given: Parameters, seed: int, *, wide: bool, json: bool) -> None:
    from groundtruth.report.progress import working
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.variable_diagnosis_view import variable_diagnosis_data, variable_diagnosis_view

    with working(f"looking at {method} on {place}"):
        result = _diagnose_variable(method, place, given, seed)
    if json:
        print_json(variable_diagnosis_data(result))
    else:
        echo(variable_diagnosis_view(result, wide=wide))


def _diagnose_variable(method: str, place: str, given: Parameters, seed: int) -> "VariableDiagnosis":
    """Run a featurizer on MODEL:VARIABLE@SITE.

    The data type is that of score: float64, in which rotated weights lose no digits.
    """
    import torch

    from groundtruth.bench.variable_track import VARIABLES
    from groundtruth.evaluation.variables.variable_diagnosis import diagnose_variable
    from groundtruth.evaluation.variables.variable_evaluator import VariableEvaluator
    from groundtruth.specs import find_model

    model, _, rest = place.rpartition(":")
    variable, _, site = rest.partition("@")
    found = VARIABLES.methods.find(method)
    parameters = read_parameters(given, method, VARIABLES.methods.parameters(method))
    evaluator = VariableEvaluator.of(find_model(model), variable, site, controls=False, seed=seed, dtype=torch.float64)
    return diagnose_variable(found, evaluator, parameters)
