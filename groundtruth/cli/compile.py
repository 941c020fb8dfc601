"""The command that compiles a program and proves its circuit."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from groundtruth.cli.options import AsJson, print_json, require_writable


def compile(
    spec: str,
    /,
    *,
    vocab: str | None = None,
    length: str | None = None,
    causal: bool | None = None,
    inputs: Path | None = None,
    check_limit: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    out: Path | None = None,
    json: AsJson = False,
) -> None:
    """Compile a program, check it against itself on its whole domain, and prove its circuit.

    Args:
        spec: A program of the library, or my_file.py:NAME or my_pkg.my_mod:NAME: a declared program, an S-Op, a
            function that makes one from no arguments, or a class with get_program (and get_vocab).
        vocab: The tokens, such as "1 2 3" or a,b,c; numbers if all of them are. A declared program brings its own.
        length: The longest input, such as 5, or the shortest and the longest, such as 2-5.
        causal: True if attention sees only the past.
        inputs: A file with the inputs themselves, one a line, tokens separated by spaces or commas.
        check_limit: Check at most so many inputs; 50,000 by default, and all of a domain that has no more.
        out: Write the model and its proven circuits to this folder.
        json: Print JSON, for machines.
    """
    if out is not None:
        require_writable(out)
    from groundtruth.cli.compile_options import compile_as_given
    from groundtruth.report.progress import working
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.listings import compiled_view
    from groundtruth.report.views.model_view import model_data

    model = compile_as_given(spec, vocab=vocab, length=length, causal=causal, inputs=inputs, check_limit=check_limit)
    with working(f"proving the circuit of {model.name}"):
        circuit = model.circuit()
        if out is not None:
            model.save(out)
    if json:
        print_json(model_data(model, circuit, None))
    else:
        echo(compiled_view(model, circuit, out))
