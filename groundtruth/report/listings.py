"""Lists: programs, models, methods, and the outcome of a compile."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from groundtruth.circuit import Circuit
from groundtruth.errors import DomainError
from groundtruth.model import CompiledModel
from groundtruth.programs.registry import Program
from groundtruth.report import style
from mib.errors import did_you_mean
from mib.localization import Localizer


def programs_table(programs: Sequence[Program]) -> RenderableType:
    """One line a program, by family."""
    table = style.table("program", "family", "description", "inputs", right=("inputs",))
    for program in sorted(programs, key=lambda program: (program.family, program.name)):
        size = program.domain.size
        inputs = "many" if size is None else f"{size:,}"
        table.add_row(Text(program.name, "name"), program.family, program.description, inputs)
    return Group(table, _hint(style.plural(len(programs), "program"), "groundtruth show NAME"))


def program_data(program: Program) -> dict[str, Any]:
    """A program as JSON has it."""
    domain = program.domain
    return {
        "name": program.name,
        "family": program.family,
        "description": program.description,
        "vocabulary": list(domain.vocab),
        "min_seq_len": domain.min_seq_len,
        "max_seq_len": domain.max_seq_len,
        "rule": domain.valid_text or None,
        "inputs": domain.size,
        "causal": program.causal,
        "pad_safe": program.pad_safe,
        "source": program.source,
        "rasp_source": program.rasp_source,
    }


def of_family(models: Sequence[Mapping[str, Any]], family: str | None) -> list[Mapping[str, Any]]:
    """The models of one family.

    Raises:
        DomainError: If there is none; the message offers the closest names.
    """
    families = sorted({model["family"] for model in models})
    if family is not None and family not in families:
        hint = did_you_mean(family, families)
        raise DomainError(f"unknown family '{family}'.{hint} Choose from {', '.join(families)}.")
    return [model for model in models if family in (None, model["family"])]


def models_table(models: Sequence[Mapping[str, Any]]) -> RenderableType:
    """One line a model: sizes, and how many edges are live under resample and zero ablation."""
    right = ("layers", "heads", "d_model", "edges", "live", "zero")
    table = style.table("model", "family", "description", *right, right=right)
    for model in sorted(models, key=lambda model: (model["family"], model["name"])):
        live = model["live"]
        sizes = [str(model[key]) for key in ("layers", "heads", "d_model")]
        counts = [f"{model['edges']:,}", _live(live, "resample"), _live(live, "zero")]
        table.add_row(Text(model["name"], "name"), model["family"], model["description"], *sizes, *counts)
    legend = "live, zero: live edges under resample and zero ablation"
    return Group(table, _hint(f"{style.plural(len(models), 'model')} · {legend}", "groundtruth show NAME"))


def _live(live: Mapping[str, int], ablation: str) -> str:
    found = [live[key] for key in (f"{ablation}/mixed", f"{ablation}/fixed") if key in live]
    return str(found[0]) if found else "–"


def methods_table(methods: Sequence[Localizer]) -> RenderableType:
    """One line a method: what it scores, what it costs, where it is from."""
    table = style.table("method", "level", "cost", "description", "source")
    for method in methods:
        levels = ", ".join(method.levels)
        table.add_row(Text(method.name, "name"), levels, method.cost, method.description, Text(method.source, "faint"))
    legend = "F, B: forward and backward passes over the data; E edges, N nodes, L layers"
    return Group(
        table,
        _hint(f"{style.plural(len(methods), 'method')} · {legend}", "groundtruth bench --methods NAME,NAME"),
    )


def method_data(method: Localizer) -> dict[str, Any]:
    """A method as JSON has it."""
    return {
        "name": method.name,
        "description": method.description,
        "levels": list(method.levels),
        "ablations": list(method.ablations),
        "cost": method.cost,
        "source": method.source,
        "parameters": {name: _plain(value) for name, value in method.parameters.items()},
    }


def compiled_view(model: CompiledModel, circuit: Circuit, folder: Path | None) -> RenderableType:
    """That a program was compiled, how it was checked, and what its circuit is."""
    w = model.weights
    sizes = f"{style.plural(w.n_layers, 'layer')} x {style.plural(w.n_heads, 'head')} · d_model {w.d_model}"
    lines = [
        Text.assemble((model.name, "name"), f"  {sizes} · {model.domain}"),
        Text.assemble(("checked  ", "faint"), f"equal to its program on {model.check}"),
        Text.assemble(("circuit  ", "faint"), str(circuit)),
    ]
    if folder is not None:
        lines.append(Text.assemble(("written  ", "faint"), f"{folder}  (groundtruth show {folder})"))
    return Group(*lines)


def _hint(text: str, command: str) -> Text:
    return Text.assemble((f"{text} · ", "faint"), command)


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
