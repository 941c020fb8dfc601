"""The command that trains a transformer on a program by a known circuit, and certifies it."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from groundtruth.cli.options import AsJson, print_json

At_least_one = Annotated[int | None, Parameter(validator=Number(gte=1))]


def train(
    program: str,
    /,
    *,
    vocab: str | None = None,
    length: At_least_one = None,
    kind: Literal["free", "wired", "scratch"] = "free",
    style: Literal["gpt2", "llama"] = "gpt2",
    layers: At_least_one = None,
    heads: Annotated[int, Parameter(validator=Number(gte=1, lte=8))] = 4,
    width: At_least_one = None,
    norm: bool = True,
    copies: Literal["none", "vote"] = "none",
    spares: Annotated[int, Parameter(validator=Number(gte=0))] = 2,
    seed: int = 0,
    checkpoint: Path | None = None,
    json: AsJson = False,
) -> None:
    """Train a transformer to compute a program by a circuit drawn beforehand, and certify that circuit.

    The domain is enumerated: every input, every pair of inputs with every edge cut, and the interchange of every
    variable. A network that is not certified is refused with what failed.

    Args:
        program: A program of the library, or my_file.py:NAME.
        vocab: The tokens, such as "1 2 3" or a,b,c; by default all that the program takes.
        length: The length of the inputs; by default the greatest at which there are at most 256 of them.
        kind: free: every weight trained; wired: needless edges absent by algebra; scratch: strict from the first step.
        style: gpt2: LayerNorm, GELU, learned positions; llama: RMSNorm, gated SiLU, rotary positions.
        layers: Blocks, 1 to 4; by default as few as the program needs.
        heads: Heads a block.
        width: d_model; by default wide enough for the circuit, at least 64.
        norm: Whether destinations normalise what they read.
        copies: vote: one expression lives on three heads, of which two suffice.
        spares: So many heads, at most, are loud on variables that nothing needs.
        seed: Draws the circuit, the weights and the batches.
        checkpoint: A file that the run is kept in as it goes, and continued from if it is there.
        json: Print JSON, for machines.
    """
    from groundtruth.cli.training_run import train_as_given
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.certificate_view import certificate_data, certificate_view

    model = train_as_given(
        program,
        vocab=vocab,
        length=length,
        kind=kind,
        style=style,
        layers=layers,
        heads=heads,
        width=width,
        norm=norm,
        copies=copies,
        spares=spares,
        seed=seed,
        checkpoint=checkpoint,
        quiet=json,
    )
    if json:
        print_json(certificate_data(model))
    else:
        echo(certificate_view(model))
