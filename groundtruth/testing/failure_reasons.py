"""Why a published method lacks a property: expected failures, each with its reason; and how briefly methods are run."""

from collections.abc import Iterable, Mapping
from typing import Any

from groundtruth.variants.symmetries import SYMMETRIES

_INSERTS = ("invariant:insert_heads", "invariant:insert_layers")
_ALL_SYMMETRIES = tuple(f"invariant:{name}" for name in SYMMETRIES)
_SAME_EDGES = tuple(name for name in _ALL_SYMMETRIES if name not in _INSERTS)

_MISSES = "does not find this circuit (AUROC below 0.9); `groundtruth bench` says by how much"
_TINY = "live edges get scores so far below the largest that not every processor tells them from 0"
_NO_EFFECT = "scores are not meant as effects of cuts"
_ACTIVE = "measures activity or weights where they are, not what is made of them downstream"
_NORM = "a norm of queries, keys, values or of the hidden layer depends on the basis and the scale that they have"
_L1 = "shares are taken by the L1 norm, which depends on the basis"
_LOCAL = "an edge is scored by its share of what its destination reads, also where that comes to nothing"
_DIRECT = "scores edges into the logits alone, all others 0"
_CHANCE = "random numbers are drawn for every edge: other edges, other numbers"
_TIE = "an effect equals a threshold exactly, and rounding decides on which side it falls"
_KINK = "a ReLU that reads exactly 0 has a slope or none, as rounding decides"
_SIZES = "circuits are chosen at shares of all edges: more edges, larger circuits"
_TIED = "edges of equal score are in an order that rounding decides"
_MASK = "every edge has a start value and a penalty of its own, or random draws, also one that does nothing"
_AMPLIFIED = "training amplifies rounding, or goes a coordinate at a time (Adam), which depends on the basis"
_MINIBATCH = "trains on small batches of examples that are drawn by their numbers"
_RATE = "the learning rate does not follow the scale of the metric"
_GENERAL = {"recovers": _MISSES, "exact_at_logits": _NO_EFFECT}


def _for(checks: Iterable[str], reason: str) -> dict[str, str]:
    return dict.fromkeys(checks, reason)


_LEARNED = {
    **_GENERAL,
    **_for(_SAME_EDGES, _AMPLIFIED),
    **_for((*_INSERTS, "ignores_decoys"), _MASK),
    **_for(("batch_size_free", "example_order_free"), _MINIBATCH),
    "scale_equivariant": _RATE,
}
_NORMS = {**_GENERAL, "ignores_decoys": _ACTIVE, **_for(_SAME_EDGES, _NORM)}

_LOSES = "does not find this variable (accuracy below 0.9); `groundtruth bench --track variables` says by how much"
_START = "starts from random directions, and remembers them where it stops"
_AXES = "chooses among the axes of the stream, or learns an axis at a time (Adam): another basis, another choice"
_ALL = "swaps more directions than the variable has, also such as nothing reads"
_LOUD = "looks at variance, which decoys have too"
_SHARED = "what it finds depends on how the values of other directions vary"
_DRAWN = "directions are drawn at random: others in another stream, or with another seed"
_PAIRS = "starts from, or trains on small batches of, examples that are drawn by their numbers"
_NULL = "takes in components in which activations do not vary, and rounding chooses these"
_BRIEF = "training for so few steps is not done: rounding, start and order still decide"

_FOUND = {"finds": _LOSES}
_TRAINED = {
    **_FOUND,
    "example_order_free": _PAIRS,
    "seed_free": _START,
    "ignores_decoys": _ALL,
    "equivariant": _START,
    **_for(_ALL_SYMMETRIES, _BRIEF),
}
_MASKED = {**_TRAINED, "equivariant": _AXES, **_for(("invariant:rotate", "invariant:embed"), _AXES)}
_COMPONENTS = {**_TRAINED, "batch_size_free": _NULL, "equivariant": _NULL}
_VARIANCE = {**_FOUND, "ignores_decoys": _LOUD}

