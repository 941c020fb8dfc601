"""Swapping a variable: what the hypothesis predicts, and where the site is in prompts of several lengths."""

from typing import Any

import pytest
import torch

from mib import TaskError, tasks
from mib.featurization import Site
from mib.models.adapters import decompose
from mib.tasks.task import Task
from tests.mib.tasks.tokenizers_of_tasks import byte_pairs, model_for, word_level


@pytest.fixture(scope="module")
def words() -> Any:
    return word_level("ioi", "mcqa", "arithmetic-addition", "ravel")


@pytest.fixture(scope="module")
def model(words: Any) -> Any:
    return model_for(words)


def expected(task: Any, words: Any) -> list[str]:
    return [words.decode([token]) for token in task.expected[:, -1].tolist()]


def test_a_swapped_pointer_answers_with_the_letter_that_stands_there(model: Any, words: Any) -> None:
    mcqa = tasks.get("mcqa")
    examples = mcqa.generate(12)
    build = {"site": Site.residual(0), "split": "train", "n": 12, "data": examples, "right_on": "any"}
    family = "answerPosition_randomLetter"
    pointer = mcqa.featurization(model, words, variable="answer_pointer", family=family, **build)
    answer = mcqa.featurization(model, words, variable="answer", family=family, **build)
    for i, example in enumerate(examples):
        other = example.counterfactual(family).variables
        assert expected(pointer, words)[i] == example.variables["symbols"][other["answer_pointer"]]
        assert expected(answer, words)[i] == other["symbols"][other["answer_pointer"]]


def test_a_swapped_carry_changes_the_tens(model: Any, words: Any) -> None:
    addition = tasks.get("arithmetic-addition")
    task = addition.featurization(
        model, words, variable="ones_carry", family="ones_carry", site=Site.residual(0), right_on="any", n=10,
        split="train",
    )  # fmt: skip
    pairs = [pair.example for pair in addition.selection(model, words, family="ones_carry", n=10).pairs]
    for said, example in zip(expected(task, words), pairs, strict=True):
        carry = example.variables["ones_carry"]
        assert int(said) - int(example.answer) == (-10 if carry else 10)
    assert task.base_values is not None and task.source_values is not None
    assert bool((task.base_values + task.source_values == 1).all())


def test_swapping_everything_everywhere_runs_the_source(model: Any, words: Any) -> None:
    task = tasks.get("ioi").featurization(
        model, words, variable="output_token", site=Site.residual(0, "pre"), position="all", n=10, right_on="any"
    )
    examples = task.everything
    _, source = task.pairs.activations(examples)
    swapped = task.pairs.logits(examples, source)
    plain = decompose(model).logits(task.source, task.source_attention_mask)
    real = task.source_attention_mask
    torch.testing.assert_close(swapped[real], plain[real])


@pytest.mark.parametrize("kind", ["words", "pieces"])
@pytest.mark.parametrize(
    ("name", "position", "family"),
    [
        ("ioi", "S2", "s2_io_flip"),
        ("ioi", "IO", "s1_io_flip"),
        ("arithmetic-addition", "op1_last", "random"),
        ("arithmetic-addition", "op2_last", "random"),
        ("mcqa", "correct_symbol", "answerPosition"),
        ("mcqa", "correct_symbol_period", "answerPosition"),
        ("ravel", "entity_last_token", "wikipedia"),
    ],
)
def test_a_position_is_the_last_token_of_what_it_names(name: str, position: str, family: str, kind: str) -> None:
    tokenizer = word_level(name) if kind == "words" else byte_pairs(name, size=600)
    task = tasks.get(name)
    model = model_for(tokenizer)
    data = task.generate(60)
    built = task.featurization(
        model, tokenizer, variable=task.variables[0], site=Site.residual(0), position=position, family=family, n=6,
        split="train", data=data, right_on="any",
    )  # fmt: skip
    kept = {pair.base.ids: pair for pair in task.selection(model, tokenizer, family=family, n=None, data=data).pairs}
    mask = torch.ones_like(built.base, dtype=torch.bool)
    real = built.base_attention_mask if built.base_attention_mask is not None else mask
    pairs = [kept[tuple(row[where].tolist())] for row, where in zip(built.base, real, strict=True)]
    sides = ((built.base, built.base_positions, "base"), (built.source, built.source_positions, "source"))
    for tokens, positions, side in sides:
        for row, at, pair in zip(tokens, positions, pairs, strict=True):
            prompt = pair.example.base if side == "base" else pair.counterfactual
            first, end = prompt.spans[position]
            before = tokenizer.decode(row[: int(at) + 1], skip_special_tokens=True)
            until = tasks.pieces(prompt.text[:end])
            assert tasks.pieces(before) == until
            assert tasks.pieces(prompt.text[first:end]) == until[-1:]


