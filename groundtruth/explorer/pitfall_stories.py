"""The nine pitfalls as stories on the explorer's page: each with its model, its featurizers and its steps."""

from collections.abc import Callable, Mapping

from groundtruth.errors import GroundTruthError
from groundtruth.explorer.stories_of_maps import error_channel_story, nonlinear_map_story, sae_splitting_story
from groundtruth.explorer.stories_of_pairs import best_of_test_story, no_op_story
from groundtruth.explorer.stories_of_subspaces import (
    dead_copy_story,
    dormant_pathway_story,
    rotated_basis_story,
    variance_story,
)
from groundtruth.explorer.story import Story
from groundtruth.pitfalls import Outcome

STORIES: Mapping[str, Callable[[Outcome], Story]] = {
    "dormant-pathway": dormant_pathway_story,
    "dead-copy": dead_copy_story,
    "variance": variance_story,
    "rotated-basis": rotated_basis_story,
    "sae-splitting": sae_splitting_story,
    "nonlinear-map": nonlinear_map_story,
    "error-channel": error_channel_story,
    "no-op-pairs": no_op_story,
    "best-of-test": best_of_test_story,
}
"""Functions that tell each pitfall's story, by its name."""


def tell(outcome: Outcome) -> Story:
    """The story of a pitfall that was run.

    Raises:
        GroundTruthError: If it has none, as one that a plug-in brings.
    """
    try:
        return STORIES[outcome.pitfall.name](outcome)
    except KeyError:
        raise GroundTruthError(
            f"pitfall '{outcome.pitfall.name}' has no story. Those that have one: {', '.join(STORIES)}."
        ) from None
