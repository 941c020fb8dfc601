"""A task on a model: the right tokens, at the right positions, measured as MIB does."""

import dataclasses
from typing import Any

import pytest
import torch
from tokenizers.processors import TemplateProcessing

from mib import TaskError, tasks
from mib.models.adapters import decompose
from tests.mib.tasks.tokenizers_of_tasks import byte_pairs, model_for, word_level


@pytest.fixture(scope="module")
def ioi_words() -> Any:
    return word_level("ioi")


@pytest.fixture(scope="module")
def ioi_pieces() -> Any:
    return byte_pairs("ioi")


def alone(model: Any, tokenizer: Any, text: str) -> torch.Tensor:
    """Logits after one prompt, without any padding."""
    ids = [tokenizer.bos_token_id, *tokenizer(text, add_special_tokens=False)["input_ids"]]
    return decompose(model).logits(torch.tensor([ids]))[0, -1]


def test_the_metric_is_the_logit_difference_of_each_prompt_alone(ioi_words: Any) -> None:
    """Whatever the padding: the prompts here have several lengths."""
    model, ioi = model_for(ioi_words), tasks.get("ioi")
    task = ioi.localization(model, ioi_words, n=12)
    everything = torch.ones(1, *task.graph.edge_mask.shape, dtype=torch.bool)
    batch = task.everything
    got = task.engine.measure(task.metric, everything, batch.clean, batch.counterfactual)
    assert task.attention_mask is not None and not bool(task.attention_mask.all())
    for i, example in enumerate(ioi.generate(12)):
        logits = alone(model, ioi_words, example.prompt)
        io, subject = (ioi_words.convert_tokens_to_ids(example.variables[name]) for name in ("output_token", "name_C"))
        assert got[i] == pytest.approx(float(logits[io] - logits[subject]), abs=1e-9)
    nothing = task.engine.measure(task.metric, ~everything, batch.clean, batch.counterfactual)
    first = ioi.generate(1)[0]
    logits = alone(model, ioi_words, first.counterfactual("s2_io_flip").text)
    right, wrong = (ioi_words.convert_tokens_to_ids(first.variables[name]) for name in ("output_token", "name_C"))
    assert nothing[0] == pytest.approx(float(logits[right] - logits[wrong]), abs=1e-9)


def test_names_are_answered_with_their_leading_space(ioi_pieces: Any) -> None:
    for pair in tasks.get("ioi").selection(model_for(ioi_pieces), ioi_pieces, n=20).pairs:
        assert ioi_pieces.decode([pair.answer]) == pair.example.answer
        joint = ioi_pieces(pair.example.prompt + pair.example.answer, add_special_tokens=False)["input_ids"]
        assert joint[-1] == pair.answer
        assert (ioi_pieces.bos_token_id, *joint[:-1]) == pair.base.ids


def test_mib_sets_the_name_against_the_subject_in_every_family(ioi_words: Any) -> None:
    model = model_for(ioi_words)
    for family in ("abc", "random_names", "s1_io_flip"):
        for pair in tasks.get("ioi").selection(model, ioi_words, family=family, n=5).pairs:
            assert ioi_words.decode([pair.other]) == pair.example.variables["name_C"]


def test_answers_of_several_tokens_are_compared_by_their_first_if_they_are_as_many() -> None:
    tokenizer = byte_pairs("mcqa", size=380)  # so small that most names are several tokens
    ioi, model = tasks.get("ioi"), model_for(tokenizer)
    found = ioi.selection(model, tokenizer, n=10)
    assert any("number of tokens" in reason or "same token" in reason for reason in found.left_out)
    lengths = set()
    for pair in found.pairs:
        right, wrong = (
            tokenizer(f" {pair.example.variables[name]}")["input_ids"] for name in ("output_token", "name_C")
        )
        assert len(right) == len(wrong) and (pair.answer, pair.other) == (right[0], wrong[0]) and right[0] != wrong[0]
        lengths.add(len(right))
    assert max(lengths) > 1


def test_sums_of_several_tokens_are_left_out_and_counted() -> None:
    tokenizer = byte_pairs("arithmetic-addition", size=460)
    model, task = model_for(tokenizer), tasks.get("arithmetic-addition")
    found = task.selection(model, tokenizer, n=None, data=task.generate(100))
    assert found.left_out["an answer is several tokens"] > 10 and len(found.pairs) > 3
    assert all(len(tokenizer(pair.example.answer)["input_ids"]) == 1 for pair in found.pairs)
    with pytest.raises(
        TaskError,
        match=r"pairs tried, 0 pairs; \d+ left out: an answer is several tokens; wanted 5. No pair is usable, however",
    ):
        single_bytes = byte_pairs("arithmetic-addition", size=257)
        hundreds = [e for e in task.generate(300) if len(e.answer) == 3]
        task.localization(model_for(single_bytes), single_bytes, n=5, data=hundreds)


def test_the_beginning_of_sequence_is_written_once(ioi_words: Any) -> None:
    adds = word_level("ioi")
    adds.backend_tokenizer.post_processor = TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", adds.bos_token_id)]
    )
    assert adds("Mary")["input_ids"][0] == adds.bos_token_id
    model, ioi = model_for(ioi_words), tasks.get("ioi")
    plain, added = (ioi.selection(model, tokenizer, n=3).pairs for tokenizer in (ioi_words, adds))
    for one, two in zip(plain, added, strict=True):
        assert one.base.ids == two.base.ids and one.base.ids.count(adds.bos_token_id) == 1
        assert one.answer == two.answer
    without = ioi.selection(model, ioi_words, n=3, bos=False).pairs
    assert [pair.base.ids for pair in without] == [pair.base.ids[1:] for pair in plain]
    nobody = byte_pairs("ioi", bos=False)
    assert ioi.localization(model_for(nobody), nobody, n=3).attention_mask is None or nobody.bos_token_id is None
    with pytest.raises(TaskError, match="bos=True, but the tokenizer has no beginning-of-sequence token"):
        ioi.localization(model_for(nobody), nobody, n=3, bos=True)


