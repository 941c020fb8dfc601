"""The checks of shapes that tests run under see every new combination of shapes, in arguments and in results."""

import random

import pytest
import torch
from beartype.roar import BeartypeCallHintParamViolation, BeartypeCallHintReturnViolation
from jaxtyping import Float
from torch import Tensor

from tests.typecheck import check_shapes


@check_shapes
def weighted_sum(x: Float[Tensor, "row column"], weights: Float[Tensor, "column"]) -> Float[Tensor, "row"]:
    return (x * weights).sum(0 if float(weights[0]) < 0 else 1)


def unchecked(x: Tensor) -> Tensor:
    return x


def test_other_shapes_are_checked_after_right_ones():
    x = torch.ones(2, 3)
    for _ in range(2):
        assert weighted_sum(x, torch.ones(3)).tolist() == [3, 3]
    for wrong in (torch.ones(2), torch.ones(3, 1), torch.ones(3, dtype=torch.long)):
        with pytest.raises(BeartypeCallHintParamViolation, match="column"):
            weighted_sum(x, wrong)
        with pytest.raises(BeartypeCallHintParamViolation, match="column"):
            weighted_sum(x, weights=wrong)


def test_a_wrong_result_is_seen_after_right_ones():
    x = torch.ones(2, 3)
    assert weighted_sum(x, torch.ones(3)).tolist() == [3, 3]
    for _ in range(2):
        with pytest.raises(BeartypeCallHintReturnViolation, match="row"):
            weighted_sum(x, -torch.ones(3))


def test_what_states_no_shape_is_left_alone():
    assert check_shapes(unchecked) is unchecked


def test_a_check_leaves_the_random_numbers_as_they_were():
    @check_shapes
    def first(items: list[Float[Tensor, "row"]]) -> Float[Tensor, "row"]:
        return items[0]

    state = random.getstate()
    first([torch.ones(2)] * 5)
    assert random.getstate() == state
