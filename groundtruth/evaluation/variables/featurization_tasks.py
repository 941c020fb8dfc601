"""Featurization tasks out of compiled and trained models: what a method may see, and nothing of the truth."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from groundtruth.compiled.decoder import Decoder
from groundtruth.errors import DomainError
from groundtruth.evaluation.variables.interchange_pairs import Drawn, draw_telling, every_pair
from groundtruth.evaluation.variables.output_or_none import OutputOrNone
from groundtruth.evaluation.variables.predictor import Ints, Predictions, Predictor, Swaps
from groundtruth.evaluation.variables.task_sites import task_site
from groundtruth.model import CompiledModel, KnownModel, KnownVariable
from groundtruth.results.cell_settings import SIZES, Sizes
from groundtruth.trained.trained_model import TrainedModel
from groundtruth.truth.variables.residual_sites import Site
from groundtruth.truth.variables.value_pool import Ground, ProgramGround
from groundtruth.truth.variables.variable_truth import VariableTruth, program_readers
from mib.errors import did_you_mean
from mib.featurization.featurizer import Featurizer
from mib.featurization.splits import Split
from mib.featurization.task import FeaturizationTask
from mib.site import Site as TaskSite

Readers = Literal["remaining", "all"]
Labels = Literal["true", "arbitrary"]

POOL_LIMIT = 2_000
"""Domains up to this size are used whole, of larger ones a seeded sample of this size."""

_LEAST = 10
"""With fewer pairs after which the output changes there is nothing to learn from, choose by and score on."""

ISOLATION_SHARE = 1 / 3
"""Share of isolation pairs among the pairs of every split, where there are enough."""


def featurization_task(
    model: KnownModel,
    variable: str | KnownVariable,
    site: Site | TaskSite | str,
    *,
    pairs: str | None = None,
    readers: Readers = "remaining",
    labels: Labels = "true",
    sizes: Sizes = SIZES,
    seed: int = 0,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
) -> FeaturizationTask:
    """The task of finding a variable at a site, with a fresh copy of the weights as a module with hooks.

    What is expected is what the program gives when the variable is taken from the source and everything downstream is
    computed again. Two thirds of the pairs are such that the output changes, so that a no-op gets them wrong. In the
    others, isolation pairs, the variable is the same in base and source, and swapping the whole site would change the
    output. Where the model's domain has few pairs all of them are used. ``None`` (nothing selected) is an answer of
    its own, after the model's outputs.

    Variables of a trained model are swapped at all positions, BOS among them, which is the interchange that it is
    certified by.

    Args:
        model: A compiled or trained model.
        variable: Its name or label (``CompiledModel.variable``), or itself.
        site: A site, such as ``resid_post0``, ``residual.0.post``, ``a0.h0`` or ``m0``; with positions
            (``residual.0.post@2``, BOS is 0) the variable is swapped there, between inputs of the greatest length.
        pairs: ``one position``: swapped at one position a pair, any that base and source both have. ``moved``: at one
            position, with the value from another one. ``fixed``: at all positions, between inputs of the greatest
            length, the only kind for a trained model. By default the first of these that has pairs after which the
            output changes.
        readers: Who sees what is put there, in the causal model: ``remaining``: those that read at the site or later,
            which is exact. ``all``: what one would expect who takes the variable to be live at the site.
        labels: ``arbitrary``: the variable's values are shuffled, by ``seed``, over all positions of all inputs: a
            hypothesis that is false of the model.
        sizes: Number of pairs.
        seed: Chooses the pairs, and seeds every random choice of a method.
        device: Device of the model and the pairs.
        dtype: Dtype of the model.

    Raises:
        DomainError: For an unknown variable or kind of pairs, for pairs or positions that a trained model is not
            certified on, or where no interchange changes the output.
        GroundTruthError: For a site where the variable is neither written nor implicit, unless ``readers`` is ``all``.

    Example:
        >>> task = featurization_task(groundtruth.load("reverse"), "opposite", "resid_pre3")
        >>> featurizer = mib.featurization.get("das")(task, rank=4)
    """
    _require(readers, ("remaining", "all"), "readers")
    _require(labels, ("true", "arbitrary"), "labels")
    place = task_site(site)
    truth = known_variable(model, variable, place, anywhere=readers == "all")
    if isinstance(model, TrainedModel):
        pairs = _whole_inputs(model, pairs, place)
    seen = _readers_at(truth, place) if readers == "remaining" else None
    question = _Question(model, truth, seen, pairs, labels, sizes, seed, device, dtype)
    if (task := question.asked(place, of=model)) is None:
        raise DomainError(
            f"no interchange of '{truth.variable}' at '{place}' of '{model.name}' changes the output "
            f"({pairs or 'any'} pairs): there is nothing to find. {_instead(truth, readers)}"
        )
    return task


def known_variable(
    model: KnownModel, variable: str | KnownVariable, site: TaskSite, *, anywhere: bool = False
) -> KnownVariable:
    """A variable as it is at a site: written there, or implicit.

    Args:
        model: A compiled or trained model.
        variable: Its name or label, or itself.
        site: Site at which it is sought.
        anywhere: True if it need not be there at all.

    Raises:
        DomainError: For an unknown variable.
        GroundTruthError: If it is not at the site.
    """
    if not isinstance(variable, str):
        return variable
    return model.variable(variable) if anywhere else model.variable_at(variable, Site.of(site))


def every_pair_task(
    model: TrainedModel,
    truth: KnownVariable,
    site: TaskSite,
    *,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
) -> FeaturizationTask | None:
    """The interchanges of a trained model's variable on every pair of inputs, to be scored on; ``None`` if too many.

    Args:
        model: A trained model.
        truth: One of its variables.
        site: A place where it is live.
        device: See ``featurization_task``.
        dtype: See ``featurization_task``.
    """
    question = _Question(model, truth, _readers_at(truth, site), "fixed", "true", SIZES, 0, device, dtype)
    return question.asked_everywhere(site)


def _whole_inputs(model: TrainedModel, pairs: str | None, site: TaskSite) -> str:
    """The kind of pairs of a trained model; another kind, or positions of a site, are no interchange known of it."""
    what = f"pairs='{pairs}'" if pairs not in (None, "fixed") else f"site '{site}'" if site.positions else ""
    if what:
        raise DomainError(
            f"{what}: interchanges of '{model.name}' are known at all positions alone, for so it was trained and "
            f"certified. Leave out {'pairs' if pairs not in (None, 'fixed') else 'the positions'}."
        )
    return "fixed"


def _readers_at(truth: KnownVariable, site: TaskSite) -> Collection[str] | None:
    """Who sees what is put at a site, in the causal model; ``None`` for all, where none has read it yet."""
    place = Site.of(site)
    if isinstance(truth, VariableTruth):
        return program_readers(truth.variable, truth.at(place))
    truth.at(place)
    return None


def other_program_task(
    model: CompiledModel,
    variable: str | VariableTruth,
    site: Site | TaskSite | str,
    variant: CompiledModel,
    variant_site: TaskSite,
    *,
    pairs: str | None = None,
    sizes: Sizes = SIZES,
    seed: int = 0,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
) -> FeaturizationTask | None:
    """A variable of one model, sought in another that behaves alike: pairs and labels of the one, runs of the other.

    Args:
        model: Whose variable it is.
        variable: See ``featurization_task``.
        site: Its site in ``model``.
        variant: Variant that is run.
        variant_site: Site at which it is sought.
        pairs: See ``featurization_task``.
        sizes: See ``featurization_task``.
        seed: See ``featurization_task``.
        device: See ``featurization_task``.
        dtype: See ``featurization_task``.

    Returns:
        ``None`` if no interchange between inputs that both models take changes the output.
    """
    place = task_site(site)
    truth = known_variable(model, variable, place)
    question = _Question(model, truth, _readers_at(truth, place), pairs, "true", sizes, seed, device, dtype)
    return question.asked(replace(variant_site, positions=place.positions), of=variant)


@lru_cache(maxsize=4)
def ground_of(model: CompiledModel) -> Ground:
    """A compiled model's inputs with the program's values and the model's states on them, kept for the next task."""
    return Ground(model, limit=POOL_LIMIT)


