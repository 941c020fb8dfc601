"""The table of the ladder: methods by rungs, and in words where each falls."""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from groundtruth.bench.ladder import RUNGS, Climb, climbs, rungs_of
from groundtruth.bench.results import Result
from groundtruth.hardening.ladder import LADDER, RAW, SUPERPOSED
from groundtruth.localizing.exam import ORACLE
from groundtruth.localizing.ranking import RESOLUTION
from groundtruth.report import style
from groundtruth.report.words import skipped_in_words

FALL = 0.1
"""A method that loses this much AUROC on a rung is said to fall there."""

MISLED = 5
"""Of how many methods that fall on a rung the names are given."""


DESCRIBED: Mapping[str, str] = {rung.name: rung.description for rung in (*LADDER.values(), SUPERPOSED)}


def ladder_report(result: Result) -> RenderableType:
    """One table an ablation, with what it means in words."""
    return Group(*(part for ablation in result.ablations for part in _of_ablation(result, ablation)))


def _of_ablation(result: Result, ablation: str) -> Iterator[RenderableType]:
    found, rungs = climbs(result, ablation), rungs_of(result)
    models = dict.fromkeys(model for climb in found for model in climb.models)
    yield Text.assemble(
        ("The ladder", "heading"),
        f" · AUROC over {style.plural(len(models), 'model')} · ",
        (ablation, "name"),
        " ablation",
    )
    yield ladder_table(found, rungs)
    for rung in rungs[1:]:
        yield Text.assemble((f"{rung}: ", "name"), (f"{DESCRIBED[rung]}{_on_fewer(found, rung)}", "faint"))
    words = [*skipped_in_words(result, ablation), *falls_in_words(found, rungs), *residues_in_words(found, rungs)]
    yield Padding(Group(*words), (0, 0, 1, 0))


def ladder_table(found: Sequence[Climb], rungs: Sequence[str] = RUNGS) -> Table:
    """Methods by rungs: the mean over models and its spread; the best bold, what fell from the first in colour."""
    made = style.table("method", *rungs, right=rungs, padding=(0, 1, 0, 0))
    best = {rung: _best(found, rung) for rung in rungs}
    for climb in found:
        cells = [_method(climb)]
        for rung in rungs:
            is_best = climb.method != ORACLE and style.number(climb.auroc[rung]) == best[rung]
            colour = "best" if is_best else "bad" if fall(climb, rung) >= FALL else ""
            cells.append(Text(entry(climb, rung), colour))
        made.add_row(*cells, style="faint" if climb.method == ORACLE else "")
    return made


def entry(climb: Climb, rung: str) -> str:
    """Mean and standard deviation over models, such as ``0.92 ±.12``; the mean alone for one model."""
    several = len(climb.values[rung]) > 1 and climb.auroc[rung] is not None
    spread = f" ±{climb.spread[rung]:.2f}".replace("±0.", "±.") if several else ""
    return style.number(climb.auroc[rung]) + spread


def falls_in_words(found: Sequence[Climb], rungs: Sequence[str] = RUNGS) -> Iterator[Text]:
    """For each rung, which methods lose there, the hardest hit first."""
    for rung in rungs[1:]:
        lost = {climb.method: fall(climb, rung) for climb in found}
        yield _losing(lost, rung) or Text(f"{rung}: no method loses {FALL} AUROC")


def residues_in_words(found: Sequence[Climb], rungs: Sequence[str] = RUNGS) -> Iterator[Text]:
    """For each rung, whose AUROC rests on differences of scores that may be rounding, if any does."""
    for rung in rungs:
        lost = {climb.method: residue(climb, rung) for climb in found}
        told = _losing(lost, f"{rung}, scores rounded to {RESOLUTION:g} of the largest")
        if told is not None:
            yield told


