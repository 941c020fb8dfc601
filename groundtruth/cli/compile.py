"""The command that compiles a program and proves its circuit."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from groundtruth.cli.options import AsJson, print_json, require_writable


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
