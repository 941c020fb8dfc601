"""A dense unembedding: every direction adds something to all logits alike, which moves none before another."""

from dataclasses import replace

import torch
from numpy.random import Generator

from groundtruth.compiled.decoder import Decoder
from groundtruth.errors import VariantError
from groundtruth.model import CompiledModel
from groundtruth.rasp.evaluate import batches_of_one_length
from groundtruth.variants.hardenings.directions import back, in_directions
from groundtruth.variants.variant import Made, same_nodes


def dense_unembedding(model: CompiledModel, rng: Generator, *, scale: float = 1.0) -> Made:
    """Add to each row of the unembedding a random number, the same in all columns; read logits from their mean on.

    Differences of logits stay what they are, to the bit of rounding, while every component now has a path to them.
    The directions of decoys stay unread.

    Args:
        model: A compiled model with a categorical output that is never ``None``.
        rng: Chooses the numbers, from a normal distribution.
        scale: Its standard deviation.

    Raises:
        VariantError: For a numerical output, one of a single value, or one that may be ``None``, whose logit is the
            absolute number 0.
    """
    if len(model.decoder.values) < 2 or _gives_none(model):
        raise VariantError(
            f"the output of '{model.name}' is a number, has one value or may be None: its logits mean something by "
            "themselves, so that nothing can be added to all of them."
        )
    bare = in_directions(model)
    added = torch.from_numpy(rng.standard_normal(bare.weights.d_model)) * scale
    unread = [index for index, direction in enumerate(model.provenance.directions) if direction.kind == "decoy"]
    # A decoy that the unembedding read would lead to the output, and be none.
    added[unread] = 0.0
    weights = replace(bare.weights, W_U=bare.weights.W_U + added[:, None])
    made = replace(bare, weights=weights, decoder=Decoder(model.decoder.values, centered=True))
    return Made(back(made, model), same_nodes(model))


def _gives_none(model: CompiledModel) -> bool:
    inputs = model.domain.inputs(limit=max(model.check.inputs, 1), seed=model.check.seed).tokens
    return any(
        None in outputs
        for indices in batches_of_one_length(inputs)
        for outputs in model.run_many([inputs[i] for i in indices])
    )
