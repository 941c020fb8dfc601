"""A task on a model, for localization methods: pairs as token ids, and MIB's measure."""

from itertools import islice
from typing import Any

import torch

from mib.engine.ablations import Ablation
from mib.engine.metric import Metric
from mib.errors import TaskError
from mib.levels import Level
from mib.localization.task import LocalizationTask
from mib.memory_budget import MEMORY
from mib.metrics.answer_metrics import LogitDifference
from mib.metrics.probability_difference import ProbabilityDifference
from mib.models.adapters.anatomy import Anatomy
from mib.models.adapters.decompose import decompose
from mib.tasks.pair_selection import Pair, Selection, check_right_on, right, select
from mib.tasks.task_definition import TaskDefinition
from mib.tasks.token_pairs import Data, Pairing, make_pairing, pad_pairs


def localization(
    task: TaskDefinition,
    model: Any,
    tokenizer: Any = None,
    *,
    family: str | None = None,
    n: int | None = 100,
    split: str = "train",
    seed: int = 0,
    data: Data = None,
    right_on: str = "any",
    ablation: Ablation = "resample",
    level: Level = "edge",
    bos: bool | None = None,
    answer_prefix: str | None = None,
    memory: int = MEMORY,
) -> LocalizationTask:
    """A task on a model, for localization methods.

    The metric is MIB's: the logit of the right answer minus that of the wrong one at the last position; for
    greater-than, the probability of later years minus that of earlier ones. As in MIB, pairs are left out whose answers
    are not as many tokens as each other, or begin with the same token (arithmetic: are not one token each).

    Args:
        task: The task.
        model: A ``mib.LoadedModel``, or anything that ``mib.models.adapters.decompose`` takes apart.
        tokenizer: A fast tokenizer; default: the model's own.
        family: Family of counterfactuals; default: MIB's.
        n: Number of pairs; None for all of a data set.
        split: ``train`` (to find circuits on), ``validation`` or ``test`` (to score them on).
        seed: Seed of generated examples and of every random choice of a method.
        data: None to make examples up; ``hub`` for MIB's; a folder in MIB's columns; or examples.
        right_on: Keep pairs only if the model is right on the ``base`` or on ``both`` prompts; MIB's circuit track
            keeps ``any``.
        ablation: Kind of ablation of cut edges.
        level: Parts that are scored: edges, nodes or neurons.
        bos: True if prompts begin with the beginning-of-sequence token; default: if the tokenizer has one.
        answer_prefix: Start of the answers, instead of the task's own space or nothing. MIB tokenizes the letters of
            multiple choice without a space: ``answer_prefix=""`` does so too.
        memory: Bytes that a run may use beside the model.

    Raises:
        TaskError: If there are fewer pairs than asked for, the tokenizer does not fit task or model, or an argument is
            unknown.
        FormatError: If a data set is malformed.
    """
    pairing = make_pairing(task, model, tokenizer, families=(family,), bos=bos, answer_prefix=answer_prefix)
    anatomy = decompose(model)
    found = _select(pairing, anatomy, data=data, split=split, seed=seed, n=n, right_on=right_on)
    tokens, masks = pad_pairs(found.pairs, pairing.encoder, anatomy)
    return LocalizationTask(
        model=model,
        clean=tokens[0],
        counterfactual=tokens[1],
        metric=_metric(task, found.pairs, pairing, tokens.shape[2]),
        ablation=ablation,
        level=level,
        seed=seed,
        attention_mask=None if masks is None else masks[0],
        counterfactual_mask=None if masks is None else masks[1],
        memory=memory,
    )


def selection(
    task: TaskDefinition,
    model: Any,
    tokenizer: Any = None,
    *,
    family: str | None = None,
    n: int | None = 100,
    split: str = "train",
    seed: int = 0,
    data: Data = None,
    right_on: str = "any",
    bos: bool | None = None,
    answer_prefix: str | None = None,
) -> Selection:
    """The pairs that ``localization`` measures on, and how many were left out for which reason; arguments as there."""
    pairing = make_pairing(task, model, tokenizer, families=(family,), bos=bos, answer_prefix=answer_prefix)
    return _select(pairing, decompose(model), data=data, split=split, seed=seed, n=n, right_on=right_on)


def accuracy(
    task: TaskDefinition,
    model: Any,
    tokenizer: Any = None,
    *,
    n: int | None = 100,
    split: str = "test",
    seed: int = 0,
    data: Data = None,
    bos: bool | None = None,
    answer_prefix: str | None = None,
) -> float:
    """The share of base prompts on which the model's likeliest token begins a right answer; arguments as there."""
    pairing = make_pairing(task, model, tokenizer, families=(None,), bos=bos, answer_prefix=answer_prefix)
    bases = [example.base for example in islice(pairing.examples(data, split=split, seed=seed), n)]
    if not bases:
        raise TaskError(f"task {task.name}: no prompt in the {split} part; n={n}.")
    prompts = [pairing.encoder.prompt(base.text) for base in bases]
    accepted = [pairing.accepted(base) for base in bases]
    return sum(right(decompose(model), prompts, accepted, padding=pairing.encoder.padding)) / len(bases)


def _select(
    pairing: Pairing, anatomy: Anatomy, *, data: Data, split: str, seed: int, n: int | None, right_on: str
) -> Selection:
    task = pairing.task.name
    if n is None and data is None:
        raise TaskError(f"n=None takes all of a data set, and task {task} is made up here. Say how many, or give data.")
    if n is not None and n < 1:
        raise TaskError(f"n={n}: ask for at least one pair.")
    kind, padding = check_right_on(right_on), pairing.encoder.padding
    candidates = pairing.candidates(data, split=split, seed=seed)
    return select(candidates, anatomy, padding=padding, n=n, right_on=kind, task=task)


def _metric(task: TaskDefinition, pairs: tuple[Pair, ...], pairing: Pairing, n_positions: int) -> Metric:
    if not task.candidates:
        answers, others = (torch.tensor([getattr(pair, name) for pair in pairs]) for name in ("answer", "other"))
        return LogitDifference.at_position(answers, others, n_positions=n_positions)
    candidates = torch.tensor(pairing.known(task.candidates))
    accepted = [torch.tensor(pair.accepted) for pair in pairs]
    return ProbabilityDifference(candidates, torch.stack([torch.isin(candidates, tokens) for tokens in accepted]))
