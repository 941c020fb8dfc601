"""Does the verdict order methods that its weights have never seen? Run it with `python benchmarks/left_out_methods.py`.

Weights of tiers are fitted to the references of other sources without the methods named. Then these methods are ranked
among all: of the pairs of contestants of which one at least was left out, how many stand as the reference has them?
Half of them would by chance. Ties on either side count half.
"""

import argparse
import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from groundtruth.validity.references import Reference, read_references
from groundtruth.validity.tier_scores import TierScores, read_tier_scores
from groundtruth.validity.transfer import fit, ranks, score_of

METHODS = ("nap", "nap-ig", "eap-mean", "eap-optimal")


def main() -> None:
    """Print, for the headline of each source, the share of pairs in the right order."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", default=",".join(METHODS), help="methods to leave out, separated by commas")
    parser.add_argument("--tiers", default="", help="tiers, separated by commas, instead of all")
    given = parser.parse_args()
    wanted, left_out = [name for name in given.tiers.split(",") if name], given.methods.split(",")
    scores = [one for one in read_tier_scores("circuits") if one.score == "auroc"]
    scores = [one for one in scores if not wanted or one.tier in wanted]
    references = read_references("circuits")
    print(f"{'tiers: ' + ', '.join(one.tier for one in scores):60}{'pairs':>8}{'fitted':>8}{'alike':>8}")
    for tested in (one for one in references if one.headline):
        others = [one for one in references if one.source != tested.source]
        n, fitted, alike = right_pairs(scores, tested, others, left_out)
        print(f"{tested.name:60}{n:8}{fitted:8.2f}{alike:8.2f}")


def right_pairs(
    scores: Sequence[TierScores], tested: Reference, others: Sequence[Reference], left_out: Sequence[str]
) -> tuple[int, float, float]:
    """Count the pairs with a method that was left out, and the shares of them that the verdict has right.

    Args:
        scores: One score of the contestants, tier by tier.
        tested: Reference that says what is right.
        others: References that the weights are fitted to.
        left_out: Methods that the fit does not see.

    Returns:
        The number of pairs, the share by fitted weights, and the share where all tiers weigh alike.
    """
    seen = {one.tier: ranks({m: v for m, v in one.goodness.items() if m not in left_out}) for one in scores}
    tiers = {one.tier: ranks(one.goodness) for one in scores}
    known = [method for method in tested.values if all(method in column for column in tiers.values())]
    pairs = [pair for pair in itertools.combinations(known, 2) if set(pair) & set(left_out)]

    def share(weights: Mapping[str, float]) -> float:
        verdict = {method: score_of(method, tiers, weights) for method in known}
        signs = [
            np.sign(verdict[one] - verdict[other]) * np.sign(tested.goodness[one] - tested.goodness[other])
            for one, other in pairs
        ]
        return float(np.mean([(1 + sign) / 2 for sign in signs]))

    return len(pairs), share(fit(seen, others)), share(dict.fromkeys(tiers, 1 / len(tiers)))


if __name__ == "__main__":
    main()