def test_parts_come_from_the_parts_of_the_data(model: Any, words: Any) -> None:
    ioi = tasks.get("ioi")
    task = ioi.featurization(
        model, words, variable="output_token", site=Site.residual(0), n=20, right_on="any", family=("s2_io_flip",)
    )
    assert [len(part) for part in (task.split.train, task.split.validation, task.split.test)] == [12, 4, 4]
    for part in ("train", "validation", "test"):
        prompts = {tuple(tasks.pieces(example.prompt)) for example in ioi.generate(12, split=part)}
        for row in task.base[getattr(task.split, part)]:
            assert tuple(words.decode(row, skip_special_tokens=True).split()) in prompts


def test_more_pairs_to_score_on_leave_the_others_as_they_were(model: Any, words: Any) -> None:
    few, many = (
        tasks.get("ioi").featurization(
            model, words, variable="output_token", site=Site.residual(0), n=n, right_on="any", position="S2"
        )
        for n in (20, (12, 4, 30))
    )
    split = many.split
    assert [len(part) for part in (split.train, split.validation, split.test)] == [12, 4, 30]
    for part in ("train", "validation", "test"):
        for own, other in ((few.base, many.base), (few.source, many.source), (few.expected, many.expected)):
            first = getattr(few.split, part)
            assert torch.equal(own[first, -5:], other[getattr(split, part)[: len(first)], -5:])


def test_given_examples_are_parted_without_overlap(model: Any, words: Any) -> None:
    examples = tasks.get("mcqa").generate(20)
    task = tasks.get("mcqa").featurization(
        model, words, variable="answer", site=Site.residual(0), n=20, data=examples, right_on="any"
    )
    assert len({tuple(row) for row in task.base.tolist()}) == 20
    assert len(torch.cat((task.split.train, task.split.validation, task.split.test)).unique()) == 20


def test_ravel_marks_what_asks_for_another_variable(model: Any, words: Any) -> None:
    ravel = tasks.get("ravel")
    task = ravel.featurization(
        model, words, variable="Country", site=Site.residual(0), position="entity_last_token", family="wikipedia",
        n=30, split="train", right_on="any",
    )  # fmt: skip
    pairs = ravel.selection(model, words, family="wikipedia", n=30).pairs
    assert task.isolates is not None
    asked = [pair.example.variables["attribute"] for pair in pairs]
    assert task.isolates.tolist() == [attribute != "Country" for attribute in asked] and len(set(asked)) == 3
    for said, pair, isolated in zip(expected(task, words), pairs, task.isolates.tolist(), strict=True):
        answer = pair.example.answer if isolated else " " + pair.counterfactual.variables["Country"]
        assert answer.split()[0] == said