def program_ground_of(model: KnownModel) -> ProgramGround:
    """A model's inputs with the program's values on them, kept for the next task."""
    return ground_of(model) if isinstance(model, CompiledModel) else _trained_ground_of(model)


@lru_cache(maxsize=4)
def _trained_ground_of(model: TrainedModel) -> ProgramGround:
    return ProgramGround(model, limit=POOL_LIMIT)


@dataclass(frozen=True, eq=False)
class _Question:
    """What is sought, on which pairs."""

    model: KnownModel
    truth: KnownVariable
    readers: Collection[str] | None
    pairs: str | None
    labels: Labels
    sizes: Sizes
    seed: int
    device: str | torch.device
    dtype: torch.dtype

    def asked(self, site: TaskSite, *, of: KnownModel) -> FeaturizationTask | None:
        """The task at a site of a model that behaves as the variable's; ``None`` if no output changes."""
        ground, rng = program_ground_of(self.model), np.random.default_rng([self.seed, 7])
        mixed = rng if self.labels == "arbitrary" else None
        predictor = Predictor(ground, self.truth.variable.labels, self.readers, rng=mixed)
        drawn = draw_telling(predictor, site, self.pairs, n=2 * self.sizes.total, rng=rng)
        assembly = _Assembly(of, self.model.decoder, predictor, site.at(None), self.seed, self.device, self.dtype)
        if of is not self.model:
            drawn = Drawn(assembly.sayable(drawn.causes), assembly.sayable(drawn.isolations), drawn.exhaustive)
        if len(drawn.causes) < _LEAST:
            return None
        chosen = _chosen(assembly, drawn, self.sizes)
        return assembly.task(chosen.take(rng.permutation(len(chosen))), _split(len(chosen), self.sizes))

    def asked_everywhere(self, site: TaskSite) -> FeaturizationTask | None:
        """The task of all pairs of inputs on which the program has a value; ``None`` if they are too many."""
        predictor = Predictor(program_ground_of(self.model), self.truth.variable.labels, self.readers)
        if (swaps := every_pair(predictor)) is None:
            return None
        swaps = swaps.take(np.flatnonzero(predictor.predict(swaps).defined))
        assembly = _Assembly(self.model, self.model.decoder, predictor, site, self.seed, self.device, self.dtype)
        everywhere = torch.arange(len(swaps))
        return assembly.task(swaps, Split(everywhere[:0], everywhere[:0], everywhere))


