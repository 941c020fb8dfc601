"""What ``import groundtruth`` offers: names that do for models, many methods on many models, errors of its own."""

import pytest

import groundtruth
from groundtruth.errors import DomainError
from mib.errors import MethodError


def test_dir_lists_what_is_public_and_nothing_else() -> None:
    names = set(dir(groundtruth))
    assert {"bench", "load", "pitfalls", "score", "testing", "variants"} <= names
    assert not {"Any", "TYPE_CHECKING", "annotations", "importlib"} & names
    assert all(getattr(groundtruth, name) is not None for name in names)


def test_a_name_does_for_a_model() -> None:
    named = groundtruth.score("eap", "hist", n_pairs=8, max_sizes=3)
    held = groundtruth.score("eap", groundtruth.load("hist"), n_pairs=8, max_sizes=3)
    assert (named.model, named.live, named.cpr) == ("hist", held.live, held.cpr)


def test_several_methods_are_scored_on_several_models() -> None:
    result = groundtruth.bench(["oracle", "random"], ["hist", "copy_first"], profile="smoke")
    found = {(record["method"], record["model"]): record["auroc"] for record in result.records()}
    assert set(found) == {(method, model) for method in ("oracle", "random") for model in ("hist", "copy_first")}
    assert found["oracle", "hist"] == 1.0
    assert len(result.to_frame()) == 4


def test_a_function_is_no_name() -> None:
    with pytest.raises(MethodError, match="methods are named by text, not by a function"):
        groundtruth.bench([lambda task: None], ["hist"])


def test_what_is_no_name_is_refused_in_one_line() -> None:
    with pytest.raises(DomainError, match="name=3 is neither a name nor a path"):
        groundtruth.load(3)
