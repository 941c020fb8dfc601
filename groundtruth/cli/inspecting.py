"""Commands that look at programs and models: programs, models, show, compile, verify."""

import os
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from groundtruth.cli.options import AsJson, Jobs, flat, print_json, require_writable


def register(app: App) -> None:
    """Add these commands."""
    for command in (programs, models, show, compile, verify):
        app.command(command)


def programs(*, family: str | None = None, json: AsJson = False) -> None:
    """List the RASP programs of the library.

    Args:
        family: Only those of one family, such as sorting.
        json: Print JSON, for machines.
    """
    from groundtruth.programs import get, names
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.listings import program_data, programs_table

    found = [get(name) for name in names(family=family)]
    if json:
        print_json([program_data(program) for program in found])
    else:
        echo(programs_table(found))


def models(*, family: str | None = None, variants: bool = False, json: AsJson = False) -> None:
    """List the shipped models with their sizes and live edges.

    Args:
        family: Only those of one family, such as sorting.
        variants: List the harder variants that ship instead, and how certain their truth is.
        json: Print JSON, for machines.
    """
    from groundtruth.model import load
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.listings import models_table, of_family, variant_data, variants_table
    from groundtruth.store.catalog import shipped_variants, summaries

    found = of_family(summaries(), family)
    table = models_table
    if variants:
        found = [variant_data(variant) for variant in map(load, shipped_variants()) if family in (None, variant.family)]
        table = variants_table
    if json:
        print_json(found)
    else:
        echo(table(found))


def show(
    name: str,
    /,
    *,
    ablation: str = "resample",
    lengths: str | None = None,
    input: str | None = None,
    edges: bool = False,
    variables: bool = False,
    source: bool = False,
    json: AsJson = False,
) -> None:
    """Show one model: its program, layers, exact circuit with reasons, and a run.

    Args:
        name: A shipped model, the folder of a stored one, a program of the library, or my_file.py:my_program; with
            @ and a tier (reverse@rotated) or transformations (reverse@decoys+rotate), that variant.
        ablation: Whose circuit to draw: resample, zero, mean or mean-positional.
        lengths: fixed (inputs of the greatest length) or mixed (all lengths, padded on the right).
        input: The tokens of the run, such as "1 2 3".
        edges: List every edge with its status and proof, instead of the tree.
        variables: List the variables too: where each is written, how long it is live, and who reads it.
        source: Print the Python text of the program too.
        json: Print JSON, for machines.
    """
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.model_view import model_data, model_view
    from groundtruth.specs import find_model

    model = find_model(name)
    circuit = model.circuit(ablation=ablation, lengths=lengths)
    tokens = None if input is None else tokens_of(model.domain.vocab, input)
    if json:
        print_json(model_data(model, circuit, tokens, variables=variables))
    else:
        echo(model_view(model, circuit, tokens, every_edge=edges, source=source, variables=variables))


def tokens_of(vocab: tuple[object, ...], text: str) -> list[object]:
    """Tokens as a user writes them, separated by spaces or commas; what is no token stays text and is refused later."""
    known = {str(token): token for token in vocab}
    return [known.get(word, word) for word in text.replace(",", " ").split()]


def compile(
    spec: str,
    /,
    *,
    out: Annotated[Path | None, Parameter(help="Write the model and its proven circuits to this folder.")] = None,
    json: AsJson = False,
) -> None:
    """Compile a program, check it against itself on its whole domain, and prove its circuit.

    Args:
        spec: my_file.py:my_program, or a program of the library.
        out: Write the model and its proven circuits to this folder.
        json: Print JSON, for machines.
    """
    from groundtruth.compiler.compile_program import compile as compile_program
    from groundtruth.programs import get, load_program
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.listings import compiled_view
    from groundtruth.report.views.model_view import model_data
    from groundtruth.specs import is_file_spec

    if out is not None:
        require_writable(out)
    model = compile_program(load_program(spec) if is_file_spec(spec) else get(spec))
    circuit = model.circuit()
    if out is not None:
        model.save(out)
    if json:
        print_json(model_data(model, circuit, None))
    else:
        echo(compiled_view(model, circuit, out))


def verify(*names: str, jobs: Jobs = None, json: AsJson = False) -> int:
    """Re-prove weights = program and the status of every edge, from the stored models alone.

    Args:
        names: Shipped models, variants such as hist@rotated, or folders; all that ships if none is named.
        jobs: Processes; by default one a CPU. Fewer take less memory.
        json: Print JSON, for machines.
    """
    from groundtruth.model import load
    from groundtruth.report.progress import tracked
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.verifications import verification_data, verifications_table
    from groundtruth.store.catalog import shipped, shipped_variants, stored
    from groundtruth.truth.verify import verify_many

    wanted = flat(names)
    for name in wanted:
        if stored(name) is None and not Path(name).is_dir():
            load(name)  # an unknown name is bad input, not a failed proof
    wanted = wanted or [*shipped(), *shipped_variants()]
    found = list(tracked("verifying", verify_many(wanted, processes=jobs or os.cpu_count() or 1), total=len(wanted)))
    if json:
        print_json(verification_data(found))
    else:
        echo(verifications_table(found))
    return 0 if all(outcome.ok for outcome in found) else 1