@dataclass(frozen=True, eq=False)
class _Assembly:
    """Tasks out of interchanges.

    Attributes:
        model: Model that is run.
        decoder: Decoder of the program that predicts.
        predictor: Program that predicts.
        site: Site at which the variable is sought.
        seed: Seed of the task.
        device: Device of the model and the pairs.
        dtype: Dtype of the model.
    """

    model: KnownModel
    decoder: Decoder
    predictor: Predictor
    site: TaskSite
    seed: int
    device: str | torch.device
    dtype: torch.dtype

    def task(self, swaps: Swaps, split: Split) -> FeaturizationTask:
        """The task of some interchanges, with BOS before every input and PAD, which attention skips, after it."""
        found = self.predictor.predict(swaps)
        values, same = _numbered(found), torch.from_numpy(found.same)
        positions = torch.from_numpy(np.stack([swaps.base_positions, swaps.source_positions]) + 1)
        if isinstance(self.model, TrainedModel):  # BOS's position too, at which no value is
            values, positions = F.pad(values, (1, 0), value=-1), F.pad(positions, (1, 0))
        base, source = (self._encoded(swaps, which) for which in (swaps.base, swaps.source))
        padded = bool((base == self.model.pad_id).any()) or bool((source == self.model.pad_id).any())
        expected = torch.where(same[:, None], found.own, found.expected)
        tensors = {
            "base": base,
            "source": source,
            "expected": F.pad(self._answers(expected), (1, 0))[:, : base.shape[1]],
            "mask": F.pad(torch.from_numpy(found.real), (1, 0))[:, : base.shape[1]],
            "isolates": same if bool(same.any()) else None,
            "base_values": values[0],
            "source_values": values[1],
            "base_positions": positions[0],
            "source_positions": positions[1],
            "base_attention_mask": base != self.model.pad_id if padded else None,
            "source_attention_mask": source != self.model.pad_id if padded else None,
        }
        placed: dict[str, Any] = {k: None if v is None else v.to(self.device) for k, v in tensors.items()}
        return FeaturizationTask(
            model=self.model.module(self.dtype).to(self.device),
            site=self.site,
            split=split,
            seed=self.seed,
            readout=OutputOrNone(self.model.decoder.centered) if self.decoder.categorical else None,
            **placed,
        )

    def sayable(self, swaps: Swaps) -> Swaps:
        """The interchanges between inputs that the model takes, of which it can say what is expected."""
        domain = self.model.domain
        taken = np.array([tokens in domain for tokens in self.predictor.inputs])
        swaps = swaps.take(np.flatnonzero(taken[swaps.base] & taken[swaps.source]))
        if not len(swaps) or not self.decoder.categorical:
            return swaps
        found = self.predictor.predict(swaps)
        # An answer that the other model has no output for could be right of nothing.
        known = (self._answers(found.expected) >= 0) | ~torch.from_numpy(found.real)
        return swaps.take(np.flatnonzero(known.all(1).numpy()))

    def _encoded(self, swaps: Swaps, which: Ints) -> Tensor:
        width = min(self.predictor.width, self.model.domain.max_seq_len)
        return self.model.encode([self.predictor.inputs[i] for i in which], length=width)

    def _answers(self, codes: Tensor) -> Tensor:
        """Codes of the program as what is expected of the model: indices of its outputs, ``None`` after them."""
        if not self.decoder.categorical:
            return codes.to(self.dtype)
        n_outputs = len(self.model.decoder.values)
        translated = self.model.decoder.encode([*self.decoder.values, None])
        return torch.where(translated == -1, n_outputs, translated)[codes]


