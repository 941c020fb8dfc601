"""Commands that read models of other benchmarks and measure what is claimed of them: import interpbench."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number

from groundtruth.cli.options import AsJson, print_json, require_writable

import_models = App(name="import", help="Read a model of another benchmark, and measure what is claimed of it.")


@import_models.command
def interpbench(
    folder: Path,
    /,
    *,
    program: str,
    vocab: str | None = None,
    measure_vocab: str | None = None,
    measure_length: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    out: Path | None = None,
    json: AsJson = False,
) -> None:
    """Read a folder of InterpBench, and hold the circuit that it claims to an enumeration of its inputs.

    Every edge is cut on every pair of inputs: which claimed edges are live, which edges that are claimed needless
    change an output all the same, what the claimed circuit gives alone, and how often interchanges of its variables are
    right. Nothing in the folder is run: weights are read with weights_only=True, and pickles may name nothing but
    TransformerLens's configuration and dtypes and devices of torch.

    Args:
        folder: A folder with ll_model.pth, ll_model_cfg.pkl, edges.pkl and meta.json; .json may stand for .pkl.
        program: The model's program: one of the library, or my_file.py:NAME or my_pkg.my_mod:NAME, a class with
            get_program included.
        vocab: The tokens that the model was trained on, such as "1 2 3"; by default all that the program takes.
        measure_vocab: Enumerate inputs of these tokens only.
        measure_length: Enumerate inputs of this length; by default the length that the model was trained on.
        out: Write the model, with what was measured as its truth, to this folder: show, explore and score take it.
        json: Print JSON, for machines.
    """
    if out is not None:
        require_writable(out)
    from groundtruth.cli.compile_options import compile_as_given, split_tokens
    from groundtruth.interpbench.import_model import import_interpbench
    from groundtruth.interpbench.model_folder import read_interpbench
    from groundtruth.report.progress import count_up
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.claimed_circuit_view import claimed_circuit_data, claimed_circuit_view
    from groundtruth.store.save_trained import save_trained

    read = read_interpbench(folder)
    length, causal = str(read.config.n_positions - 1), read.config.architecture.causal
    compiled = compile_as_given(program, vocab=vocab, length=length, causal=causal, inputs=None, check_limit=1000)
    with count_up("measuring") as report:
        model = import_interpbench(
            read,
            compiled,
            vocab=None if measure_vocab is None else split_tokens(measure_vocab),
            length=measure_length,
            progress=lambda _, share: report(round(100 * share), 100),
        )
    if out is not None:
        save_trained(model, out)
    if json:
        print_json(claimed_circuit_data(model))
    else:
        echo(claimed_circuit_view(model, out))
