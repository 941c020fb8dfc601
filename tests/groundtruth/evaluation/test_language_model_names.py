"""Names of learned models, where a benchmark takes names."""

import pytest

from groundtruth.errors import DomainError
from groundtruth.evaluation.language_models import is_language_model, tasks_of


def test_members_of_the_panel_are_known_with_the_tasks_that_they_can_do() -> None:
    assert is_language_model("learned-llama-1")
    assert tasks_of("learned-llama-1", None) == ["ioi", "greater-than"]


def test_a_name_that_is_no_member_is_not_taken_for_one() -> None:
    assert not is_language_model("learned-bert-1")
    with pytest.raises(DomainError, match="say by --task what it is scored on"):
        tasks_of("gpt2", None)