def _require(given: str, allowed: Collection[str], name: str) -> None:
    if given not in allowed:
        raise DomainError(
            f"{name}='{given}' is unknown.{did_you_mean(given, allowed)} Choose from {', '.join(allowed)}."
        )


def _instead(truth: KnownVariable, readers: Readers) -> str:
    if readers == "all":
        return "Choose another variable (groundtruth show NAME --variables)."
    live = [str(site) for stage in truth.stages if stage.rank for site in stage.sites if site.residual]
    return f"It is live at: {', '.join(live) or 'no residual stream'}."


def _chosen(assembly: _Assembly, drawn: Drawn, sizes: Sizes) -> Swaps:
    """Causes, and as isolations those that swapping the whole site gets wrong, up to their share."""
    # As many as make up the share of what there will be, causes and isolations together.
    wanted = round(ISOLATION_SHARE * min(sizes.total, len(drawn.causes) / (1 - ISOLATION_SHARE)))
    # Four times as many: not all of them are gotten wrong by swapping the whole site.
    isolations = drawn.isolations.take(np.arange(min(len(drawn.isolations), 4 * wanted)))
    if len(isolations):
        every = torch.arange(len(isolations))
        tried = assembly.task(isolations, Split(every[:0], every[:0], every))
        whole = Featurizer.subspace(torch.eye(tried.width, dtype=assembly.dtype, device=tried.base.device))
        isolations = isolations.take(np.flatnonzero((~tried.right(whole)).cpu().numpy())[:wanted])
    causes = drawn.causes.take(np.arange(min(len(drawn.causes), sizes.total - len(isolations))))
    return Swaps.join([causes, isolations])


def _split(n: int, sizes: Sizes) -> Split:
    """The first pairs to learn from, the next to choose by, the last to be scored on."""
    total = min(n, sizes.total)
    n_train, n_test = (max(1, round(total * part / sizes.total)) for part in (sizes.train, sizes.test))
    order = torch.arange(n)
    return Split(order[:n_train], order[n_train : n - n_test], order[n - n_test :])


def _numbered(found: Predictions) -> Tensor:
    """The variable's values as numbers from 0 on, -1 where it has none, of bases and of sources [2, pair, chosen]."""
    codes = np.stack([found.base_values, found.source_values])
    known = np.unique(codes[codes > 0])
    return torch.from_numpy(np.where(codes > 0, np.searchsorted(known, codes), -1))
