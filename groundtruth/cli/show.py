"""The command that shows one model."""

from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from groundtruth.cli.options import AblationName, AsJson, OptionalLengths, print_json


def show(
    name: str,
    /,
    *,
    ablation: AblationName = "resample",
    lengths: OptionalLengths = None,
    input: str | None = None,
    edges: bool = False,
    variables: bool = False,
    implicit: bool = False,
    source: bool = False,
    budget: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    budget_seconds: Annotated[float | None, Parameter(validator=Number(gt=0))] = None,
    json: AsJson = False,
) -> None:
    """Show one model: its program, layers, exact circuit with reasons, and a run.

    Args:
        name: A shipped model, the folder of a stored one, a program of the library, or one of yours as
            my_file.py:my_program or my_pkg.my_mod:my_program; with @ and a tier (reverse@rotated) or transformations
            (reverse@decoys+rotate), that variant; of a trained model one that keeps its function
            (hist@free-0@rotated).
        ablation: Whose circuit to draw: resample, zero, mean or mean-positional.
        lengths: fixed (inputs of the greatest length) or mixed (all lengths, padded on the right).
        input: The tokens of the run, such as "1 2 3".
        edges: List every edge with its status and proof, instead of the tree.
        variables: List the variables too: where each is written, how long it is live, and who reads it.
        implicit: List where variables are yet to be computed, too, from what lies there. The interchanges that show it
            are run now, which takes seconds, and on the deepest models a minute.
        source: Print the Python text of the program too.
        budget: Prove the circuit anew: a domain of at most so many inputs is run whole, of a larger one so many inputs.
        budget_seconds: Prove the circuit anew in about so many seconds. Edges that are open then are listed as
            undecided; which these are depends on the machine.
        json: Print JSON, for machines.
    """
    from groundtruth.cli.compile_options import read_tokens
    from groundtruth.report.progress import working
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.model_view import model_data, model_view
    from groundtruth.specs import find_model

    with working(f"proving the circuit of {name}"):  # a stored one is read; of a program it is proven now
        model = find_model(name)
        circuit = model.circuit(ablation=ablation, lengths=lengths, budget=budget, budget_seconds=budget_seconds)
    tokens = None if input is None else read_tokens(input, model.domain.vocab)
    if json:
        print_json(model_data(model, circuit, tokens, variables=variables, implicit=implicit))
    else:
        listed = {"variables": variables, "implicit": implicit}
        echo(model_view(model, circuit, tokens, every_edge=edges, source=source, **listed))
