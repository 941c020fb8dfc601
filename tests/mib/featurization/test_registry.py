"""A method is checked when it is registered, before it starts, and when it returns."""

from typing import Any

import pytest
import torch

from mib.errors import MethodError
from mib.featurization import Featurizer, as_featurizer, featurizer, get, names
from tests.mib.featurization import adder
from tests.mib.featurization.test_featurizer import cheat


def test_every_method_says_what_it_is() -> None:
    for name in names():
        method = get(name)
        assert method.name == name
        assert method.description.endswith(".")
        assert method.cost
        assert method.source


def test_unknown_names_and_parameters_get_a_suggestion() -> None:
    with pytest.raises(MethodError, match=r"unknown featurizer 'full-vectr'. Did you mean: full-vector"):
        get("full-vectr")
    with pytest.raises(MethodError, match=r"das has no parameter 'ranks'. Did you mean: rank\? It has: rank, learning"):
        get("das")(adder.task(), ranks=3)


def test_bad_signatures_names_and_needs_are_refused_at_registration() -> None:
    def positional(task: Any, rank: int = 5) -> Any: ...

    with pytest.raises(MethodError, match="featurizer 'positional': parameter 'rank' must be keyword-only"):
        as_featurizer(positional)
    with pytest.raises(MethodError, match="a featurizer named 'das' is registered already"):
        featurizer("das", cost="0", source="nowhere")(lambda task: task)
    with pytest.raises(MethodError, match="unknown need 'labels'. Known: values, isolation"):
        featurizer("mine", cost="0", source="me", needs=("labels",))(lambda task: task)


def test_a_method_says_what_it_needs_before_it_starts() -> None:
    with pytest.raises(MethodError, match="mdas learns from isolation pairs too, and the task's training split has no"):
        get("mdas")(adder.task())


def test_what_a_method_returns_is_held_to_its_law() -> None:
    with pytest.raises(MethodError, match="returned a Tensor; expected a mib.Featurizer"):
        as_featurizer(lambda task: torch.eye(12), name="mine")(adder.task())  # type: ignore[arg-type, return-value]
    cheating = cheat(torch.zeros(12))
    with pytest.raises(MethodError, match="what mine returned is no bijection"):
        as_featurizer(lambda task: Featurizer(cheating.featurize, cheating.inverse, 12), name="mine")(adder.task())


def test_a_users_function_is_a_method() -> None:
    def mine(task: Any, *, rank: int = 2) -> Featurizer:
        return Featurizer.subspace(torch.eye(task.width)[:, :rank])

    method = as_featurizer(mine)
    assert (method.name, method.parameters) == ("mine", {"rank": 2})
    assert method(adder.task(), rank=3).rank == 3
