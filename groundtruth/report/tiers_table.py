"""The table of the tiers: methods by tiers, and in words where each falls."""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from groundtruth.bench.results import Result
from groundtruth.bench.tiers_run import TIER_NAMES, Climb, climbs, tiers_of
from groundtruth.evaluation.circuits.ranking_scores import RESOLUTION
from groundtruth.evaluation.evaluator import ORACLE
from groundtruth.report import style
from groundtruth.report.words import skipped_in_words
from groundtruth.variants.tiers import RAW, SUPERPOSED, TIERS

FALL = 0.1
"""A method that loses this much AUROC on a tier is said to fall there."""

MISLED = 5
"""Of how many methods that fall on a tier the names are given."""


DESCRIBED: Mapping[str, str] = {tier.name: tier.description for tier in (*TIERS.values(), SUPERPOSED)}


def tier_report(result: Result) -> RenderableType:
    """One table an ablation, with what it means in words."""
    return Group(*(part for ablation in result.ablations for part in _of_ablation(result, ablation)))


def _of_ablation(result: Result, ablation: str) -> Iterator[RenderableType]:
    found, tiers = climbs(result, ablation), tiers_of(result)
    models = dict.fromkeys(model for climb in found for model in climb.models)
    yield Text.assemble(
        ("The tiers", "heading"),
        f" · AUROC over {style.plural(len(models), 'model')} · ",
        (ablation, "name"),
        " ablation",
    )
    yield tier_table(found, tiers)
    for tier in tiers[1:]:
        yield Text.assemble((f"{tier}: ", "name"), (f"{DESCRIBED[tier]}{_on_fewer(found, tier)}", "faint"))
    words = [*skipped_in_words(result, ablation), *falls_in_words(found, tiers), *residues_in_words(found, tiers)]
    yield Padding(Group(*words), (0, 0, 1, 0))


def tier_table(found: Sequence[Climb], tiers: Sequence[str] = TIER_NAMES) -> Table:
    """Methods by tiers: the mean over models and its spread; the best bold, what fell from the first in colour."""
    made = style.table("method", *tiers, right=tiers, padding=(0, 1, 0, 0))
    best = {tier: _best(found, tier) for tier in tiers}
    for climb in found:
        cells = [_method(climb)]
        for tier in tiers:
            is_best = climb.method != ORACLE and style.number(climb.auroc[tier]) == best[tier]
            colour = "best" if is_best else "bad" if fall(climb, tier) >= FALL else ""
            cells.append(Text(entry(climb, tier), colour))
        made.add_row(*cells, style="faint" if climb.method == ORACLE else "")
    return made


def entry(climb: Climb, tier: str) -> str:
    """Mean and standard deviation over models, such as ``0.92 ±.12``; the mean alone for one model."""
    several = len(climb.values[tier]) > 1 and climb.auroc[tier] is not None
    spread = f" ±{climb.spread[tier]:.2f}".replace("±0.", "±.") if several else ""
    return style.number(climb.auroc[tier]) + spread


def falls_in_words(found: Sequence[Climb], tiers: Sequence[str] = TIER_NAMES) -> Iterator[Text]:
    """For each tier, which methods lose there, the hardest hit first."""
    for tier in tiers[1:]:
        lost = {climb.method: fall(climb, tier) for climb in found}
        yield _losing(lost, tier) or Text(f"{tier}: no method loses {FALL} AUROC")


def residues_in_words(found: Sequence[Climb], tiers: Sequence[str] = TIER_NAMES) -> Iterator[Text]:
    """For each tier, whose AUROC rests on differences of scores that may be rounding, if any does."""
    for tier in tiers:
        lost = {climb.method: residue(climb, tier) for climb in found}
        told = _losing(lost, f"{tier}, scores rounded to {RESOLUTION:g} of the largest")
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


def fall(climb: Climb, tier: str) -> float:
    """How much AUROC a method has lost on a tier, from the compiled models on; over the models that have both."""
    return _mean_loss(climb.values[RAW], climb.values[tier])


def residue(climb: Climb, tier: str) -> float:
    """How much AUROC a method loses on a tier if scores are rounded to a millionth of the largest."""
    return _mean_loss(climb.values[tier], climb.rounded[tier])


def _mean_loss(before: Mapping[str, float | None], after: Mapping[str, float | None]) -> float:
    pairs = [(before.get(model), value) for model, value in after.items()]
    lost = [first - second for first, second in pairs if first is not None and second is not None]
    return statistics.fmean(lost) if lost else 0.0


def as_markdown(result: Result) -> str:
    """The tables in Markdown, with the words below them: AUROC, AUROC of rounded scores, exact recoveries."""
    parts: list[str] = []
    for ablation in result.ablations:
        found, tiers = climbs(result, ablation), tiers_of(result)
        words = [*skipped_in_words(result, ablation), *falls_in_words(found, tiers), *residues_in_words(found, tiers)]
        title = f"The tiers: AUROC, {ablation} ablation, {_models_in_words(found)}"
        parts.append(f"### {title}\n\n{_markdown(found, tiers, entry)}")
        parts.append("".join(f"- {text.plain}\n" for text in words))
        parts.append(f"AUROC of scores rounded to {RESOLUTION:g} of the largest, {ablation} ablation:\n")
        parts.append(_markdown(found, tiers, lambda climb, tier: style.number(climb.rounded_auroc[tier])))
        parts.append(f"Models whose live edges rank above all others, {ablation} ablation:\n")
        parts.append(_markdown(found, TIER_NAMES, lambda climb, tier: f"{climb.n_exact[tier]}/{len(climb.models)}"))
    return "\n".join(parts)


def _markdown(found: Sequence[Climb], tiers: Sequence[str], shown: Callable[[Climb, str], str]) -> str:
    """Methods by tiers; those on fewer models say on how many."""
    most = max((len(climb.models) for climb in found), default=0)
    lines = [f"| method | {' | '.join(tiers)} |", f"| --- |{' ---: |' * len(tiers)}"]
    for climb in found:
        fewer = f" ({style.plural(len(climb.models), 'model')})" if len(climb.models) < most else ""
        cells = [shown(climb, tier) for tier in tiers]
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


def _best(found: Sequence[Climb], tier: str) -> str:
    values = [value for climb in found if climb.method != ORACLE and (value := climb.auroc[tier]) is not None]
    return style.number(max(values)) if values else ""


def _on_fewer(found: Sequence[Climb], tier: str) -> str:
    """How many of the models have a tier that not all have."""
    with_it = {model for climb in found for model in climb.values[tier]}
    models = {model for climb in found for model in climb.models}
    return f" ({len(with_it)} of the {len(models)} models)" if len(with_it) < len(models) else ""