def test_several_families_are_pooled(model: Any, words: Any) -> None:
    both = ("s1_io_flip", "s1_ioi_flip_s2_ioi_flip")
    task = tasks.get("ioi").featurization(
        model, words, variable="output_token", site=Site.residual(0), n=20, split="train", right_on="any", family=both
    )
    assert len(task) == 20
    same = task.base_values[:, 0] == task.source_values[:, 0]  # pyright: ignore[reportOptionalSubscript]
    assert same.tolist() == [True, False] * 10
    assert task.family is not None and task.family.tolist() == [0, 1] * 10
    chosen = torch.tensor([3, 0, 1])
    assert task.take(chosen).family.tolist() == [1, 0, 1]  # pyright: ignore[reportOptionalMemberAccess]


def test_arbitrary_labels_are_other_values_on_the_same_pairs(model: Any, words: Any) -> None:
    build = {"variable": "ones_carry", "site": Site.residual(0), "family": "random", "right_on": "any", "n": 60}
    addition = tasks.get("arithmetic-addition")
    true, other, again, seventh = (
        addition.featurization(model, words, **build, **more)
        for more in ({}, {"labels": "arbitrary"}, {"labels": "arbitrary"}, {"labels": "arbitrary", "seed": 7})
    )
    assert torch.equal(true.base, other.base) and torch.equal(true.source, other.source)
    assert torch.equal(other.expected, again.expected)
    assert not torch.equal(true.expected, other.expected)
    assert not torch.equal(other.expected, seventh.expected)
    difference = (true.expected != other.expected)[:, -1]
    swapped = (true.source_values != other.source_values)[:, 0]  # pyright: ignore[reportOptionalSubscript, reportAttributeAccessIssue, reportOptionalOperand]
    assert 10 < int(swapped.sum()) < 50
    assert torch.equal(difference, swapped)  # a carry that is another one leads to another sum


def test_arbitrary_values_belong_to_prompts_not_to_pairs(model: Any, words: Any) -> None:
    examples = tasks.get("arithmetic-addition").generate(8)
    task = tasks.get("arithmetic-addition").featurization(
        model, words, variable="ones_carry", site=Site.residual(0), data=examples * 4, n=32, right_on="any",
        labels="arbitrary",
    )  # fmt: skip
    told: dict[tuple[int, ...], set[int]] = {}
    for row, value in zip(task.source.tolist(), task.source_values[:, 0].tolist(), strict=True):  # pyright: ignore[reportOptionalSubscript]
        told.setdefault(tuple(row), set()).add(value)
    assert len(told) == 8 and all(len(values) == 1 for values in told.values())


def test_what_does_not_exist_is_named(model: Any, words: Any) -> None:
    ioi: Task = tasks.get("ioi")
    with pytest.raises(TaskError, match="unknown variable 'output_toke'. Did you mean: output_token"):
        ioi.featurization(model, words, variable="output_toke", site=Site.residual(0))
    with pytest.raises(TaskError, match=r"no position 'S3' in '.*'\. Did you mean: .*S2"):
        ioi.featurization(model, words, variable="output_token", site=Site.residual(0), position="S3", right_on="any")
    with pytest.raises(TaskError, match="unknown labels 'arbitary'. Did you mean: arbitrary"):
        ioi.featurization(model, words, variable="output_token", site=Site.residual(0), labels="arbitary")  # pyright: ignore[reportArgumentType]
    with pytest.raises(TaskError, match="n=3: ask for at least 5 pairs"):
        ioi.featurization(model, words, variable="output_token", site=Site.residual(0), n=3)
    with pytest.raises(TaskError, match=r"n=\(12, 0, 4\): give one number, or three of at least 1"):
        ioi.featurization(model, words, variable="output_token", site=Site.residual(0), n=(12, 0, 4))
    with pytest.raises(TaskError, match=r"n=\(12, 4, 4\) has a number for each part, but all pairs come from one"):
        ioi.featurization(model, words, variable="output_token", site=Site.residual(0), n=(12, 4, 4), split="test")
    with pytest.raises(TaskError, match="task greater-than has several right answers"):
        tasks.get("greater-than").featurization(model, words, variable="year", site=Site.residual(0))