def test_words_that_the_tokenizer_lacks_are_named() -> None:
    tokenizer = word_level("mcqa")
    with pytest.raises(TaskError, match=r"the tokenizer has no token for .* in the answer ' \w+'; it would read"):
        tasks.get("ioi").localization(model_for(tokenizer), tokenizer, n=3)


def test_a_tokenizer_larger_than_the_model_is_refused(ioi_words: Any) -> None:
    small = model_for(word_level("arithmetic-subtraction"))
    small = dataclasses.replace(decompose(small), token_embedding=decompose(small).token_embedding[:40])
    with pytest.raises(TaskError, match=r"the tokenizer makes token \d+; the model has tokens 0 to 39"):
        tasks.get("ioi").localization(small, ioi_words, n=3)


def test_tokenizers_that_do_not_say_where_tokens_stand_are_refused(ioi_words: Any) -> None:
    class Slow:
        is_fast = False

    with pytest.raises(TaskError, match=r"tokenizer is a Slow, .* Load the fast one"):
        tasks.get("ioi").localization(model_for(ioi_words), Slow(), n=3)
    with pytest.raises(TaskError, match="tokenizer=None: pass the model's tokenizer"):
        tasks.get("ioi").localization(model_for(ioi_words), n=3)


def test_a_model_that_brings_its_tokenizer_needs_no_other(ioi_words: Any) -> None:
    model = model_for(ioi_words)
    model.tokenizer = ioi_words
    assert len(tasks.get("ioi").localization(model, n=3)) == 3


def test_pairs_are_kept_where_the_model_is_right(ioi_words: Any) -> None:
    model, ioi = model_for(ioi_words, says="Mary"), tasks.get("ioi")
    examples = ioi.generate(200)
    marys = [example for example in examples if example.answer == " Mary"]
    kept = ioi.selection(model, ioi_words, n=None, right_on="base", data=examples)
    assert [pair.example for pair in kept.pairs] == marys and 0 < len(marys) < 20
    assert kept.left_out == {"the model is wrong on the base": 200 - len(marys)}
    both = ioi.selection(model, ioi_words, n=None, right_on="both", family="s1_io_flip", data=examples)
    assert [pair.example for pair in both.pairs] == marys
    with pytest.raises(TaskError, match=r"wrong on the counterfactual.*The model may not be able to do the task"):
        ioi.localization(model, ioi_words, n=None, right_on="both", family="s2_io_flip", data=examples)
    with pytest.raises(TaskError, match=r"unknown right_on 'bases'\. Did you mean: base\? Known: any, base, both"):
        ioi.localization(model, ioi_words, n=3, right_on="bases")


def test_accuracy_counts_right_answers(ioi_words: Any) -> None:
    ioi = tasks.get("ioi")
    examples = ioi.generate(60, split="test")
    share = sum(example.answer == " Mary" for example in examples) / 60
    assert ioi.accuracy(model_for(ioi_words, says="Mary"), ioi_words, data=examples) == share > 0


def test_greater_than_is_measured_by_probabilities() -> None:
    tokenizer, task = word_level("greater-than"), tasks.get("greater-than")
    model = model_for(tokenizer)
    built = task.localization(model, tokenizer, n=6)
    batch = built.everything
    everything = torch.ones(1, *built.graph.edge_mask.shape, dtype=torch.bool)
    got = built.engine.measure(built.metric, everything, batch.clean, batch.counterfactual)
    for i, example in enumerate(task.generate(6)):
        chances = alone(model, tokenizer, example.prompt).softmax(-1)
        want = 0.0
        for year in range(1, 100):
            sign = 1 if year > example.variables["year"] else -1
            want += sign * float(chances[tokenizer.convert_tokens_to_ids(f"{year:02d}")])
        assert got[i] == pytest.approx(want, abs=1e-9)
    assert task.accuracy(model_for(tokenizer, says="99"), tokenizer) == 1
    assert task.accuracy(model_for(tokenizer, says="02"), tokenizer) == 0


def test_how_many_must_be_said(ioi_words: Any) -> None:
    model, ioi = model_for(ioi_words), tasks.get("ioi")
    with pytest.raises(TaskError, match="n=0: ask for at least one pair"):
        ioi.localization(model, ioi_words, n=0)
    with pytest.raises(TaskError, match="n=None takes all of a data set"):
        ioi.localization(model, ioi_words, n=None)
    assert len(ioi.localization(model, ioi_words, n=None, data=ioi.generate(7))) == 7
    with pytest.raises(TaskError, match=r"of 7 pairs tried, 7 pairs; wanted 8. Ask for fewer."):
        ioi.localization(model, ioi_words, n=8, data=ioi.generate(7))


def test_an_answer_prefix_replaces_the_space(ioi_pieces: Any) -> None:
    tokenizer = byte_pairs("mcqa")
    task, model = tasks.get("mcqa"), model_for(tokenizer)
    spaced = task.selection(model, tokenizer, n=3, family="answerPosition").pairs
    bare = task.selection(model, tokenizer, n=3, family="answerPosition", answer_prefix="").pairs
    assert [tokenizer.decode([pair.answer]) for pair in spaced] == [pair.example.answer for pair in spaced]
    assert [tokenizer.decode([pair.answer]) for pair in bare] == [pair.example.answer.strip() for pair in bare]
