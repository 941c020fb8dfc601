"""A program as the page runs it: tables of its functions, and what its model can hold when intervened on."""

from collections.abc import Iterable, Sequence
from typing import Any

from groundtruth.generated.original_program import program_lines
from groundtruth.model import KnownModel
from groundtruth.programs.formulas import listing
from groundtruth.rasp.compiled_program import CompiledProgram
from groundtruth.rasp.expressions import readable_names
from groundtruth.rasp.interning import NumberedProgram
from groundtruth.store.json_values import pack
from groundtruth.store.tabulate import tabulate
from groundtruth.trained.trained_model import TrainedModel


def program_data(model: KnownModel, inputs: Iterable[Sequence[Any]]) -> dict[str, Any]:
    """A program as JSON.

    Args:
        model: The model.
        inputs: Inputs whose intermediate values the tables must know.

    Returns:
        ``output``: the label of the output. ``expressions``: each after all that it is computed from, as the store
        writes them, with ``formula`` and the readable ``name``; tables of two arguments are grids. ``held``: of a
        compiled model what bounds the values that it can hold, else ``None``: ``at_bos``, labels of the expressions
        that may be written at BOS, and ``bins``, for each Map over numbers those that its neurons tell apart.
    """
    program = model.program
    table = tabulate(program, inputs, max_seq_len=model.domain.max_seq_len, causal=model.causal)
    written = [] if isinstance(model, TrainedModel) else program_lines(model)
    formulas = {line.name: line.formula for line in [*listing(program), *written]}
    names = readable_names(program)
    return {
        "output": table["output"],
        "expressions": [_expression(entry, names, formulas) for entry in table["expressions"]],
        "held": _held(model.numbered_program()),
        "source": model.rasp_source,
    }


def _expression(entry: dict[str, Any], names: dict[str, str], formulas: dict[str, str]) -> dict[str, Any]:
    found = {key: value for key, value in entry.items() if key not in ("id", "table", "numbers", "clean_at_bos")}
    if (name := names.get(entry["label"])) is not None:
        found |= {"name": name, "formula": formulas.get(name, "")}
    rows = entry.get("table")
    if rows is None:
        return found
    return found | ({"table": rows} if entry["kind"] == "map" else {"grid": _grid(rows)})


def _grid(rows: list[list[Any]]) -> dict[str, Any]:
    """A table of two arguments: the values of each, and for each pair which result it has (-1: none)."""
    left, right, results = ({repr(row[i]): row[i] for row in rows} for i in range(3))
    known = {(repr(x), repr(y)): repr(z) for x, y, z in rows}
    code = {text: index for index, text in enumerate(results)}
    return {
        "left": list(left.values()),
        "right": list(right.values()),
        "results": list(results.values()),
        "codes": [code[known[x, y]] if (x, y) in known else -1 for x in left for y in right],
    }


def _held(program: NumberedProgram) -> dict[str, Any] | None:
    if not isinstance(program, CompiledProgram):
        return None
    bins = {label: sorted({pack(number) for number in numbers}) for label, numbers in program.bins.items()}
    return {"at_bos": sorted(program.at_bos), "bins": bins}
