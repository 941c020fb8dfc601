"""How far do the yardsticks of a track agree with each other? Run it with `python benchmarks/yardsticks.py`.

Kendall's tau-b between every two references that rank five methods in common, with its 95 % interval by bootstrap over
methods: what a verdict on methods could reach at most with both. Below stands what the verdict reaches with each
headline that was left out of its fit, by fitted weights and with all tiers alike; docs/validity.md compares them.
`--without` leaves methods out of everything, and `--tiers` takes some tiers alone. `--measured` takes results of
`groundtruth bench` or `score`: what they say of a method, with other hyper-parameters say, stands in the place of what
ships, on tiers of the same models.

`--split MODEL,...` ranks on these models and on the others apart, and then on each place alone: does a ranking depend
on which models make the yardstick? Each half of a yardstick is held against every tier too, by the score that the
verdict rests on. If the models named are those of a tier, its halves are held against every yardstick.
"""

import argparse
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from statistics import fmean
from typing import TypeVar

from groundtruth.results.read_results import read_results
from groundtruth.results.track_tables import TABLES
from groundtruth.validity.agreement import LEAST_METHODS, agreements
from groundtruth.validity.references import Reference, read_references
from groundtruth.validity.tier_scores import TierScores, with_measured
from groundtruth.validity.tiers_of_result import tier_scores
from groundtruth.validity.transfer import transfers
from groundtruth.validity.validity_report import shipped_report
from mib.metrics.metric_validity import kendall_tau, tau_interval

RankingT = TypeVar("RankingT", Reference, TierScores)


def main() -> None:
    """Print a line for every pair of references, and with a split for every pair of a half and a tier."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--track", choices=sorted(TABLES), default="circuits")
    parser.add_argument("--without", default="", help="methods to leave out, separated by commas")
    parser.add_argument("--tiers", default="", help="tiers, separated by commas, instead of all")
    parser.add_argument("--split", default="", help="models of a yardstick or a tier to rank on apart, with commas")
    parser.add_argument("--measured", type=Path, nargs="*", default=[], help="results in the place of what ships")
    given = parser.parse_args()
    references, wanted = read_references(given.track), [name for name in given.tiers.split(",") if name]
    known_tiers = tiers_of(given.track, given.measured)
    tiers = [one for one in known_tiers if not wanted or one.tier in wanted]
    if unknown := sorted({*wanted} - {one.tier for one in tiers}):
        parser.error(f"no tier '{unknown[0]}'. Choose from {', '.join(one.tier for one in known_tiers)}.")
    left_out, chosen = ([name for name in text.split(",") if name] for text in (given.without, given.split))
    methods = {name for one in (*references, *known_tiers) for name in one.values}
    if unknown := sorted({*left_out} - methods):
        parser.error(f"--without: no method '{unknown[0]}'. Choose from {', '.join(sorted(methods))}.")
    known = {model_of(place) for one in references for place in places_of(one)}
    known |= {model_of(place) for one in tiers if one.by_place for place in one.models}
    if chosen and not known:
        parser.error(f"--split needs rankings known place by place, and no one of --track {given.track} is.")
    if unknown := sorted({*chosen} - known):
        parser.error(f"no reference or tier has a place of '{unknown[0]}'. Choose from {', '.join(sorted(known))}.")
    halves = [half for one in references for half in halves_of(one, chosen)]
    print_agreement([*references, *halves], left_out)
    for one in references if chosen else ():
        singles = [ranked_at(one, [place], name=place) for place in places_of(one)]
        print_agreement(singles, left_out)
    print_tier_agreement(tiers, halves, left_out)
    print_tier_agreement([half for tier in tiers for half in tier_halves(tier, chosen)], references, left_out)
    print_verdict(tiers, references, left_out)


def print_agreement(references: Iterable[Reference], left_out: Collection[str]) -> None:
    """Print Kendall's tau of every two references that rank enough methods."""
    for one, other in combinations(references, 2):
        known = [method for method in one.values if method in other.values and method not in left_out]
        if len(known) < LEAST_METHODS:
            continue
        ranks = [[reference.goodness[method] for method in known] for reference in (one, other)]
        print_tau(f"{one.name} / {other.name}", kendall_tau(*ranks), tau_interval(*ranks), len(known))


