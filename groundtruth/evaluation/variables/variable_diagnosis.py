"""Why a featurizer is wrong about a variable: what each direction that it found holds, and which interchanges fail."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from groundtruth.evaluation.own_task import own_copy
from groundtruth.evaluation.variables.landscape import written_at
from groundtruth.evaluation.variables.overlap import energy_of
from groundtruth.evaluation.variables.variable_evaluator import VariableEvaluator
from groundtruth.model import KnownModel
from groundtruth.results.variable_scores import Energy, VariableScores
from groundtruth.trained.trained_model import TrainedModel
from groundtruth.truth.variables.rasp_causal_model import CausalModel
from groundtruth.truth.variables.residual_sites import Site
from mib.featurization import Featurizer, FeaturizerMethod
from mib.featurization.featurizer import orthonormal

FAINT_SHARE = 0.01
"""A variable that holds less of a direction than this is not named."""


@dataclass(frozen=True)
class FoundDirection:
    """One direction of a found subspace.

    Attributes:
        energy: Shares of its squared length by what the site's directions hold.
        holds: Variables in whose span it lies, each with its share of the squared length, largest first; spans may
            overlap, so that shares need not add up to 1.
    """

    energy: Energy
    holds: tuple[tuple[str, float], ...]

    @property
    def cosine(self) -> float:
        """Cosine of its angle to the variable's live span."""
        return self.energy.live**0.5


@dataclass(frozen=True)
class FailedPair:
    """Pairs of inputs with the same two values of the variable, some of whose interchanges go wrong.

    Attributes:
        values: The variable's values in base and source, at the places that are swapped.
        isolation: True if only other variables differ, so that nothing should change.
        n_wrong: Number of test pairs of this kind that go wrong.
        n_pairs: Number of test pairs of this kind.
        base: Input that is run, of the first that goes wrong.
        source: Input that the variable is taken from there.
        expected: Output of the program there, ``None`` where nothing is selected.
        given: Output of the model there.
    """

    values: tuple[tuple[Any, ...], tuple[Any, ...]]
    isolation: bool
    n_wrong: int
    n_pairs: int
    base: tuple[Any, ...]
    source: tuple[Any, ...]
    expected: tuple[Any, ...]
    given: tuple[Any, ...]


@dataclass(frozen=True)
class VariableDiagnosis:
    """A featurization method on one variable at one site, direction by direction and pair by pair.

    Attributes:
        scores: As ``score --track variables`` has them, without controls.
        directions: An orthonormal basis of what was found, turned so that the first directions lie closest to the
            variable's live span; empty where what was found is no subspace.
        failed: Kinds of pairs that go wrong, most frequent first.
    """

    scores: VariableScores
    directions: tuple[FoundDirection, ...]
    failed: tuple[FailedPair, ...]


def diagnose_variable(
    method: FeaturizerMethod, evaluator: VariableEvaluator, parameters: Mapping[str, Any] | None = None
) -> VariableDiagnosis:
    """Run a method on a variable, and find out what it found and which interchanges fail.

    Args:
        method: Method whose errors are explained.
        evaluator: The variable at a site of a model.
        parameters: Hyper-parameters of the method.

    Raises:
        MethodError: If the method cannot run on the task or breaks its contract.
    """
    found = method(own_copy(evaluator.task), **(parameters or {}))
    return VariableDiagnosis(
        scores=replace(evaluator.score(found), method=method.name),
        directions=tuple(_directions(found, evaluator)),
        failed=tuple(_failed_pairs(found, evaluator)),
    )


def _directions(found: Featurizer, evaluator: VariableEvaluator) -> Iterator[FoundDirection]:
    if found.basis is None or not found.basis.shape[1] or evaluator.inexact:
        return
    model, landscape, place = evaluator.model, evaluator.landscape, Site.of(evaluator.site)
    basis = found.basis.detach().double().cpu()
    # The right singular vectors are the principal directions of the two subspaces; the rest of them is any basis of
    # what is orthogonal to the variable.
    _, _, turned = torch.linalg.svd(landscape.live.T @ basis, full_matrices=True)
    spans = _spans(model, place)
    for direction in (basis @ turned.T).T:
        shares = {name: float((span.T @ direction).square().sum()) for name, span in spans.items()}
        named = sorted((item for item in shares.items() if item[1] >= FAINT_SHARE), key=lambda item: -item[1])
        yield FoundDirection(energy_of(direction[:, None], landscape), tuple(named))