def _losing(lost: Mapping[str, float], where: str) -> Text | None:
    """Which methods lose at least ``FALL``, the hardest hit first; ``None`` if none does."""
    hit = sorted(((loss, method) for method, loss in lost.items() if loss >= FALL), reverse=True)
    if not hit:
        return None
    names = [f"{style.method_name(method)} -{loss:.2f}" for loss, method in hit]
    more = f" and {len(names) - MISLED} more" if len(names) > MISLED else ""
    said = f"{where}: {style.plural(len(names), 'method')} of {len(lost)} lose {FALL} or more: "
    return Text(said + ", ".join(names[:MISLED]) + more)


def fall(climb: Climb, rung: str) -> float:
    """How much AUROC a method has lost on a rung, from the compiled models on; over the models that have both."""
    return _mean_loss(climb.values[RAW], climb.values[rung])


def residue(climb: Climb, rung: str) -> float:
    """How much AUROC a method loses on a rung if scores are rounded to a millionth of the largest."""
    return _mean_loss(climb.values[rung], climb.rounded[rung])


def _mean_loss(before: Mapping[str, float | None], after: Mapping[str, float | None]) -> float:
    pairs = [(before.get(model), value) for model, value in after.items()]
    lost = [first - second for first, second in pairs if first is not None and second is not None]
    return statistics.fmean(lost) if lost else 0.0


def as_markdown(result: Result) -> str:
    """The tables in Markdown, with the words below them: AUROC, AUROC of rounded scores, exact recoveries."""
    parts: list[str] = []
    for ablation in result.ablations:
        found, rungs = climbs(result, ablation), rungs_of(result)
        words = [*skipped_in_words(result, ablation), *falls_in_words(found, rungs), *residues_in_words(found, rungs)]
        title = f"The ladder: AUROC, {ablation} ablation, {_models_in_words(found)}"
        parts.append(f"### {title}\n\n{_markdown(found, rungs, entry)}")
        parts.append("".join(f"- {text.plain}\n" for text in words))
        parts.append(f"AUROC of scores rounded to {RESOLUTION:g} of the largest, {ablation} ablation:\n")
        parts.append(_markdown(found, rungs, lambda climb, rung: style.number(climb.rounded_auroc[rung])))
        parts.append(f"Models whose live edges rank above all others, {ablation} ablation:\n")
        parts.append(_markdown(found, RUNGS, lambda climb, rung: f"{climb.n_exact[rung]}/{len(climb.models)}"))
    return "\n".join(parts)


def _markdown(found: Sequence[Climb], rungs: Sequence[str], shown: Callable[[Climb, str], str]) -> str:
    """Methods by rungs; those on fewer models say on how many."""
    most = max((len(climb.models) for climb in found), default=0)
    lines = [f"| method | {' | '.join(rungs)} |", f"| --- |{' ---: |' * len(rungs)}"]
    for climb in found:
        fewer = f" ({style.plural(len(climb.models), 'model')})" if len(climb.models) < most else ""
        cells = [shown(climb, rung) for rung in rungs]
        lines.append(f"| {style.method_name(climb.method)}{fewer} | {' | '.join(cells)} |")
    return "".join(f"{line}\n" for line in lines)


def _models_in_words(found: Sequence[Climb]) -> str:
    """On how many models, and which."""
    models = list(dict.fromkeys(model for climb in found for model in climb.models))
    return f"{style.plural(len(models), 'model')} ({', '.join(sorted(models))})"


def _method(climb: Climb) -> Text:
    failed = sum(climb.n_failed.values())
    text = Text(style.method_name(climb.method))
    return text.append(f" ({failed} failed)", "bad") if failed else text


def _best(found: Sequence[Climb], rung: str) -> str:
    values = [value for climb in found if climb.method != ORACLE and (value := climb.auroc[rung]) is not None]
    return style.number(max(values)) if values else ""


def _on_fewer(found: Sequence[Climb], rung: str) -> str:
    """How many of the models have a rung that not all have."""
    with_it = {model for climb in found for model in climb.values[rung]}
    models = {model for climb in found for model in climb.models}
    return f" ({len(with_it)} of the {len(models)} models)" if len(with_it) < len(models) else ""
