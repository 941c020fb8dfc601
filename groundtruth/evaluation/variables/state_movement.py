"""What interchanges do to a site's states, whatever the featurizer: where they move them, and whether they are natural.

This is defined for non-linear featurizers too, which have no subspace.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from groundtruth.evaluation.variables.landscape import Landscape
from groundtruth.results.variable_scores import Movement
from mib.featurization.featurizer import Featurizer
from mib.featurization.task import FeaturizationTask

NATURAL = 1e-2
"""A state at most this far from a natural one, in what is read of it, is that one."""

N_STATES = 1_000
"""Number of patched states of which naturalness is measured, at most."""


@torch.no_grad()
def movement_of(
    featurizer: Featurizer,
    task: FeaturizationTask,
    landscape: Landscape,
    natural: Float[Tensor, "state readable"],
    examples: Int[Tensor, "chosen"],
) -> Movement:
    """Return what a featurizer's interchanges do.

    Args:
        featurizer: Featurizer of the task's site.
        task: The pairs.
        landscape: The exact directions at the site.
        natural: The model's own states there, in coordinates of the readable space.
        examples: Numbers of the pairs.
    """
    base, source = (x.flatten(0, 1) for x in task.activations(examples))
    patched = featurizer.interchange(base, source)
    readable, live = (space.to(base) for space in (landscape.readable, landscape.live))
    changes, wanted = (patched - base) @ readable, (source - base) @ live
    made = (patched - base) @ live
    moved, own = float(changes.double().square().sum()), float(wanted.double().square().sum())
    missed = float((wanted - made).double().square().sum())
    # Below this what moves is rounding of float32, and a share of it means nothing.
    still = moved <= 1e-9 * float(base.double().square().sum())
    return Movement(
        inside=None if still else float(made.double().square().sum()) / moved,
        carried=max(0.0, 1 - missed / own) if own else None,
        natural=share_of_natural((patched @ readable)[:N_STATES], natural.to(base)),
    )


def share_of_natural(states: Float[Tensor, "row readable"], natural: Float[Tensor, "state readable"]) -> float:
    """Share of some states that are among the natural ones."""
    nearest = torch.cat([torch.cdist(part, natural).min(1).values for part in states.split(256)])
    return float((nearest <= NATURAL).double().mean())
