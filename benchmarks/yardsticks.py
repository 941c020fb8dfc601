"""How far do the yardsticks of a track agree with each other? Run it with `python benchmarks/yardsticks.py`.

Kendall's tau-b between every two references that rank five methods in common, with its 95 % interval by bootstrap over
methods: what a verdict on methods could reach at most with both. docs/validity.md holds the verdict against it.
"""

import argparse
from itertools import combinations

from groundtruth.results.track_tables import TABLES
from groundtruth.validity.agreement import LEAST_METHODS
from groundtruth.validity.references import read_references
from mib.metrics.metric_validity import kendall_tau, tau_interval


def main() -> None:
    """Print a line for every pair of references."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--track", choices=sorted(TABLES), default="circuits")
    parser.add_argument("--without", default="", help="methods to leave out, separated by commas")
    given = parser.parse_args()
    left_out = given.without.split(",")
    for one, other in combinations(read_references(given.track), 2):
        known = [method for method in one.values if method in other.values and method not in left_out]
        if len(known) < LEAST_METHODS:
            continue
        ranks = [[reference.goodness[method] for method in known] for reference in (one, other)]
        low, high = tau_interval(*ranks)
        tau = f"{kendall_tau(*ranks):.2f} ({low:.2f} to {high:.2f}, {len(known)} methods)"
        print(f"{f'{one.name} / {other.name}':96}{tau}")


if __name__ == "__main__":
    main()
