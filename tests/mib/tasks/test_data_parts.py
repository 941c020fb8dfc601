"""Parts of the data are for good: what is held out of a trained model today must be held out tomorrow."""

from collections import Counter

import pytest

from mib import TaskError
from mib.tasks.data_parts import check_part, part_of


def test_parts_do_not_change() -> None:
    assert [i for i in range(24) if part_of("key", i) == "test"] == [4]
    assert [i for i in range(24) if part_of("key", i) == "validation"] == [19, 22]
    assert part_of("ke", "y4") == "train"  # where a key's parts begin matters


def test_four_of_five_are_to_learn_from() -> None:
    counted = Counter(part_of("share", i) for i in range(5000))
    assert abs(counted["train"] - 4000) < 100 and abs(counted["test"] - 500) < 75


def test_unknown_parts_are_refused() -> None:
    with pytest.raises(TaskError, match=r"unknown split 'valid'\. Did you mean: validation"):
        check_part("valid")
