"""Directions of the final residual stream along which a task's answers part, as weights alone give them.

They are kept as a Gram matrix, the sum of n n' over directions n: it does not grow with their number, and its
eigenvectors are the directions' singular vectors.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from mib.errors import MethodError
from mib.featurization.featurizer import Featurizer
from mib.featurization.readout import Readout
from mib.featurization.task import FeaturizationTask
from mib.models.adapters.parts import fold_norm

Gram = Float[Tensor, "d d"]

TOLERANCE = 1e-10
"""Eigenvalues up to this share of the largest count as zero: singular values up to its root, 1e-5."""


def answer_gram(task: FeaturizationTask) -> Gram:
    """The Gram matrix of the answers' directions, in float64; the scale of the final norm, a number, is left out.

    The answers are those that the training examples expect. Each one's direction is the unembedding's column, relative
    to the mean of all: what is added to every logit alike changes no answer. Numbers have one direction, that of what
    is read.

    Args:
        task: Task with the answers.

    Raises:
        MethodError: If there is no training example, or the answers do not differ.
    """
    train = task.split.train
    if not len(train):
        raise MethodError("there is no answer to learn from: give the task a split with training examples.")
    gram = _gram_of(task, _unembedding(task)) if task.readout is None else _gram_of_readout(task, task.readout)
    if not bool((gram != 0).any()):
        raise MethodError(
            "all training examples expect one answer, or one that no logit tells from the others: there is no "
            "direction in which answers part. Give the task examples that expect different answers."
        )
    return gram


def written_by(gram: Gram, task: FeaturizationTask) -> Gram:
    """The same directions at the task's site, from those of the stream that the site's component writes into."""
    site = task.site
    if site.output != "z" or site.head is None:
        return gram
    W_O = task.anatomy.blocks[site.layer].attention.W_O[site.head].double()
    return W_O @ gram @ W_O.T


def strongest(gram: Gram, task: FeaturizationTask, rank: int | None) -> Featurizer:
    """The subspace that directions span, or its ``rank`` strongest dimensions.

    Args:
        gram: Gram matrix of the directions, at the task's site.
        task: Task with the dtype and device of the basis.
        rank: Number of dimensions; None for all.
    """
    values, vectors = torch.linalg.eigh(gram)  # ascending
    n = int((values > TOLERANCE * values[-1]).sum())
    return Featurizer.subspace(vectors.flip(1)[:, :n][:, :rank].to(task.anatomy.W_U))


def _unembedding(task: FeaturizationTask) -> Float[Tensor, "d_model answer"]:
    """The columns of the answers."""
    if not task.answers.categorical:
        return task.anatomy.W_U[:, :1].double()
    columns = task.anatomy.W_U[:, _expected(task)].double()
    return columns - columns.mean(1, keepdim=True)


def _expected(task: FeaturizationTask) -> Tensor:
    """The answers of the training examples, each once, where they count."""
    train = task.split.train
    return task.expected[train][task.mask[train]].unique()


def _gram_of(task: FeaturizationTask, directions: Float[Tensor, "d_model direction"]) -> Gram:
    folded = fold_norm(task.anatomy.final_norm, directions)
    return folded @ folded.T


def _gram_of_readout(task: FeaturizationTask, readout: Readout) -> Gram:
    """The directions of what a readout reads on the bases, by its gradient at the logits."""
    W_U = task.anatomy.W_U
    gram = torch.zeros(len(W_U), len(W_U), dtype=torch.float64, device=W_U.device)
    for batch in task.pairs.batches(task.split.train):
        with torch.no_grad():
            logits = task.logits(batch, task.activations(batch)[0])
        logits = logits.requires_grad_()
        read = _numbers(task, readout(logits, batch), batch)
        for number in range(read.shape[-1]):
            (gradient,) = torch.autograd.grad(read[..., number].sum(), logits, retain_graph=True)
            # Positions that nothing reads have no gradient, and are not multiplied.
            rows = gradient[gradient.ne(0).any(-1)]
            gram += _gram_of(task, (rows @ W_U.T).T.double())
    return gram


def _numbers(task: FeaturizationTask, read: Tensor, batch: Tensor) -> Float[Tensor, "read number"]:
    """Give what was read wherever a prediction counts: one number, or each answer's lead on the mean of all."""
    if not task.answers.categorical:
        return (read[:, None] if read.ndim == 1 else read)[task.mask[batch]][:, None]
    scores = read[task.mask[batch]][:, _expected(task)]
    return scores - scores.mean(1, keepdim=True)
