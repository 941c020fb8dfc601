"""A task on a model, for featurizers: swap a variable at a site, and the answer must be the hypothesis's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from typing import Any, Literal, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mib.errors import TaskError, did_you_mean
from mib.featurization.splits import Split
from mib.featurization.task import FeaturizationTask
from mib.memory_budget import MEMORY
from mib.models.adapters.anatomy import Anatomy
from mib.models.adapters.decompose import decompose
from mib.site import Site
from mib.tasks.data_parts import PARTS
from mib.tasks.encoder import LAST, place_of
from mib.tasks.example import Prompt
from mib.tasks.pair_selection import Pair, check_right_on, select
from mib.tasks.task_causal_model import CausalModel, Settings
from mib.tasks.task_definition import TaskDefinition
from mib.tasks.token_pairs import Data, Pairing, make_pairing, pad_pairs

EVERYWHERE = "all"
"""MIB's name for a site at every position."""

SHARE = 0.2
"""Share of the pairs in validation, and in test."""

PairCount = int | tuple[int, int, int]
"""Number of pairs in all, or of each part of the data: train, validation and test."""

Labels = Literal["true", "arbitrary"]
"""Kinds of values of the variable that prompts are said to have."""


def featurization(
    task: TaskDefinition,
    model: Any,
    tokenizer: Any = None,
    *,
    variable: str,
    site: Site,
    position: str = "last",
    family: str | Sequence[str] | None = None,
    n: PairCount = 200,
    split: str | None = None,
    seed: int = 0,
    data: Data = None,
    right_on: str = "both",
    causal_model: CausalModel | None = None,
    labels: Labels = "true",
    bos: bool | None = None,
    answer_prefix: str | None = None,
    memory: int = MEMORY,
) -> FeaturizationTask:
    """A task on a model, for featurizers.

    Args:
        task: The task.
        model: A ``mib.LoadedModel``, or anything that ``mib.models.adapters.decompose`` takes apart.
        tokenizer: A fast tokenizer; default: the model's own.
        variable: Variable of the causal model; it is taken from the counterfactual.
        site: Site at which it is sought; its own positions, if it has any, are replaced.
        position: A place in the prompts by name, in bases and counterfactuals each where it stands there (its last
            token); ``last``, or ``all`` for every position at once.
        family: Family of counterfactuals, one or several; default: MIB's.
        n: Number of pairs: in all, or to learn from, to choose by and to score on.
        split: A part to take all pairs from, parted anew by ``seed``. Default: 60, 20 and 20 % of the pairs from the
            data's own train, validation and test parts, which share no prompt; examples that are given have no parts,
            and are parted by ``seed``.
        seed: Seed of generated examples and of every random choice of a method.
        data: None to make examples up; ``hub`` for MIB's; a folder in MIB's columns; or examples.
        right_on: Keep pairs only if the model is right on the ``base`` or on ``both`` prompts; MIB keeps ``both``.
        causal_model: Another hypothesis than the task's; one whose output is a number predicts the difference of
            logits between the base's right and wrong answer (``mib.tasks.ioi_linear``).
        labels: ``arbitrary``: the variable's values are shuffled over the prompts, by ``seed``: a hypothesis that is
            false of any model. A pair keeps its own where that leads to no answer.
        bos: True if prompts begin with the beginning-of-sequence token; default: if the tokenizer has one.
        answer_prefix: Start of the answers, instead of the task's own space or nothing.
        memory: Bytes that a run may use beside the model.

    Raises:
        TaskError: If there are fewer pairs than asked for, the tokenizer does not fit task or model, or an argument is
            unknown.
        FormatError: If a data set is malformed.
    """
    hypothesis = _checked_hypothesis(task, causal_model, variable, labels)
    families = (family,) if family is None or isinstance(family, str) else tuple(family)
    pairing = make_pairing(task, model, tokenizer, families=families, bos=bos, answer_prefix=answer_prefix)
    interchange = _Interchange(pairing, hypothesis, variable, position)
    anatomy = decompose(model)
    found, parts = interchange.find(anatomy, data=data, split=split, seed=seed, n=n, right_on=right_on)
    if labels == "arbitrary":
        interchange, found = interchange.mixed_up(found, seed)
    return FeaturizationTask(
        model=model,
        site=site.at(-1 if position in LAST else None),
        split=parts,  # pyright: ignore[reportArgumentType] - None: the usual one
        seed=seed,
        memory=memory,
        **_built(interchange, found, anatomy),
    )


