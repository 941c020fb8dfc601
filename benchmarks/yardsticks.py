"""How far do the yardsticks of a track agree with each other? Run it with `python benchmarks/yardsticks.py`.

Kendall's tau-b between every two references that rank five methods in common, with its 95 % interval by bootstrap over
methods: what a verdict on methods could reach at most with both. docs/validity.md holds the verdict against it.

`--split MODEL,...` ranks on these learned models and on the others apart, and then on each place alone: does a ranking
depend on which models make the yardstick?
"""

import argparse
from collections.abc import Collection, Iterable
from dataclasses import replace
from itertools import combinations
from statistics import fmean

from groundtruth.results.track_tables import TABLES
from groundtruth.validity.agreement import LEAST_METHODS
from groundtruth.validity.references import Reference, read_references
from mib.metrics.metric_validity import kendall_tau, tau_interval


def main() -> None:
    """Print a line for every pair of references."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--track", choices=sorted(TABLES), default="circuits")
    parser.add_argument("--without", default="", help="methods to leave out, separated by commas")
    parser.add_argument("--split", default="", help="learned models to rank on apart, separated by commas")
    given = parser.parse_args()
    references = read_references(given.track)
    left_out, chosen = given.without.split(","), [name for name in given.split.split(",") if name]
    known = {model_of(place) for one in references for place in places_of(one)}
    if unknown := sorted({*chosen} - known):
        parser.error(f"no reference has a place of '{unknown[0]}'. Choose from {', '.join(sorted(known))}.")
    print_agreement([*references, *(half for one in references for half in halves_of(one, chosen))], left_out)
    for one in references if chosen else ():
        singles = [ranked_at(one, [place], name=place) for place in places_of(one)]
        print_agreement(singles, left_out)


def print_agreement(references: Iterable[Reference], left_out: Collection[str]) -> None:
    """Print Kendall's tau of every two references that rank enough methods."""
    for one, other in combinations(references, 2):
        known = [method for method in one.values if method in other.values and method not in left_out]
        if len(known) < LEAST_METHODS:
            continue
        ranks = [[reference.goodness[method] for method in known] for reference in (one, other)]
        low, high = tau_interval(*ranks)
        tau = f"{kendall_tau(*ranks):.2f} ({low:.2f} to {high:.2f}, {len(known)} methods)"
        print(f"{f'{one.name} / {other.name}':96} {tau}")


def halves_of(reference: Reference, models: Collection[str]) -> list[Reference]:
    """The ranking at places of some models and at all others; none where its places are not known."""
    places = places_of(reference)
    inside = [place for place in places if model_of(place) in models]
    outside = [place for place in places if model_of(place) not in models]
    if not inside or not outside:
        return []
    return [
        ranked_at(reference, inside, name=f"at {len(inside)} places of the models named"),
        ranked_at(reference, outside, name=f"at {len(outside)} places of others"),
    ]


def ranked_at(reference: Reference, places: Collection[str], *, name: str) -> Reference:
    """The ranking of methods by their means over some places."""
    values = {method: fmean(at[place] for place in places) for method, at in reference.by_place.items()}
    return replace(reference, name=name, values=values)


def places_of(reference: Reference) -> list[str]:
    """Places that the values are means over, in the order of their names."""
    return sorted({place for at in reference.by_place.values() for place in at})


def model_of(place: str) -> str:
    """The model of a place such as ``learned-gpt2-1/ioi``."""
    return place.partition("/")[0]


if __name__ == "__main__":
    main()
