"""Observable propagation: what the answers read of a site, along every path of attention heads to the logits.

An observable is a linear functional of the logits, here an answer's lead on the mean of the answers. A head that
attends to a position carries its value through W_V W_O, whatever its pattern; so an observable n at the head's output
is the observable W_V W_O n at its input, and each path of heads from the site to the logits, the empty one among them,
gives one feature vector for each observable. Norms are linear but for their scale, which is a number for each position
and turns no direction. Queries and keys are not followed, nor MLPs, which every path goes around.

Paths grow exponentially with depth. Their vectors' Gram matrix does not: with G that of the stream after a layer,
that of the stream before it is G + sum over heads of (W_V W_O) G (W_V W_O)'.
"""

import torch

from mib.featurization.answer_directions import Gram, answer_gram, strongest, written_by
from mib.featurization.featurizer import Featurizer
from mib.featurization.registry import featurizer
from mib.featurization.site_runs import next_layer
from mib.featurization.task import FeaturizationTask
from mib.hyperparameters import Count
from mib.models.adapters.parts import Attention, fold_norm


@featurizer(
    "observable-propagation",
    cost="weights alone (1F of base for a readout)",
    source="Dunefsky and Cohan 2023, arXiv 2312.16291",
)
def observable_propagation(task: FeaturizationTask, *, rank: Count | None = 16) -> Featurizer:
    """The strongest directions among the feature vectors of all observables and all paths through OV circuits.

    Args:
        task: Task with the site and the answers.
        rank: Number of dimensions; None for all that the feature vectors span.
    """
    gram = answer_gram(task)
    for block in reversed(task.anatomy.blocks[next_layer(task.site) :]):
        gram = gram + _through_heads(block.attention, gram)
    return strongest(written_by(gram, task), task, rank)


def _through_heads(attention: Attention, gram: Gram) -> Gram:
    """The Gram matrix at a layer's input of paths that go through one of its heads."""
    W_V = torch.stack([fold_norm(attention.norm, weight) for weight in attention.W_V])
    post = attention.post
    W_O = attention.W_O.double() * (1.0 if post is None or post.weight is None else post.weight.double())
    between = W_O @ gram @ W_O.mT  # [head, d_head, d_head]
    return (W_V @ between @ W_V.mT).sum(0)
