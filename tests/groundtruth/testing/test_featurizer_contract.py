"""The contract of featurization methods: what is promised, and how a broken promise is told."""

import itertools

import pytest
import torch

import mib
from groundtruth.testing import FEATURIZER_PROPERTIES
from groundtruth.testing.contract import Promise, check_featurizer_method
from groundtruth.testing.mock_tasks import mock_featurization_tasks
from mib.errors import MethodError

COUNTER = itertools.count()


def broken(method: object) -> dict[str, str]:
    found: list[Promise] = check_featurizer_method(method)
    return {promise.what: promise.detail for promise in found if not promise.ok}


@pytest.mark.parametrize("name", ["no-op", "random-k", "linear-probe", "pca"])
def test_registered_methods_keep_it(name: str) -> None:
    assert broken(mib.featurization.get(name)) == {}


def test_a_wrong_kind_of_result_says_what_was_expected() -> None:
    found = broken(lambda task: torch.eye(task.width))
    assert list(found) == ["returns a mib.Featurizer"]
    assert "on mock count: returned a Tensor; expected a mib.Featurizer" in found["returns a mib.Featurizer"]


def test_a_method_that_raises_is_told_with_the_place() -> None:
    found = broken(lambda task: [][0])
    assert list(found) == ["runs"]
    assert "raised IndexError: list index out of range (test_featurizer_contract.py, line" in found["runs"]


def test_an_error_channel_that_answers_is_no_featurizer() -> None:
    def cheat(task: mib.FeaturizationTask) -> mib.Featurizer:
        return mib.Featurizer(lambda x: (x, x), lambda features, error: features, task.width)

    found = broken(cheat)
    assert any("the error changes with the features" in detail for detail in found.values())


def test_chance_without_the_tasks_seed_is_told() -> None:
    def unseeded(task: mib.FeaturizationTask) -> mib.Featurizer:
        generator = torch.Generator().manual_seed(next(COUNTER))
        directions = torch.randn(task.width, 2, generator=generator)
        return mib.Featurizer.subspace(mib.featurization.orthonormal(directions))

    assert list(broken(unseeded)) == ["the same seed gives the same featurizer"]


def test_vandals_are_told() -> None:
    def weights(task: mib.FeaturizationTask) -> mib.Featurizer:
        task.anatomy.W_U.zero_()
        return mib.Featurizer.subspace(torch.eye(task.width))

    assert "unembed.W_U" in broken(weights)["leaves the weights as they were"]


def test_what_is_no_method_is_refused() -> None:
    with pytest.raises(MethodError, match="must be keyword-only with a default"):
        check_featurizer_method(lambda task, rank: None)


def test_check_runs_the_properties_that_are_a_contract() -> None:
    contract = {name: item for name, item in FEATURIZER_PROPERTIES.items() if item.contract}
    assert set(contract) == {"deterministic", "no_mutation"}
    promised = [clause.promise.format(result="featurizer") for item in contract.values() for clause in item.contract]
    promised.remove("leaves no hooks behind")  # a featurizer gets tensors, and no module that a hook could be on
    held = [promise.what for promise in check_featurizer_method(mib.featurization.get("no-op"))]
    assert held[:2] == ["runs", "returns a mib.Featurizer"]
    assert held[3:] == promised


def cross_entropy(task: mib.FeaturizationTask) -> mib.Featurizer:
    """Learn from outputs that are one of several."""
    logits = task.logits(task.everything, task.activations()[1])
    torch.nn.functional.cross_entropy(logits[task.mask], task.expected[task.mask])
    return mib.Featurizer.subspace(torch.eye(task.width, 1, dtype=logits.dtype))


def test_a_method_for_categories_alone_is_told_which_mock_has_numbers_and_how_to_say_so() -> None:
    found = broken(cross_entropy)
    assert list(found) == ["runs"]
    assert found["runs"].startswith("on mock numerical: raised RuntimeError: ")
    assert found["runs"].endswith(
        "This mock's outputs are numbers (task.expected holds floats); on categories the method runs. If it is for "
        "these alone, declare it: @mib.featurization.featurizer(..., needs=('categories',))."
    )


def test_a_method_that_fails_everywhere_is_told_nothing_of_numbers() -> None:
    assert "numbers" not in broken(lambda task: [][0])["runs"]


def test_a_method_that_says_it_is_for_categories_is_held_to_its_contract_on_these() -> None:
    declared = mib.featurization.as_featurizer(cross_entropy, needs=("categories",))
    assert broken(declared) == {}
    (numbers,) = [task for task in mock_featurization_tasks().values() if task.expected.is_floating_point()]
    with pytest.raises(MethodError, match="cross-entropy learns from outputs that are one of several, and this task"):
        declared(numbers)
