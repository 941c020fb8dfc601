"""Vocabulary projection: the directions in which the unembedding tells the answers apart, as a basis of features."""

from mib.featurization.answer_directions import answer_gram, strongest, written_by
from mib.featurization.featurizer import Featurizer
from mib.featurization.registry import featurizer
from mib.featurization.task import FeaturizationTask
from mib.hyperparameters import Count

SOURCE = "nostalgebraist 2020, interpreting GPT: the logit lens; Geva et al. 2022, arXiv 2203.14680"


@featurizer("vocabulary-projection", cost="weights alone (1F of base for a readout)", source=SOURCE)
def vocabulary_projection(task: FeaturizationTask, *, rank: Count | None = None) -> Featurizer:
    """The span of the answers' columns of the unembedding, as if the model ended at the site.

    Args:
        task: Task with the site and the answers.
        rank: Keep only the strongest dimensions; default: all, one less than there are answers.
    """
    return strongest(written_by(answer_gram(task), task), task, rank)
