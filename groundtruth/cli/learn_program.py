"""The command that learns a program by gradient descent and writes it as a Python file."""

import inspect
import shlex
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from groundtruth.cli.options import AsJson, Seed, print_json, require_writable

Several = Annotated[int, Parameter(validator=Number(gte=0, lte=8))]


def learn_program(
    task: str,
    /,
    *,
    out: Path | None = None,
    vocab: str | None = None,
    length: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    layers: Annotated[int, Parameter(validator=Number(gte=1, lte=4))] = 1,
    lookups: Several = 2,
    counts: Several = 2,
    tables: Several = 2,
    steps: Annotated[int, Parameter(validator=Number(gte=1))] = 600,
    attempts: Annotated[int, Parameter(validator=Number(gte=1))] = 8,
    seed: Seed = 0,
    json: AsJson = False,
) -> None:
    """Learn a program that gives what another gives on every input, and write it as Python that can be compiled.

    Its variables are categories; which of them each head and table reads, whom a head attends to, and what a table
    says is learned. The likeliest choices are tried on every input, and a program that is wrong on one is not written.
    Compile and prove it with `groundtruth compile OUT:NAME`.

    Args:
        task: A program of the library, my_file.py:NAME or my_pkg.my_mod:NAME, that says what to compute.
        out: The Python file to write; without it the text is printed.
        vocab: The tokens, such as "1 2 3" or a,b,c; by default all that the task takes.
        length: The length of the inputs; by default the greatest at which there are at most 256 of them.
        layers: Layers of heads and tables.
        lookups: Heads a layer that copy a value.
        counts: Heads a layer that count the positions that they attend to.
        tables: Tables of two variables a layer.
        steps: Steps of an attempt.
        attempts: So often it is begun anew at most.
        seed: Draws first choices and noise.
        json: Print JSON, for machines.
    """
    if out is not None:
        require_writable(out.parent)
    from groundtruth.cli.compile_options import split_tokens
    from groundtruth.cli.declared_program import find_declared
    from groundtruth.files import write_whole
    from groundtruth.learned_programs.program_search import LearningSettings
    from groundtruth.learned_programs.program_search import learn_program as search
    from groundtruth.learned_programs.soft_program import ProgramSizes
    from groundtruth.learned_programs.write_program import learned_name, program_text
    from groundtruth.report.progress import count_up
    from groundtruth.report.terminal import echo
    from groundtruth.trained.prepare_network import fixed_length

    wanted = find_declared(task)
    with count_up("learning") as report:
        learned = search(
            wanted,
            fixed_length(wanted.domain, vocab=None if vocab is None else split_tokens(vocab), max_seq_len=length),
            sizes=ProgramSizes(layers, lookups, counts, tables),
            settings=LearningSettings(steps, attempts),
            seed=seed,
            progress=lambda attempt, step, right: report(attempt * steps + step, attempts * steps),
        )
    asked = {"length": length, "vocab": vocab, "layers": layers, "lookups": lookups, "counts": counts, "tables": tables}
    text = program_text(learned, command=_command(task, asked | {"steps": steps, "attempts": attempts}, seed))
    if out is not None:
        write_whole(out, text.encode())
    name, domain, n_steps = learned_name(learned), learned.program.domain, len(learned.program.steps)
    if json:
        print_json({"name": name, "inputs": domain.size, "steps": n_steps, "attempts": learned.attempts, "text": text})
    elif out is None:
        echo(text)
    else:
        echo(
            f"{name}: {n_steps} steps, equal to {wanted.name} on all {domain.size} inputs (attempt {learned.attempts})"
        )
        echo(f"groundtruth compile {out}:{name}")


def _command(task: str, asked: dict[str, int | str | None], seed: int) -> str:
    """Write the command line that learns the program again: options that differ from their defaults, and the seed."""
    defaults = inspect.signature(learn_program).parameters
    options = [
        f" --{name} {shlex.quote(str(value))}" for name, value in asked.items() if value != defaults[name].default
    ]
    return f"groundtruth learn-program {task}{''.join(options)} --seed {seed}"