def print_tier_agreement(
    tiers: Iterable[TierScores], references: Iterable[Reference], left_out: Collection[str]
) -> None:
    """Print Kendall's tau of every tier and reference that rank enough methods."""
    for one in agreements([without(tier, left_out) for tier in tiers], references):
        print_tau(f"{one.reference} / {one.score} on tier {one.tier}", one.tau, one.interval, len(one.methods))


def print_verdict(tiers: Iterable[TierScores], references: Iterable[Reference], left_out: Collection[str]) -> None:
    """Print Kendall's tau of the verdict with each headline that it was not fitted to, fitted and unfitted."""
    rankings = [without(one, left_out) for one in references]
    headlines = {one.name for one in rankings if one.headline}
    for one in transfers([without(tier, left_out) for tier in tiers], rankings):
        if one.reference in headlines:
            print_tau(f"{one.reference} / the verdict", one.tau, one.interval, len(one.methods))
            print_tau(f"{one.reference} / all tiers alike", one.equal_tau, one.equal_interval, len(one.methods))


def without(ranking: RankingT, left_out: Collection[str]) -> RankingT:
    """The scores of all methods but some."""
    return replace(ranking, values={name: value for name, value in ranking.values.items() if name not in left_out})


def print_tau(pair: str, tau: float, interval: tuple[float, float], n_methods: int) -> None:
    """Print one line: the two rankings, tau with its interval, and how many methods it rests on."""
    low, high = interval
    print(f"{pair:96} {tau:.2f} ({low:.2f} to {high:.2f}, {n_methods} methods)")


def tiers_of(track: str, measured: Sequence[Path] = ()) -> list[TierScores]:
    """The tiers of a track by the score that its verdict rests on; results stand in the place of what ships."""
    report = shipped_report(track)
    if report is None:
        return []
    shipped = [one for one in report.scores if one.score == report.score]
    return with_measured(shipped, tier_scores(read_results(measured), [report.score])) if measured else shipped


def split(places: Iterable[str], models: Collection[str]) -> list[tuple[list[str], str]]:
    """Places of some models and of all others, each with words for it; none where a side is empty."""
    sides: tuple[list[str], list[str]] = ([], [])
    for place in places:
        sides[model_of(place) not in models].append(place)
    named = (f"at {len(sides[0])} places of the models named", f"at {len(sides[1])} places of others")
    return list(zip(sides, named, strict=True)) if all(sides) else []


def tier_halves(tier: TierScores, models: Collection[str]) -> list[TierScores]:
    """A tier on some models and on all others; none where it has none of them, or too few on a side to rank on."""
    parts = [(tier.on(places), where) for places, where in split(tier.models, models)]
    return [replace(half, tier=f"{tier.tier} {where}") for half, where in parts if half is not None]


def halves_of(reference: Reference, models: Collection[str]) -> list[Reference]:
    """The ranking at places of some models and at all others; none where its places are not known."""
    return [ranked_at(reference, places, name=where) for places, where in split(places_of(reference), models)]


def ranked_at(reference: Reference, places: Collection[str], *, name: str) -> Reference:
    """The ranking of methods by their means over some places."""
    values = {method: fmean(at[place] for place in places) for method, at in reference.by_place.items()}
    return replace(reference, name=name, values=values)


def places_of(reference: Reference) -> list[str]:
    """Places that the values are means over, in the order of their names."""
    return sorted({place for at in reference.by_place.values() for place in at})


def model_of(place: str) -> str:
    """The model of a place such as ``learned-gpt2-1/ioi`` or ``add_carry@free-0:carry@residual.0.mid``."""
    return place.partition("/")[0].partition(":")[0]


if __name__ == "__main__":
    main()
