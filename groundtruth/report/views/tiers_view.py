"""The table of the tiers: methods by tiers, and in words where each falls."""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from groundtruth.column import Column
from groundtruth.report import notation
from groundtruth.report.markdown import markdown_list, markdown_table, markdown_text
from groundtruth.report.section import Section
from groundtruth.report.standing import LEAST_VALUES, MethodScores, Standing, standing_of
from groundtruth.report.terminal import section_view
from groundtruth.report.views.circuit_sentences import skipped_sentences
from groundtruth.report.views.validity_view import verdict_sentence
from groundtruth.results.circuit_scores import RESOLUTION
from groundtruth.results.model_tiers import TIER_NAMES
from groundtruth.results.result import CONTROLS, Result
from groundtruth.results.tiers_run import Climb, climbs, tiers_of
from groundtruth.validity.validity_report import result_report
from groundtruth.variants.tiers import DESCRIBED, RAW

FALL = 0.1
"""A method that loses this much AUROC on a tier is said to fall there."""

MISLED = 5
"""Number of methods that fall on a tier and are named."""

MORE_TIERS = "A wider terminal or --wide shows them."
"""Advice on tiers that are left out of a table; the command refuses ``--columns``."""


def tier_view(result: Result, *, wide: bool = False) -> RenderableType:
    """Print one table an ablation, with what it means in words.

    Args:
        result: Result of a run.
        wide: Keep every tier, however long the lines become.
    """
    sections = [_section(result, ablation) for ablation in result.ablations]
    return Group(*(section_view(section, wide=wide, more=MORE_TIERS) for section in sections))


def _section(result: Result, ablation: str) -> Section:
    found, tiers = climbs(result, ablation), tiers_of(result)
    models = dict.fromkeys(model for climb in found for model in climb.models)
    title = Text.assemble(
        ("The tiers", "heading"),
        f" · AUROC over {notation.plural(len(models), 'model')} · ",
        (ablation, "name"),
        " ablation",
    )
    described = [f"{tier}: {DESCRIBED[tier]}{_on_fewer(found, tier)}" for tier in tiers[1:]]
    return Section(title, tier_standing(found, tiers), "\n".join(described), tuple(_words(result, ablation, found)))


def _words(result: Result, ablation: str, found: Sequence[Climb]) -> Iterator[Text]:
    """What was left out, where methods fall, and what the verdict of the tiers is worth."""
    tiers = tiers_of(result)
    yield from skipped_sentences(result, ablation)
    yield from falls_in_words(found, tiers)
    yield from residues_in_words(found, tiers)
    yield from verdict_sentence(result_report(result, ablation))


def tier_standing(found: Sequence[Climb], tiers: Sequence[str] = TIER_NAMES) -> Standing:
    """Stand methods by tiers: the mean over models; what fell from the first tier is alarming."""
    columns = [
        Column(name=tier, heading=tier, spread=True, marked=True, priority=index) for index, tier in enumerate(tiers)
    ]
    return standing_of([_scores(climb, tiers) for climb in found], columns)


def _scores(climb: Climb, tiers: Sequence[str]) -> MethodScores:
    means = {tier: value for tier, value in climb.auroc.items() if value is not None}
    return MethodScores(
        climb.method,
        means=means,
        spreads={tier: climb.spread[tier] for tier in tiers if len(climb.values[tier]) >= LEAST_VALUES},
        alarming=[tier for tier in tiers if fall(climb, tier) >= FALL],
        n_failed=sum(climb.n_failed.values()),
        is_control=climb.is_control,
        group=CONTROLS if climb.is_control else "",
    )


def entry(climb: Climb, tier: str) -> str:
    """Write mean and standard deviation over models, such as ``0.92 ±.12``; the mean alone for few models."""
    several = len(climb.values[tier]) >= LEAST_VALUES and climb.auroc[tier] is not None
    return notation.number(climb.auroc[tier]) + (f" {notation.spread(climb.spread[tier])}" if several else "")


def falls_in_words(found: Sequence[Climb], tiers: Sequence[str] = TIER_NAMES) -> Iterator[Text]:
    """For each tier, which methods lose there, the hardest hit first."""
    for tier in tiers[1:]:
        lost = {climb.method: fall(climb, tier) for climb in found if not climb.is_control}
        yield _losing(lost, tier) or Text(f"{tier}: no method loses {FALL} AUROC")


