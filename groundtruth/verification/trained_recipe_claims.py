"""How a variant of a trained model says that it was made, done again from the model that ships."""

from groundtruth.errors import GroundTruthError
from groundtruth.model import load
from groundtruth.store.catalog import stored
from groundtruth.store.tabulate import tabulate
from groundtruth.trained.trained_model import TrainedModel
from groundtruth.trained.trained_network import TrainedNetwork
from groundtruth.variants.trained_symmetries import ROTATED, TRAINED_SYMMETRIES, rotated_steps
from groundtruth.verification.repeat_step import repeat_step
from mib.errors import did_you_mean

_ROUNDING = 1e-9
"""Beside the largest weight of an array, made again on another processor; a change of basis errs by some 1e-13."""


def require_trained_recipe(network: TrainedNetwork) -> str:
    """See that a variant is what its recipe makes of the trained model that its name tells.

    Returns:
        Words for what was done.

    Raises:
        GroundTruthError: If a step is unknown or impossible, the name tells of other steps, or another network comes
            out.
    """
    base, _, told = network.name.rpartition("@")
    for step in network.recipe:
        if step.name not in TRAINED_SYMMETRIES:
            raise GroundTruthError(f"the recipe has a step '{step.name}'.{did_you_mean(step.name, TRAINED_SYMMETRIES)}")
    # A tier's name stands for its steps; any other name spells the steps out.
    names = [step.name for step in network.recipe]
    if told.split("+") != names and (told, tuple(names)) != (ROTATED, rotated_steps(network.architecture)):
        raise GroundTruthError(f"it is called '{network.name}', but its recipe is {', '.join(names)}.")
    if stored(base) is None:
        return f"'{base}' does not ship: what was made of it is not made again"
    made = load(base)
    if not isinstance(made, TrainedModel):
        raise GroundTruthError(f"'{base}' is no trained model.")
    after: TrainedNetwork = made
    for step in network.recipe:
        after = repeat_step(step, TRAINED_SYMMETRIES[step.name].make, after).network
    _require_same(network, after)
    return f"'{base}', then {', '.join(map(str, network.recipe))}, is this model"


def _require_same(network: TrainedNetwork, made: TrainedNetwork) -> None:
    """See that two networks are the same but for name, recipe and rounding."""
    pairs = {
        "architecture": (network.architecture, made.architecture),
        "correspondence": (network.correspondence, made.correspondence),
        "training": (network.training, made.training),
        "tokens": (network.token_values, made.token_values),
        "output values": (network.decoder, made.decoder),
        "domain": (tuple(network.domain.enumerate()), tuple(made.domain.enumerate())),
        "program": (_tables(network), _tables(made)),
    }
    for what, (own, other) in pairs.items():
        if own != other:
            raise GroundTruthError(f"what the recipe makes of it has another {what}.")
    for name, value in made.weights.tensors.items():
        own = network.weights.tensors[name]  # of this shape, for the architecture is the same
        if bool((own - value).abs().max() > _ROUNDING * max(1.0, float(value.abs().max()))):
            raise GroundTruthError(f"what the recipe makes of it has another {name}.")


def _tables(network: TrainedNetwork) -> object:
    inputs, length = network.domain.enumerate(), network.domain.max_seq_len
    return tabulate(network.program, inputs, max_seq_len=length, causal=network.causal)