def _checked_hypothesis(
    task: TaskDefinition, causal_model: CausalModel | None, variable: str, labels: str
) -> CausalModel:
    """Return the causal model that is asked for, or the task's own, if it fits the other arguments."""
    hypothesis = task.causal_model if causal_model is None else causal_model
    if hypothesis is None:
        raise TaskError(f"task {task.name} has no causal model: give causal_model.")
    if task.candidates and causal_model is None:
        raise TaskError(f"task {task.name} has several right answers, so its causal model predicts none of them alone.")
    hypothesis.check(variable)
    if labels not in get_args(Labels):
        known = get_args(Labels)
        raise TaskError(f"unknown labels '{labels}'.{did_you_mean(labels, known)} Known: {', '.join(known)}.")
    return hypothesis


def _sizes_of_parts(n: PairCount) -> list[int]:
    """Return how many pairs there are to learn from, to choose by and to score on."""
    if isinstance(n, int):
        if n < 5:
            raise TaskError(f"n={n}: ask for at least 5 pairs, to learn from, to choose by and to score on.")
        return [n - 2 * round(SHARE * n), round(SHARE * n), round(SHARE * n)]
    if len(n) != len(PARTS) or min(n) < 1:
        raise TaskError(f"n={n}: give one number, or three of at least 1: to learn from, to choose by, to score on.")
    return list(n)


Found = tuple[Pair, float | int]
"""A pair and what is predicted of it: a number, or the token of an answer."""


@dataclass(frozen=True, eq=False)
class _Interchange:
    """What happens to pairs when a variable is taken from the counterfactual."""

    pairing: Pairing
    hypothesis: CausalModel
    variable: str
    position: str
    instead: Mapping[str, Settings] = field(default_factory=dict[str, Settings])
    """Settings that the variable's value is taken from, by the text of a prompt, where it is not the prompt itself."""

    def find(
        self, anatomy: Anatomy, *, data: Data, split: str | None, seed: int, n: PairCount, right_on: str
    ) -> tuple[list[Found], Split | None]:
        """Pairs of one part, or of each with which are of which."""
        sizes = _sizes_of_parts(n)
        if split is not None or not (data is None or isinstance(data, str | PathLike)):
            part = split or PARTS[0]  # examples that are given have no parts of their own
            if not isinstance(n, int):
                raise TaskError(f"n={n} has a number for each part, but all pairs come from one: give their sum.")
            return self._find(anatomy, data=data, split=part, seed=seed, n=n, right_on=right_on), None
        parts = [
            self._find(anatomy, data=data, split=part, seed=seed, n=size, right_on=right_on)
            for part, size in zip(PARTS, sizes, strict=True)
        ]
        return [found for part in parts for found in part], Split(*torch.arange(sum(sizes)).split(sizes))

    def _find(self, anatomy: Anatomy, *, data: Data, split: str, seed: int, n: int, right_on: str) -> list[Found]:
        predictions: dict[Pair, float | int] = {}

        def predicted(pair: Pair | str) -> Pair | str:
            value = pair if isinstance(pair, str) else self.predict(pair)
            if isinstance(pair, str) or isinstance(value, str):
                return str(value)
            predictions[pair] = value
            return pair

        candidates = map(predicted, self.pairing.candidates(data, split=split, seed=seed))
        padding, kind, task = self.pairing.encoder.padding, check_right_on(right_on), self.pairing.task.name
        chosen = select(candidates, anatomy, padding=padding, n=n, right_on=kind, task=task)
        return [(pair, predictions[pair]) for pair in chosen.pairs]

    def predict(self, pair: Pair) -> float | int | str:
        """Give what the hypothesis says: a number, the token of an answer, or why there is neither."""
        if self.position == EVERYWHERE and len(pair.base.ids) != len(pair.source.ids):
            return "base and counterfactual differ in their number of tokens"
        sources = {self.variable: self._settings(pair.counterfactual)}
        output = self.hypothesis.interchange(pair.example.variables, sources)[self.hypothesis.output]
        return output if isinstance(output, float) else self.pairing.predicted(str(output))

    def mixed_up(self, found: Sequence[Found], seed: int) -> tuple[_Interchange, list[Found]]:
        """With the variable's values shuffled over all prompts."""
        sides = [prompt for pair, _ in found for prompt in (pair.example.base, pair.counterfactual)]
        prompts = {prompt.text: prompt.variables for prompt in sides}
        order = torch.randperm(len(prompts), generator=torch.Generator().manual_seed(seed)).tolist()
        values = [*prompts.values()]
        other = replace(self, instead={text: values[i] for text, i in zip(prompts, order, strict=True)})
        predicted = [(pair, own, other.predict(pair)) for pair, own in found]
        return other, [(pair, own if isinstance(value, str) else value) for pair, own, value in predicted]

    def _settings(self, prompt: Prompt) -> Settings:
        return self.instead.get(prompt.text, prompt.variables)

    def places(self, pairs: Sequence[Pair], n_positions: int) -> tuple[Tensor, Tensor] | None:
        """Return where the position is in each base and source, [example, 1]; None for everywhere."""
        if self.position == EVERYWHERE:
            return None
        bases = [place_of(pair.example.base, pair.base, self.position) for pair in pairs]
        sources = [place_of(pair.counterfactual, pair.source, self.position) for pair in pairs]
        return torch.tensor(bases)[:, None] + n_positions, torch.tensor(sources)[:, None] + n_positions

    def values(self, pairs: Sequence[Pair]) -> tuple[Int[Tensor, "example"], Int[Tensor, "example"]]:
        """The variable on bases and sources, a number from 0 for each distinct value."""
        sides = [
            [str(self.hypothesis.run(self._settings(prompt))[self.variable]) for prompt in prompts]
            for prompts in ([pair.example.base for pair in pairs], [pair.counterfactual for pair in pairs])
        ]
        numbers = {value: i for i, value in enumerate(sorted({*sides[0], *sides[1]}))}
        base, source = (torch.tensor([numbers[value] for value in side]) for side in sides)
        return base, source

    def isolated(self, pairs: Sequence[Pair]) -> Bool[Tensor, "example"] | None:
        """Return which prompts ask for something else."""
        asks = self.pairing.task.isolates
        return None if asks is None else torch.tensor([asks(pair.example.base, self.variable) for pair in pairs])