def residues_in_words(found: Sequence[Climb], tiers: Sequence[str] = TIER_NAMES) -> Iterator[Text]:
    """For each tier, whose AUROC rests on differences of scores that may be rounding, if any does."""
    for tier in tiers:
        lost = {climb.method: residue(climb, tier) for climb in found if not climb.is_control}
        told = _losing(lost, f"{tier}, scores rounded to {RESOLUTION:g} of the largest")
        if told is not None:
            yield told


def _losing(lost: Mapping[str, float], where: str) -> Text | None:
    """Name which methods lose at least ``FALL``, the hardest hit first; ``None`` if none does."""
    hit = sorted(((loss, method) for method, loss in lost.items() if loss >= FALL), reverse=True)
    if not hit:
        return None
    names = [f"{notation.method_name(method)} -{loss:.2f}" for loss, method in hit]
    more = f" and {len(names) - MISLED} more" if len(names) > MISLED else ""
    lose = "loses" if len(names) == 1 else "lose"
    said = f"{where}: {notation.plural(len(names), 'method')} of {len(lost)} {lose} {FALL} or more: "
    return Text(said + ", ".join(names[:MISLED]) + more)


def fall(climb: Climb, tier: str) -> float:
    """Measure the AUROC that a method loses on a tier, from the compiled models on; over the models that have both."""
    return _mean_loss(climb.values[RAW], climb.values[tier])


def residue(climb: Climb, tier: str) -> float:
    """Measure how much AUROC a method loses on a tier if scores are rounded to a millionth of the largest."""
    return _mean_loss(climb.values[tier], climb.rounded[tier])


def _mean_loss(before: Mapping[str, float | None], after: Mapping[str, float | None]) -> float:
    pairs = [(before.get(model), value) for model, value in after.items()]
    lost = [first - second for first, second in pairs if first is not None and second is not None]
    return statistics.fmean(lost) if lost else 0.0


def tier_markdown(result: Result) -> str:
    """The tables in Markdown, with the words below them: AUROC, AUROC of rounded scores, exact recoveries."""
    parts: list[str] = []
    for ablation in result.ablations:
        found, tiers = climbs(result, ablation), tiers_of(result)
        title = f"The tiers: AUROC, {ablation} ablation, {_models_in_words(found)}"
        parts += [f"### {markdown_text(title)}", _markdown(found, tiers, entry)]
        parts.append(markdown_list(text.plain for text in _words(result, ablation, found)))
        parts.append(f"AUROC of scores rounded to {RESOLUTION:g} of the largest, {ablation} ablation:")
        parts.append(_markdown(found, tiers, lambda climb, tier: notation.number(climb.rounded_auroc[tier])))
        parts.append(f"Models whose live edges rank above all others, {ablation} ablation:")
        exact = [tier for tier in TIER_NAMES if tier in tiers]
        parts.append(_markdown(found, exact, lambda climb, tier: f"{climb.n_exact[tier]}/{len(climb.values[tier])}"))
    return "\n\n".join(parts) + "\n"


def _markdown(found: Sequence[Climb], tiers: Sequence[str], shown: Callable[[Climb, str], str]) -> str:
    """Methods by tiers; those on fewer models say on how many."""
    most = max((len(climb.models) for climb in found), default=0)
    rows: list[list[str]] = []
    for climb in found:
        fewer = f" ({notation.plural(len(climb.models), 'model')})" if len(climb.models) < most else ""
        name = markdown_text(notation.method_name(climb.method))
        rows.append([f"{name}{fewer}", *(shown(climb, tier) for tier in tiers)])
    return markdown_table(["method", *tiers], rows)


def _models_in_words(found: Sequence[Climb]) -> str:
    """On how many models, and which."""
    models = list(dict.fromkeys(model for climb in found for model in climb.models))
    return f"{notation.plural(len(models), 'model')} ({', '.join(sorted(models))})"


def _on_fewer(found: Sequence[Climb], tier: str) -> str:
    """Count how many of the models have a tier that not all have."""
    with_it = {model for climb in found for model in climb.values[tier]}
    models = {model for climb in found for model in climb.models}
    return f" ({len(with_it)} of the {len(models)} models)" if len(with_it) < len(models) else ""
