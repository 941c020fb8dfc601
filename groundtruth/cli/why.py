"""The command that says why a method is wrong on a model."""

from groundtruth.cli.options import AsJson, Parameters, Seed, parameters_in, print_json


def why(
    method: str,
    model: str,
    /,
    *,
    set: Parameters = None,
    ablation: str = "resample",
    lengths: str | None = None,
    seed: Seed = 0,
    wide: bool = False,
    json: AsJson = False,
) -> None:
    """Say why a method misses live edges of a model and finds others: on the true circuit, edge by edge.

    For every edge that it ranks wrongly, what is measured there: a gradient that is exactly 0 behind a saturated
    softmax, a flat metric, a change that no pair of the task shows, a residue of rounding, a difference that the
    destination absorbs.

    Args:
        method: my_file.py:my_method, or the name of a registered method.
        model: A shipped model, variant or folder, as for show.
        set: A hyper-parameter of the method, as name=value; more than once for several.
        ablation: resample, zero, mean or mean-positional.
        lengths: fixed or mixed.
        seed: Chooses the examples and seeds the method.
        wide: Keep every column, however long the lines become.
        json: Print JSON.
    """
    from groundtruth.bench.circuit_track import CIRCUITS
    from groundtruth.evaluation.circuits.causes import diagnose
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.diagnosis_view import diagnosis_data, diagnosis_view
    from groundtruth.specs import find_model

    found = CIRCUITS.methods.find(method)
    parameters = parameters_in(set, method, CIRCUITS.methods.parameters(method))
    result = diagnose(found, find_model(model), ablation=ablation, lengths=lengths, seed=seed, parameters=parameters)
    if json:
        print_json(diagnosis_data(result))
    else:
        echo(diagnosis_view(result, wide=wide))
