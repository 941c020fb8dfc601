import pytest

from mib.errors import TaskError
from mib.tasks import task_of_strings

PAIRS = [(f"clean {n}", f"other {n} and more", f" {n}", f" {n + 1}") for n in range(20)]


def test_every_prompt_is_in_one_part_whatever_the_order() -> None:
    one, other = task_of_strings("count", PAIRS), task_of_strings("count", reversed(PAIRS))
    parts = {part: {row["prompt"] for row in one.stream(split=part)} for part in ("train", "validation", "test")}
    assert {part: len(found) for part, found in parts.items()} == {"train": 8, "validation": 4, "test": 8}
    assert set.union(*parts.values()) == {clean for clean, *_ in PAIRS}
    for part, found in parts.items():
        assert {row["prompt"] for row in other.stream(split=part, seed=5)} == found


def test_an_example_has_its_answers_and_its_counterfactual() -> None:
    task = task_of_strings("count", PAIRS)
    (example, *_) = task.generate(3)
    given = (example.prompt, example.counterfactual("own").text, example.answer, example.counterfactual("own").answer)
    assert given in PAIRS
    with pytest.raises(TaskError, match="has only about 8 distinct prompts in its test part, not n=9"):
        task.generate(9, split="test")


def test_what_is_no_pair_is_refused_with_its_place() -> None:
    with pytest.raises(TaskError, match=r"pair 20 is \('a', 'b', 'c'\). Write four strings that are not empty"):
        task_of_strings("count", [*PAIRS, ("a", "b", "c")])  # pyright: ignore[reportArgumentType]
    with pytest.raises(TaskError, match="pair 20: the clean prompt 'clean 0' was there before. Give each once."):
        task_of_strings("count", [*PAIRS, PAIRS[0]])
    with pytest.raises(TaskError, match="4 pairs are too few: give at least 5"):
        task_of_strings("count", PAIRS[:4])
