"""How many passes a built-in featurization method takes at most, known before it runs.

A featurizer learns until it is good enough, so that only a bound is known: all its steps, each with a forward and a
backward pass over a batch, and all its looks at the validation split. A run that starts at the site counts as a whole
one.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mib.engine.cost import Passes
from mib.featurization.registry import CHECKED, get
from mib.featurization.training import EVERY


@dataclass(frozen=True)
class PairSizes:
    """What passes depend on beside the method.

    Attributes:
        train: Pairs to learn from.
        validation: Pairs to choose by.
        pairs: All pairs, those to be scored on too.
        width: Dimensions of the site.
        cached: True if the recordings of all inputs fit, so that none is made twice.
    """

    train: int
    validation: int
    pairs: int
    width: int
    cached: bool = True

    @property
    def recorded(self) -> Passes:
        """The runs of all bases and sources; also a method that needs none is held to its law on activations."""
        # Where they are not kept, those to learn from are run for the method, and some of all for its law.
        once = 1 if self.cached else self.over(self.train + min(self.pairs, CHECKED))
        return Passes(2 * once, certainty="at most")

    def over(self, pairs: float) -> float:
        """Some pairs as a share of all."""
        return pairs / self.pairs

    def training(self, steps: int, batch_size: int) -> Passes:
        """All steps of an optimizer, with their looks at the validation split."""
        learned = self.over(steps * min(batch_size, self.train))
        looks = -(-steps // EVERY)
        looked = self.over(looks * self.validation)
        # Where recordings are not kept, each batch runs its bases and its sources anew.
        return Passes((1 if self.cached else 3) * (learned + looked), learned, "at most")


def plan_featurizer_passes(method: str, sizes: PairSizes, parameters: Mapping[str, Any] | None = None) -> Passes | None:
    """Bound the passes of a built-in method over all pairs of its task.

    Args:
        method: Its name.
        sizes: Sizes of what it is run on.
        parameters: Hyper-parameters that are not the default.

    Returns:
        The bound; None if nothing is known of the method beforehand, as of a user's own.

    Raises:
        MethodError: If there is no such method.
    """
    given = {**get(method).parameters, **(parameters or {})}
    return _PASSES[method](sizes, given) if method in _PASSES else None


def _activations(sizes: PairSizes, given: Mapping[str, Any]) -> Passes:
    return sizes.recorded


def _weights_and_answers(sizes: PairSizes, given: Mapping[str, Any]) -> Passes:
    # A readout's gradient is taken at the logits of the bases; where nothing is kept they are recorded anew for it.
    return sizes.recorded + Passes(sizes.over(sizes.train) * (1 if sizes.cached else 4), certainty="at most")


def _learned(sizes: PairSizes, given: Mapping[str, Any]) -> Passes:
    once = sizes.training(given["steps"], given["batch_size"])
    restarts = given.get("restarts", 1)
    # Of several starts the best is chosen by one more run of the validation split each.
    compared = sizes.over(sizes.validation) * restarts * (restarts > 1) * (1 if sizes.cached else 3)
    return sizes.recorded + Passes(once.forward * restarts + compared, once.backward * restarts, "at most")


def _searched(sizes: PairSizes, given: Mapping[str, Any]) -> Passes:
    doublings = math.ceil(math.log2(max(1, min(given["max_rank"], sizes.width))))
    # Ranks 1, 2, 4 ... to the greatest, then those between the last two, by halves.
    ranks = 1 + doublings + max(0, doublings - 1)
    once = _learned(sizes, given)
    compared = sizes.over(sizes.validation) * (1 if sizes.cached else 3)
    recorded = sizes.recorded.forward
    return Passes(recorded + ranks * (once.forward - recorded + compared), ranks * once.backward, "at most")


_PASSES: Mapping[str, Callable[[PairSizes, Mapping[str, Any]], Passes]] = {
    "bijection-das": _learned,
    "boundless-das": _learned,
    "das": _learned,
    "das-search": _searched,
    "dbm": _learned,
    "dbm-pca": _learned,
    "dbm-sae": _learned,
    "dbm-sae-batch-top-k": _learned,
    "dbm-sae-top-afa": _learned,
    "dbm-sae-top-k": _learned,
    "dbm-sparse": _learned,
    "dbm-svd": _learned,
    "difference-in-means": _activations,
    "full-vector": _activations,
    "k-means": _activations,
    "lda": _activations,
    "linear-probe": _activations,
    "mdas": _learned,
    "no-op": _activations,
    "observable-propagation": _weights_and_answers,
    "pca": _activations,
    "random-k": _activations,
    "svd": _activations,
    "vocabulary-projection": _weights_and_answers,
}
"""All built-in methods. An autoencoder's own steps run the autoencoder and not the model."""
