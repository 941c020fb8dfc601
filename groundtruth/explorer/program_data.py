"""A program as the page runs it: tables of its functions, and what its compiled model can hold when intervened on."""

from collections.abc import Iterable, Sequence
from typing import Any

from tracr.rasp import rasp

from groundtruth.generated.original_program import program_lines
from groundtruth.model import KnownModel
from groundtruth.programs.formulas import listing
from groundtruth.rasp.expressions import canonical, children_first, readable_names
from groundtruth.rasp.infer_values import tabulate as listed_values
from groundtruth.rasp.interning import written_at_bos
from groundtruth.store.json_values import pack
from groundtruth.store.tabulate import tabulate
from groundtruth.trained.trained_model import TrainedModel


def program_data(model: KnownModel, inputs: Iterable[Sequence[Any]]) -> dict[str, Any]:
    """A program as JSON.

    Args:
        model: The model.
        inputs: Those whose intermediate values the tables must know.

    Returns:
        ``output``: the label of the output. ``expressions``: each after all that it is computed from, as the store
        writes them, with ``formula`` and the readable ``name``; tables of two arguments are grids. ``at_bos``: labels
        of the expressions that may be written at BOS. ``bins``: for each Map over numbers those that its neurons tell
        apart.
    """
    program = model.program
    table = tabulate(program, inputs, max_seq_len=model.domain.max_seq_len, causal=model.causal)
    written = [] if isinstance(model, TrainedModel) else program_lines(model)
    formulas = {line.name: line.formula for line in [*listing(program), *written]}
    names = readable_names(program)
    sops = {e.label: e for e in children_first(program) if isinstance(e, rasp.SOp)}
    return {
        "output": table["output"],
        "expressions": [_expression(entry, names, formulas) for entry in table["expressions"]],
        "at_bos": sorted(written_at_bos(sops)),
        "bins": _bins(model, sops),
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


def _bins(model: KnownModel, sops: dict[str, rasp.SOp]) -> dict[str, list[Any]]:
    over_numbers = {
        label: sop for label, sop in sops.items() if isinstance(sop, rasp.Map) and rasp.is_numerical(sop.inner)
    }
    if not over_numbers:
        return {}
    listed = listed_values(canonical(model.program), model.domain.vocab, model.domain.max_seq_len)
    return {
        label: sorted({pack(number) for number in listed[sop.inner.label] if _has_value(sop, number)})
        for label, sop in over_numbers.items()
    }


def _has_value(sop: rasp.Map, number: Any) -> bool:
    try:
        return sop.f(number) is not None
    except Exception:  # whatever a program's own function raises: it has no value there
        return False
