"""Lists: programs, models, methods, and the outcome of a compile."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from groundtruth.errors import DomainError
from groundtruth.report import notation
from groundtruth.report.fitted_table import FittedTable
from groundtruth.report.terminal import fact_table
from mib.counted_nouns import layers_by_heads
from mib.errors import did_you_mean

if TYPE_CHECKING:  # a list of programs needs no torch
    from groundtruth.model import CompiledModel
    from groundtruth.programs.registry import Program
    from groundtruth.truth.circuits.circuit import Circuit
    from mib.featurization import FeaturizerMethod
    from mib.localization import Localizer

GOES = ("d_model", "zero", "L x H", "edges")
"""Columns of a list of models that are left out where room ends, in this order."""


def programs_table(programs: Sequence[Program]) -> RenderableType:
    """One line a program, below its family."""
    rows = [
        (p.family, p.name, p.description, "many" if p.domain.size is None else f"{p.domain.size:,}") for p in programs
    ]
    table = _by_family(rows, "description", "inputs", right=("inputs",))
    return Group(table, _hint(notation.plural(len(programs), "program"), "groundtruth show NAME"))


def _by_family(
    rows: Sequence[tuple[str, ...]], *columns: str, right: Sequence[str], goes: Sequence[str] = ()
) -> FittedTable:
    """A table with a section a family.

    Args:
        rows: Family, name, and an entry a column.
        columns: Their headings.
        right: Columns whose entries are aligned on the right.
        goes: Columns to leave out where room ends, in this order.
    """
    table = fact_table("", *columns, right=right, wraps=columns[:1], goes=goes)
    for family, members in groupby(sorted(rows, key=lambda row: row[:2]), key=lambda row: row[0]):
        table.add_row(Text(family, "heading"))
        for _, name, *entries in members:
            table.add_row(Text(f"  {name}", "name"), *entries)
    return table


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


def of_tier(variants: Sequence[str], tier: str, *, known: Sequence[str] = ()) -> list[str]:
    """The variants of one tier.

    Args:
        variants: Names such as ``hist@rotated``.
        tier: One tier.
        known: Further tiers that could have been asked for.

    Raises:
        DomainError: If there is none; the message offers the closest names.
    """
    tiers = sorted({name.partition("@")[2] for name in variants} | {*known})
    found = [name for name in variants if name.partition("@")[2] == tier]
    if not found:
        raise DomainError(f"unknown tier '{tier}'.{did_you_mean(tier, tiers)} Choose from {', '.join(tiers)}.")
    return found


def models_table(models: Sequence[Mapping[str, Any]]) -> RenderableType:
    """One line a model, below its family: sizes, and how many edges are live under resample and zero ablation."""
    right = ("L x H", "d_model", "edges", "live", "zero")
    rows = [
        (
            model["family"],
            model["name"],
            model["description"],
            f"{model['layers']} x {model['heads']}",
            str(model["d_model"]),
            f"{model['edges']:,}",
            _live(model["live"], "resample"),
            _live(model["live"], "zero"),
        )
        for model in models
    ]
    legend = "L x H: layers x heads; live, zero: live edges under resample and zero ablation"
    found = Text(f"{notation.plural(len(models), 'model')} · {legend}", "faint")
    return Group(_by_family(rows, "description", *right, right=right, goes=GOES), found, Text("groundtruth show NAME"))


def _live(live: Mapping[str, int], ablation: str) -> str:
    found = [live[key] for key in (f"{ablation}/mixed", f"{ablation}/fixed") if key in live]
    return str(found[0]) if found else "–"


def methods_table(methods: Sequence[Localizer]) -> RenderableType:
    """Say what each method scores and costs; below that what it does and where it is from."""
    parts: list[RenderableType] = []
    for method in methods:
        parts.append(Text.assemble((method.name, "name"), f"  {', '.join(method.levels)} · {method.cost}"))
        parts.append(Padding(Text(method.description).append(f" {method.source}", "faint"), (0, 0, 0, 4)))
    legend = "F, B: forward and backward passes over the data; E edges, N nodes, L layers, m steps"
    parts.append(Text(f"\n{notation.plural(len(methods), 'method')} · {legend}", "faint"))
    levels = {level for method in methods for level in method.levels}
    for_all = not methods or all("edge" in method.levels for method in methods)
    option = "" if for_all else f" --level {'LEVEL' if len(levels) > 1 else levels.pop()}"
    return Group(*parts, Text(f"groundtruth bench --methods NAME,NAME{option}"))


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


def featurizers_table(methods: Sequence[FeaturizerMethod]) -> RenderableType:
    """Say what each featurization method finds and costs; below that what it does and where it is from."""
    parts: list[RenderableType] = []
    for method in methods:
        kind = "subspace" if method.linear else "features, no subspace"
        needs = f" · needs {', '.join(method.needs)}" if method.needs else ""
        parts.append(Text.assemble((method.name, "name"), f"  {kind} · {method.cost}{needs}"))
        parts.append(Padding(Text(method.description).append(f" {method.source}", "faint"), (0, 0, 0, 4)))
    legend = "F, B: forward and backward passes from the site on"
    parts.append(Text(f"\n{notation.plural(len(methods), 'method')} · {legend}", "faint"))
    return Group(*parts, Text("groundtruth bench --track variables --methods NAME,NAME"))


def featurizer_data(method: FeaturizerMethod) -> dict[str, Any]:
    """A featurization method as JSON has it."""
    return {
        "name": method.name,
        "description": method.description,
        "linear": method.linear,
        "needs": list(method.needs),
        "cost": method.cost,
        "source": method.source,
        "parameters": {name: _plain(value) for name, value in method.parameters.items()},
    }


@dataclass(frozen=True)
class MethodListing:
    """How the methods of a track are listed.

    Attributes:
        table: Lists some methods for a reader.
        data: Writes one method as JSON has it.
    """

    table: Callable[[Sequence[Any]], RenderableType]
    data: Callable[[Any], dict[str, Any]]


LISTED_METHODS: Mapping[str, MethodListing] = {
    "circuits": MethodListing(methods_table, method_data),
    "variables": MethodListing(featurizers_table, featurizer_data),
}
"""Functions that list the methods of each track."""


def compiled_view(model: CompiledModel, circuit: Circuit, folder: Path | None) -> RenderableType:
    """Say that a program was compiled, how it was checked, and what its circuit is."""
    w = model.weights
    sizes = f"{layers_by_heads(w.n_layers, w.n_heads)} · d_model {w.d_model}"
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


def variant_data(variant: CompiledModel) -> dict[str, Any]:
    """A shipped variant as JSON has it."""
    from groundtruth.truth.circuits.circuit import ABLATIONS  # which needs torch

    base, _, tier = variant.name.partition("@")
    return {
        "name": variant.name,
        "model": base,
        "tier": tier,
        "certainty": variant.certainty,
        "layers": variant.weights.n_layers,
        "heads": variant.weights.n_heads,
        "d_model": variant.weights.d_model,
        "edges": len(variant.graph.edges),
        "live": {ablation: len(variant.circuit(ablation).edges) for ablation in ABLATIONS},
        "recipe": [str(step) for step in variant.recipe],
    }


def variants_table(variants: Sequence[Mapping[str, Any]]) -> RenderableType:
    """One line a variant: its sizes, how certain its truth is, and how many edges are live."""
    right = ("L x H", "d_model", "edges", "live", "zero")
    table = fact_table("variant", "truth", *right, right=right, goes=GOES)
    for variant in variants:
        live = variant["live"]
        sizes = (f"{variant['layers']} x {variant['heads']}", str(variant["d_model"]), f"{variant['edges']:,}")
        mark = Text(variant["certainty"], "warn" if variant["certainty"] == "measured" else "faint")
        table.add_row(Text(variant["name"], "name"), mark, *sizes, str(live["resample"]), str(live["zero"]))
    n_measured = sum(variant["certainty"] == "measured" for variant in variants)
    told = (
        f"{notation.plural(len(variants), 'variant')}, {n_measured} of them in superposition: live by witness, "
        "the rest measured"
    )
    trained = "trained models have the variants that keep their function, made when asked for"
    return Group(table, _hint(told, "groundtruth show NAME"), _hint(trained, "groundtruth show hist@free-0@rotated"))


def trained_table(models: Sequence[Mapping[str, Any]]) -> RenderableType:
    """One line a trained model: its architecture, live edges, margin, and how right interchanges of variables are."""
    right = ("inputs", "edges", "live", "margin", "IIA")
    table = fact_table("trained", "kind", "architecture", *right, right=right, goes=("inputs", "architecture", "kind"))
    for model in models:
        table.add_row(
            Text(model["name"], "name"),
            Text(model["kind"], "faint"),
            _shape(model),
            f"{model['inputs']:,}",
            f"{model['edges']:,}",
            str(model["live"]["resample"]) + ("+" if model["redundant"]["resample"] else ""),
            notation.number(model["margin"]),
            notation.number(model["interchange_accuracy"], digits=3),
        )
    kind = "model" if all(model["kind"] == "compiled" for model in models) else "trained model"
    told = (
        f"{notation.plural(len(models), kind)}, circuits certified by running every pair of inputs · "
        "live: under resample ablation, +: more are needed together · margin: of the right logit, at least · "
        "IIA: of the worst variable"
    )
    return Group(table, _hint(told, "groundtruth show NAME"))


def _shape(model: Mapping[str, Any]) -> str:
    return f"{model['architecture'].partition(',')[0]} {model['layers']} x {model['heads']}, d {model['d_model']}"