def _spans(model: KnownModel, place: Site) -> dict[str, Tensor]:
    """The exact spans of all variables at a site, by name."""
    if isinstance(model, TrainedModel):
        known = {str(truth.variable): truth.span_at(place) for truth in model.variables() if place in truth.sites}
        return {name: span for name, span in known.items() if span is not None}
    return {
        str(truth.variable): orthonormal(truth.variable.span_at(place, model.weights))
        for truth in written_at(model, place)
    }


def _failed_pairs(found: Featurizer, evaluator: VariableEvaluator) -> list[FailedPair]:
    """The test pairs by the variable's values in base and source; of each kind that fails, the first that does."""
    task, pairs = evaluator.task, _Pairs(evaluator)
    test = task.split.test
    right = task.right(found, examples=test)
    wrong = torch.nonzero(~right)[:, 0].tolist()
    kinds: dict[str, list[int]] = {}
    for place, example in enumerate(test.tolist()):
        kinds.setdefault(repr((pairs.values(example), pairs.isolates(example))), []).append(place)
    failed: list[FailedPair] = []
    for places in kinds.values():
        own = [place for place in places if place in set(wrong)]
        if own:
            example = int(test[own[0]])
            expected, given = pairs.outputs(found, example)
            failed.append(
                FailedPair(
                    pairs.values(example), pairs.isolates(example), len(own), len(places),
                    pairs.tokens(task.base[example]), pairs.tokens(task.source[example]), expected, given,
                )
            )  # fmt: skip
    return sorted(failed, key=lambda pair: -pair.n_wrong)


class _Pairs:
    """The pairs of a task in the program's words."""

    def __init__(self, evaluator: VariableEvaluator) -> None:
        self.task, self.model = evaluator.task, evaluator.model
        self._labels, self._causal = evaluator.truth.variable.labels, CausalModel(evaluator.model)
        self._known: dict[tuple[Any, ...], list[Any]] = {}

    def tokens(self, ids: Tensor) -> tuple[Any, ...]:
        """An input without BOS and padding."""
        skipped = (self.model.bos_id, self.model.pad_id)
        return tuple(self.model.token_values[i] for i in ids.tolist() if i not in skipped)

    def isolates(self, example: int) -> bool:
        return self.task.isolates is not None and bool(self.task.isolates[example])

    def values(self, example: int) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """The variable's values at the swapped places of base and source."""
        task = self.task
        return (
            self._values(task.base[example], task.base_positions, example),
            self._values(task.source[example], task.source_positions, example),
        )

    def _values(self, ids: Tensor, positions: Tensor | None, example: int) -> tuple[Any, ...]:
        tokens = self.tokens(ids)
        if tokens not in self._known:  # pairs share inputs, and a run of the program costs more than a look
            run = self._causal.run(tokens)
            together = list(zip(*(run[label] for label in self._labels), strict=True))
            self._known[tokens] = [parts[0] for parts in together] if len(self._labels) == 1 else together
        known = self._known[tokens]
        # Positions count BOS, values do not.
        chosen = range(1, len(known) + 1) if positions is None else positions[example].tolist()
        return tuple(known[position - 1] for position in chosen if 1 <= position <= len(known))

    def outputs(self, found: Featurizer, example: int) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Return what is expected after an interchange, and what the model gives, at the places that count."""
        task, decoder = self.task, self.model.decoder
        mask = task.mask[example]
        logits = task.interchange(found, examples=torch.tensor([example], device=task.base.device))[0]
        given = decoder.decode(decoder.codes(logits.double().cpu()[: len(mask)])[mask.cpu()])
        expected = task.expected[example][mask].cpu()
        if decoder.categorical:  # None is the answer after the model's outputs
            expected = torch.where(expected == len(decoder.values), -1, expected)
        return tuple(decoder.decode(expected)), tuple(given)