REASONS: Mapping[str, Mapping[str, str]] = {
    "acdc": {**_GENERAL, **_for(_ALL_SYMMETRIES, _TIE)},
    "activation-norm": _NORMS,
    "bootstrap-ilp": {**_GENERAL, **_for(_SAME_EDGES, _TIED), **_for((*_INSERTS, "ignores_decoys"), _SIZES)},
    "cpr-gaming": {**_GENERAL, **_for((*_INSERTS, "ignores_decoys"), _CHANCE), **_for(_SAME_EDGES, _AMPLIFIED)},
    "direct-logit-attribution": {**_GENERAL, "recovers": _DIRECT},
    "eap-mean": {**_GENERAL, **_for(_ALL_SYMMETRIES, _KINK)},
    "eap-optimal": _LEARNED,
    "edge-pruning": _LEARNED,
    "ensemble-hybrid": _LEARNED,
    "ensemble-parallel": _GENERAL,
    "ensemble-sequential": _LEARNED,
    "gim": _GENERAL,
    "hisp": _GENERAL,
    "ifr": {
        **_GENERAL,
        **_for(("invariant:rotate", "invariant:embed"), _L1),
        **_for((*_INSERTS, "ignores_decoys"), _LOCAL),
    },
    "logit-lens": _GENERAL,
    "nap": _GENERAL,
    "nap-ig": _GENERAL,
    "optimal-ablation": _LEARNED,
    "random": {**_GENERAL, **_for((*_INSERTS, "ignores_decoys"), _CHANCE)},
    "relp": _GENERAL,
    "subnetwork-probing": _LEARNED,
    "ugs": _LEARNED,
    "weight-norm": _NORMS,
    # featurizers
    "bijection-das": _TRAINED,
    "boundless-das": _TRAINED,
    "das": _TRAINED,
    "das-search": _TRAINED,
    "dbm": _MASKED,
    "dbm-pca": _COMPONENTS,
    "dbm-sae": _TRAINED,
    "dbm-sae-batch-top-k": _TRAINED,
    "dbm-sae-top-afa": _TRAINED,
    "dbm-sae-top-k": _TRAINED,
    "dbm-sparse": _MASKED,
    "dbm-svd": _COMPONENTS,
    "difference-in-means": {**_FOUND, "ignores_decoys": _SHARED},
    "full-vector": {**_FOUND, "ignores_decoys": _ALL},
    "k-means": {**_VARIANCE, "seed_free": _PAIRS, "example_order_free": _PAIRS},
    "lda": {**_FOUND, "ignores_decoys": _SHARED},
    "linear-probe": {**_FOUND, "ignores_decoys": _SHARED},
    "mdas": _TRAINED,
    "no-op": _FOUND,
    "observable-propagation": _FOUND,
    "pca": _VARIANCE,
    "random-k": {
        **_FOUND,
        **_for(("seed_free", "ignores_decoys", "equivariant", *_ALL_SYMMETRIES), _DRAWN),
    },
    "svd": _VARIANCE,
    "vocabulary-projection": _FOUND,
}
"""Reasons of expected failures, by method and then by property. A failure that is not here is unexpected."""

_DAS = {"rank": 4, "learning_rate": 0.05, "steps": 10, "batch_size": 16}
_DBM = {"learning_rate": 0.1, "steps": 10, "batch_size": 16}
_SAE = {"sae_steps": 50, **_DBM}

BRIEF: Mapping[str, Mapping[str, Any]] = {
    "cpr-gaming": {"rounds": 2, "proposals": 2, "share": 0.5, "sizes": 3},
    "eap-optimal": {"steps": 8},
    "edge-pruning": {"steps": 8},
    "ensemble-hybrid": {"steps": 8},
    "ensemble-sequential": {"steps": 8},
    "optimal-ablation": {"steps": 8},
    "subnetwork-probing": {"steps": 8},
    "ugs": {"steps": 8},
    # featurizers
    "bijection-das": {"rank": 4, "blocks": 2, "hidden": 16, "learning_rate": 0.01, "steps": 10, "batch_size": 16},
    "boundless-das": {"learning_rate": 0.05, "boundary_rate": 0.05, "steps": 10, "batch_size": 16},
    "das": _DAS,
    "das-search": {"max_rank": 4, "restarts": 1, "learning_rate": 0.05, "steps": 8, "batch_size": 16},
    "dbm": _DBM,
    "dbm-pca": _DBM,
    "dbm-sae": _SAE,
    "dbm-sae-batch-top-k": _SAE,
    "dbm-sae-top-afa": _SAE,
    "dbm-sae-top-k": _SAE,
    "dbm-sparse": _DBM,
    "dbm-svd": _DBM,
    "mdas": _DAS,
}
"""Methods that learn are run for so few steps when their properties are asked for."""


_ROUNDED = (_TIE, _TIED, _KINK, _AMPLIFIED, _NULL, _BRIEF)

_TINY_ON_HIST = ("atp-star", "clean-corrupted", "eap", "eap-ig-activations", "eap-ig-inputs", "ensemble-parallel")
"""Their order of the live edges of ``hist`` rests on gradients of 1e-83 behind a saturated softmax (docs/tiers.md)."""


def by_rounding(method: str, test: str) -> bool:
    """Tell if it is the processor's rounding that decides whether a built-in method lacks a property.

    It decides where scores tie or all but vanish, and with all that is expected of methods that are trained for a few
    steps: training amplifies the last digit.

    Args:
        method: Its name.
        test: A property, or a property and where it is asked for: ``recovers[hist]``.
    """
    reason = REASONS.get(method, {}).get(test.partition("[")[0])
    return _is_tiny(method, test) or (reason is not None and (method in BRIEF or reason in _ROUNDED))


def reason_of(method: str, test: str) -> str:
    """Why a built-in method lacks a property, which is given as for ``by_rounding``.

    Raises:
        KeyError: If it is not known to.
    """
    if _is_tiny(method, test):
        return _TINY
    check = test.partition("[")[0]
    if check == "recovers":
        return _MISSES
    if check not in REASONS.get(method, {}):
        raise KeyError(f"{method} lacks '{check}', and nobody expects it to: see groundtruth repro.")
    return REASONS[method][check]


def _is_tiny(method: str, test: str) -> bool:
    return method in _TINY_ON_HIST and test == "recovers[hist]"
