"""Text of a failed assertion: the program, the input, the first wrong edge, and a line that repeats it."""

import inspect
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

import torch

from groundtruth.generated.original_program import generator_code, program_lines
from groundtruth.model import CompiledModel
from groundtruth.truth.circuits.circuit import Witness
from groundtruth.truth.circuits.cut_edge import cut_output
from groundtruth.truth.circuits.prover import ground
from mib.graph import Edge

_TRIES = 3000
"""Cuts that are run to find a smaller input than the stored witness."""

_FEW_INPUTS = 120
"""Inputs whose pairs are sorted by size: more pairs than are tried, and no more than can be sorted in a moment."""

_WIDTH = 84
"""Width of a line of a command; with its label and its sign of continuation, 100 columns."""


class MethodFailure(AssertionError):
    """A method that does not do what must hold of it.

    Attributes:
        headline: The failure in one line.
    """

    def __init__(self, headline: str, lines: list[tuple[str, str]]) -> None:
        self.headline = headline
        width = max((len(label) for label, _ in lines), default=0) + 2
        indent = "\n" + " " * (width + 2)
        told = [f"  {label:<{width}}" + text.replace("\n", indent) for label, text in lines]
        super().__init__("\n".join([headline, *told]))


class DoesNotApply(Exception):
    """A property that cannot be asked of a method at some place, because there it has not what it needs."""


def program_text(model: CompiledModel) -> str:
    """Write a model's program, a line a variable."""
    return "\n".join(map(str, program_lines(model)))


def model_spec(model: CompiledModel) -> str:
    """Write the name that the command line has for a model."""
    if (code := generator_code(model)) and not model.recipe:
        return f"gen:{code}"
    stored = model.folder is not None and model.folder.parent.name != "compiled_models"
    return str(model.folder) if stored else model.name


def method_spec(function: object, name: str) -> str:
    """Write how the command line names a method: a registered one by name, a user's by file and function."""
    module = getattr(function, "__module__", "")
    file = inspect.getsourcefile(function) if inspect.isfunction(function) else None
    if module.startswith("mib.") or file is None:
        return name
    path = Path(file)
    with suppress(ValueError):
        path = path.relative_to(Path.cwd())
    return f"{path}:{getattr(function, '__name__', name)}"


def command(*parts: str) -> str:
    """Write a line for the shell, broken between its parts where it is too long for a screen."""
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + 1 + len(part) <= _WIDTH:
            lines[-1] += f" {part}"
        else:
            lines.append(part)
    return " \\\n  ".join(lines)


def smallest_witness(model: CompiledModel, edge: Edge, ablation: str, lengths: str) -> Witness | None:
    """Search for the shortest input, and counterfactual, on which cutting a live edge changes the output.

    Args:
        model: A compiled model.
        edge: An edge of its graph.
        ablation: Kind of value that the edge carries when it is cut.
        lengths: Lengths of the inputs.

    Returns:
        The edge's stored witness where none is found in a few thousand cuts; ``None`` if it has none.
    """
    known = model.circuit(ablation, lengths)[edge].witness
    base = ground(model, ablation, lengths)
    for row, other in islice(_by_size(base.inputs, pairs=ablation == "resample"), _TRIES):
        cut = cut_output(base.runs, edge, row, other)
        counts = base.runs.counts[row]
        if bool((model.decoder.differ(cut, base.runs.codes[row]) & counts).any()):
            decode = model.decoder.decode
            return Witness(
                clean=tuple(base.inputs[row]),
                counterfactual=tuple(base.inputs[other]) if ablation == "resample" else None,
                output=tuple(decode(base.runs.codes[row][counts])),
                cut_output=tuple(decode(torch.as_tensor(cut)[counts])),
            )
    return known


def spell_witness(witness: Witness) -> str:
    """Write a witness in one line."""
    other = "" if witness.counterfactual is None else f"   counterfactual {_spell(witness.counterfactual)}"
    return f"{_spell(witness.clean)}{other}   output {_spell(witness.output)}, cut: {_spell(witness.cut_output)}"


def _spell(values: Sequence[object]) -> str:
    return " ".join("–" if value is None else str(value) for value in values)


def _by_size(inputs: Sequence[Sequence[object]], *, pairs: bool) -> list[tuple[int, int]]:
    """Order inputs by their number of tokens, those with the fewest first.

    Args:
        inputs: Inputs, of which the first few are taken.
        pairs: True to pair each with every other one; else with 0, as one replacement serves all inputs.
    """
    few = range(min(len(inputs), _FEW_INPUTS))
    if not pairs:
        return sorted(((row, 0) for row in few), key=lambda pair: len(inputs[pair[0]]))
    every = ((row, other) for row in few for other in few if row != other)
    return sorted(every, key=lambda pair: len(inputs[pair[0]]) + len(inputs[pair[1]]))