def _built(interchange: _Interchange, found: list[Found], anatomy: Anatomy) -> dict[str, Any]:
    """The parts of a featurization task that the pairs give."""
    pairs = tuple(pair for pair, _ in found)
    tokens, masks = pad_pairs(pairs, interchange.pairing.encoder, anatomy)
    device, n_positions = tokens.device, tokens.shape[2]
    wanted = torch.tensor([value for _, value in found], device=device)
    numbers = wanted.is_floating_point()
    places = interchange.places(pairs, n_positions)
    n_chosen = n_positions if places is None else 1
    values = [side[:, None].expand(-1, n_chosen).to(device) for side in interchange.values(pairs)]
    isolates = interchange.isolated(pairs)
    last = torch.arange(n_positions, device=device) == n_positions - 1
    return {
        "base": tokens[0],
        "source": tokens[1],
        "expected": wanted[:, None].expand(-1, 1 if numbers else n_positions),
        "mask": last[-1 if numbers else 0 :].expand(len(pairs), -1),
        "isolates": None if isolates is None else isolates.to(device),
        "family": torch.tensor([interchange.pairing.families.index(pair.family) for pair in pairs], device=device),
        "base_values": values[0],
        "source_values": values[1],
        "base_positions": None if places is None else places[0].to(device),
        "source_positions": None if places is None else places[1].to(device),
        "base_attention_mask": None if masks is None else masks[0],
        "source_attention_mask": None if masks is None else masks[1],
        "readout": LastLogitDifference.of(pairs) if numbers else None,
    }


@dataclass(frozen=True, eq=False)
class LastLogitDifference:
    """Reads the logit of each base's right answer minus that of its wrong one, at the last position.

    Attributes:
        right: Token of the right answer, [example].
        wrong: Token of the wrong one.
    """

    right: Int[Tensor, "example"]
    wrong: Int[Tensor, "example"]

    @classmethod
    def of(cls, pairs: Sequence[Pair]) -> LastLogitDifference:
        """For some pairs."""
        return cls(torch.tensor([pair.answer for pair in pairs]), torch.tensor([pair.other for pair in pairs]))

    def __call__(
        self, logits: Float[Tensor, "batch position output"], examples: Int[Tensor, "batch"]
    ) -> Float[Tensor, "batch"]:
        """One difference a row."""
        index = examples.to(self.right.device)
        right, wrong = (side[index, None].to(logits.device) for side in (self.right, self.wrong))
        return (logits[:, -1].gather(1, right) - logits[:, -1].gather(1, wrong))[:, 0]
