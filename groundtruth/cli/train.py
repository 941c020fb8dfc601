"""The command that trains a transformer on a program by a known circuit, and certifies it."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from groundtruth.cli.options import AsJson, print_json, require_writable

Counted = Annotated[int | None, Parameter(validator=Number(gte=1))]
Layers = Annotated[int | None, Parameter(validator=Number(gte=1, lte=4))]


def train(
    program: str,
    /,
    *,
    vocab: str | None = None,
    length: Counted = None,
    kind: Literal["free", "wired", "scratch", "sparse"] = "free",
    style: Literal["gpt2", "llama"] = "gpt2",
    layers: Layers = None,
    heads: Annotated[int, Parameter(validator=Number(gte=1, lte=8))] = 4,
    width: Counted = None,
    norm: bool | None = None,
    copies: Literal["none", "vote", "backup"] = "none",
    spares: Annotated[int, Parameter(validator=Number(gte=0))] = 2,
    seed: int = 0,
    checkpoint: Path | None = None,
    out: Path | None = None,
    json: AsJson = False,
) -> None:
    """Train a transformer to compute a program by a circuit drawn beforehand, and certify that circuit.

    The domain is enumerated: every input, every pair of inputs with every edge cut, and the interchange of every
    variable. A network that is not certified is refused with what failed. With --kind sparse no circuit is drawn: the
    network has few weights and chooses its own, which is enumerated.

    Args:
        program: A program of the library, my_file.py:NAME, my_pkg.my_mod:NAME, or gen:CODE for a generated one.
        vocab: The tokens, such as "1 2 3" or a,b,c; by default all that the program takes.
        length: The length of the inputs; by default the greatest at which there are at most 256 of them.
        kind: free: every weight trained; wired: needless edges absent by algebra; scratch: strict from the first step;
            sparse: few weights, trained on answers alone, with no circuit planned.
        style: gpt2: LayerNorm, GELU, learned positions; llama: RMSNorm, gated SiLU, rotary positions.
        layers: Blocks, 1 to 4; by default as few as the program needs, or 2 if sparse.
        heads: Heads a block.
        width: d_model; by default wide enough for the circuit, at least 64, or 32 if sparse.
        norm: Normalise what destinations read, or read the residual stream as it is; by default unless sparse.
        copies: vote: one expression lives on three heads, of which two suffice; backup: one lives on an MLP, and the
            next MLP sets right what it gets wrong.
        spares: So many heads, at most, are loud on variables that nothing needs.
        seed: Draws the circuit, the weights and the batches.
        checkpoint: A file that the run is kept in as it goes, and continued from if it is there.
        out: Write the model and its certificate to this folder.
        json: Print JSON, for machines.
    """
    if out is not None:
        require_writable(out)
    from groundtruth.cli.training_run import train_as_given
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.certificate_view import certificate_data, certificate_view
    from groundtruth.store.save_trained import save_trained

    sizes = {"style": style, "n_layers": layers, "n_heads": heads, "d_model": width, "norm": norm}
    model = train_as_given(
        program,
        vocab=vocab,
        length=length,
        kind=kind,
        sizes=sizes,
        copies=copies,
        spares=spares,
        seed=seed,
        checkpoint=checkpoint,
    )
    if out is not None:
        save_trained(model, out)
    if json:
        print_json(certificate_data(model))
    else:
        echo(certificate_view(model, out))
