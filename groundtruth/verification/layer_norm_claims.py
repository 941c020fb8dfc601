"""How a model behind LayerNorm says that it was made, done again from the compiled model."""

from groundtruth.errors import GroundTruthError
from groundtruth.model import load_compiled, require_compiled
from groundtruth.store.catalog import LAYERNORM, shipped
from groundtruth.trained.trained_network import TrainedNetwork
from groundtruth.variants.layer_norm.normed_model import normed_networks
from groundtruth.variants.make_variant import variant_of

_ROUNDING = 1e-7
"""Beside the largest weight of an array, made again on another processor: some are solutions of least squares."""


def require_layer_norm(network: TrainedNetwork) -> str:
    """See that a model is what its recipe makes of the compiled model that it names.

    Returns:
        Words for what was done.

    Raises:
        GroundTruthError: If the recipe is incomplete, or other weights or another correspondence come out.
    """
    settings, seed = network.training.settings, network.training.seed
    source, share = str(settings.get("source", "")), settings.get("share")
    base, at, steps = source.partition("@")
    if network.name not in (f"{source}+{LAYERNORM}", f"{source}@{LAYERNORM}"):
        raise GroundTruthError(f"it is called '{network.name}', but was made of '{source}'.")
    if base not in shipped():
        return f"'{base}' does not ship: what was made of it is not made again"
    model = load_compiled(base)
    model = require_compiled(variant_of(model, steps, seed=seed), "a LayerNorm") if at else model
    for made in normed_networks(model, seed=seed, length=network.domain.max_seq_len):
        if made.training.settings["share"] == share:
            _require_same(network, made)
            return f"'{source}' put behind LayerNorm anew is this model"
    raise GroundTruthError(f"'{source}' is not right behind LayerNorm where sources write {share} of what they wrote.")


def _require_same(network: TrainedNetwork, made: TrainedNetwork) -> None:
    own, other = network.weights.tensors, made.weights.tensors
    for name in {*own, *other}:
        there = name in own and name in other and own[name].shape == other[name].shape
        slack = _ROUNDING * max(1.0, float(other[name].abs().max())) if there else 0.0
        if not there or bool((own[name] - other[name]).abs().max() > slack):
            raise GroundTruthError(f"what the recipe makes of it has another {name}.")
    if network.correspondence != made.correspondence:
        raise GroundTruthError("what the recipe makes of it has another correspondence.")
