"""Localization tasks out of compiled models: what a method may see, and nothing of the truth."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from groundtruth.compiled.decoder import Decoder
from groundtruth.compiled.domain import Domain, Pair, Tokens
from groundtruth.errors import DomainError
from groundtruth.evaluation.circuits.answer_difference import AnswerDifference
from groundtruth.evaluation.circuits.precision import require_precision
from groundtruth.model import KnownModel
from groundtruth.results.cell_settings import N_PAIRS
from groundtruth.truth.circuits.circuit import Ablation, Lengths, require_ablation, require_lengths
from groundtruth.truth.circuits.input_pool import POOL_LIMIT
from groundtruth.truth.circuits.prover import default_lengths
from mib.engine import Metric
from mib.levels import Level
from mib.localization.task import LocalizationTask
from mib.metrics.answer_metrics import NegativeSquaredDistance

_DRAWS = 8
"""Number of times that pairs are drawn anew until enough of them have answers that differ."""


def localization_task(
    model: KnownModel,
    *,
    ablation: str = "resample",
    lengths: str | None = None,
    n_pairs: int = N_PAIRS,
    seed: int = 0,
    level: Level = "edge",
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
) -> LocalizationTask:
    """A task on a compiled model, with a fresh copy of its weights as a module with hooks.

    Under ``resample`` the examples are pairs drawn from the domain. Under ``zero`` and ``mean`` they are inputs of the
    domain, all of them where there are at most ``n_pairs``, each with a counterfactual for its answer. Pairs whose
    answers agree everywhere are left out. A categorical model is measured by the logit of the clean answer minus that
    of the counterfactual answer, in the mean over the positions of the clean input where the two differ; the logit of
    ``None`` (nothing selected) is 0, and where the counterfactual is shorter its answer is what the model says at PAD.
    A numerical model is measured by minus the squared distance to the clean output, in the mean over the positions of
    the clean input.

    Args:
        model: A compiled or trained model.
        ablation: Kind of ablation of cut edges: ``resample``, ``zero``, ``mean`` or ``mean-positional``.
        lengths: ``fixed``: inputs of the greatest length; ``mixed``: of all lengths, padded on the right. By default
            as the model's ``circuit`` has it.
        n_pairs: Number of examples, at most: small domains have fewer.
        seed: Chooses them, and seeds every random choice of a method.
        level: Parts that are scored: edges, nodes or neurons.
        device: Device of the model and the examples.
        dtype: Dtype of the model.

    Raises:
        DomainError: For an unknown ablation or kind of lengths, mixed lengths of a model that padding disturbs, or a
            domain without two inputs whose answers differ; or a dtype in which the model does something else.
    """
    kind = require_ablation(ablation)
    which = require_lengths(lengths or default_lengths(model))
    if which == "mixed" and not model.pad_safe:
        raise DomainError(
            f"lengths='mixed' pads inputs to one length, and padding changes what '{model.name}' gives. "
            "Use lengths='fixed'."
        )
    if n_pairs < 1:
        raise DomainError(f"n_pairs={n_pairs} leaves no example; use at least 1.")
    examples = _examples(model, kind, which, n_pairs, seed)
    module = model.module(dtype).to(device)
    clean, counterfactual = examples.clean.to(device), examples.counterfactual.to(device)
    require_precision(model, module, dtype, clean, counterfactual)
    return LocalizationTask(
        model=module,
        clean=clean,
        counterfactual=counterfactual,
        metric=examples.metric(model.decoder, device),
        ablation=kind,
        level=level,
        graph=model.graph,
        seed=seed,
    )


@dataclass(frozen=True, eq=False)
class _Examples:
    """Pairs of inputs with the answers to them.

    Attributes:
        clean: Token ids [example, position].
        counterfactual: Token ids [example, position].
        answers: Outputs that the model decodes to on the clean inputs [example, position], as codes of its decoder.
        others: The same on the counterfactual inputs.
        mask: Positions that the metric counts [example, position].
    """

    clean: Tensor
    counterfactual: Tensor
    answers: Tensor
    others: Tensor
    mask: Tensor

    def take(self, rows: Tensor) -> "_Examples":
        return _Examples(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    def metric(self, decoder: Decoder, device: str | torch.device) -> Metric:
        mask = self.mask.to(device)
        if decoder.categorical:
            correct, incorrect = self.answers.to(device), self.others.to(device)
            return AnswerDifference.of(correct, incorrect, mask, n_outputs=len(decoder.values))
        return NegativeSquaredDistance(self.answers.to(device), mask)

    def __len__(self) -> int:
        return len(self.clean)


def _examples(model: KnownModel, ablation: Ablation, lengths: Lengths, n: int, seed: int) -> _Examples:
    """Examples whose answers differ somewhere."""
    domain = model.domain if lengths == "mixed" else _longest(model)
    # As wide as the runs that the truth was proven on: one PAD more, and a model that padding disturbs computes no more
    # what its program does.
    width = max(domain.possible_lengths)
    draws = _pairs(domain, lengths, n, seed) if ablation == "resample" else _paired_inputs(domain, n, seed)
    found: list[Pair] = []
    known: set[tuple[Tokens, ...]] = set()
    for drawn in draws:
        # Under resample a pair counts once; else an input does, since its counterfactual only gives another answer.
        fresh = {(pair if ablation == "resample" else (pair.clean,)): pair for pair in drawn}
        pairs = [pair for key, pair in fresh.items() if key not in known]
        if not pairs:
            continue
        # A pair whose answers agree has a metric of 0 on either side: there is nothing to recover.
        kept = [pairs[i] for i in torch.nonzero(_encoded(model, pairs, width).mask.any(1))[:, 0].tolist()]
        known.update(pair if ablation == "resample" else (pair.clean,) for pair in kept)
        found += kept
        if len(found) >= n:
            break
    if not found:
        raise DomainError(
            f"no two inputs of '{model.name}' ({lengths} lengths) have answers that differ: there is nothing to "
            "localize."
        )
    return _encoded(model, found[:n], width)


def _encoded(model: KnownModel, pairs: Sequence[Pair], width: int) -> _Examples:
    """Run pairs, padded to one length, and mark the positions where the metric compares answers."""
    clean, counterfactual = (model.encode([pair[i] for pair in pairs], length=width) for i in (0, 1))
    answers, others = (model.decoder.codes(model.logits(ids)) for ids in (clean, counterfactual))
    # BOS and PAD have logits too, and no answer of the program.
    real = (clean != model.bos_id) & (clean != model.pad_id)
    differ = real & model.decoder.differ(answers, others)
    mask = differ if model.decoder.categorical else real & differ.any(1, keepdim=True)
    return _Examples(clean, counterfactual, answers, others, mask)


def _pairs(domain: Domain, lengths: Lengths, n: int, seed: int) -> Iterator[list[Pair]]:
    """Pairs of inputs, drawn anew each time."""
    for draw in range(_DRAWS):
        # Twice as many, for about half of all pairs agree; a seed a draw, so that the next one brings others.
        yield domain.pairs(lengths, n=2 * n, seed=seed * _DRAWS + draw)


def _paired_inputs(domain: Domain, n: int, seed: int) -> Iterator[list[Pair]]:
    """The same inputs each time, or a sample of them, with counterfactuals drawn anew."""
    inputs = domain.inputs(limit=POOL_LIMIT).tokens
    rng = random.Random(seed)
    chosen = inputs if len(inputs) <= n else sorted(rng.sample(inputs, n))
    for _ in range(_DRAWS):
        yield [Pair(clean, rng.choice(inputs)) for clean in chosen]


def _longest(model: KnownModel) -> Domain:
    """The domain's inputs of the greatest length that has any."""
    longest = max(len(tokens) for tokens in model.domain.inputs(limit=POOL_LIMIT))
    return model.domain.with_lengths(longest, longest)
