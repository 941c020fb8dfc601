"""No method runs on a hyper-parameter that means nothing: what is allowed is stated in its signature."""

from collections.abc import Sequence
from typing import Any, Literal, get_args

import pytest
import torch

import mib
from mib.errors import MethodError
from mib.hyperparameters import Count, InnerShare, Rate, Several, Share, SomeShare, Weight, annotations_of
from mib.localization import as_localizer
from tests.mib.featurization import adder
from tests.mib.localization.test_methods import make_task

METHODS = [(kind, name) for kind in (mib.localization, mib.featurization) for name in kind.names()]
PARAMETERS = [(kind, name, parameter) for kind, name in METHODS for parameter in kind.get(name).parameters]
NOT_BOUNDED = {("ugs", "start")}
"""A number that may be any: the logit from which sampling starts."""


def task_of(kind: Any, name: str) -> Any:
    """A task that the method can run on."""
    if kind is mib.localization:
        return make_task(level=kind.get(name).levels[0])
    return adder.task(isolates=torch.arange(len(adder.PAIRS)) % 2 == 0)


@pytest.mark.parametrize(("kind", "name", "parameter"), PARAMETERS)
def test_every_parameter_of_every_method_refuses_what_means_nothing(kind: Any, name: str, parameter: str) -> None:
    method, task = kind.get(name), task_of(kind, name)
    nonsense: list[object] = ["nonsense", float("nan"), float("inf"), [], object()]
    if (name, parameter) not in NOT_BOUNDED:
        nonsense += [-2, -0.5]
    if isinstance(method.parameters[parameter], int):
        nonsense += [0, 2.5, True]
    for value in nonsense:
        with pytest.raises(MethodError, match=rf"^{name}: {parameter}=.* Expected (an integer|a number|one of|[2a])"):
            method(task, **{parameter: value})
    method.check(task, **{parameter: method.parameters[parameter]})


def test_minus_two_steps_are_no_steps() -> None:
    with pytest.raises(MethodError, match="eap-ig-inputs: steps=-2. Expected an integer from 1 on."):
        mib.localization.get("eap-ig-inputs")(make_task(), steps=-2)
    with pytest.raises(
        MethodError, match=r"acdc: thresholds=\(0.1, 0\). Expected at least one value, each a number abo"
    ):
        mib.localization.get("acdc")(make_task(), thresholds=(0.1, 0))
    with pytest.raises(
        MethodError, match=r"dbm: temperatures=\(1.0,\). Expected 2 values: a number above 0, a number ab"
    ):
        mib.featurization.get("dbm")(adder.task(), temperatures=(1.0,))


def test_annotations_of_a_user_s_method_are_held_to() -> None:
    def mine(
        task: mib.LocalizationTask,
        *,
        kind: Literal["a", "b"] = "a",
        share: Share = 0.5,
        some: SomeShare = 1.0,
        inner: InnerShare = 0.5,
        rate: Rate = 1,
        weight: Weight = 0,
        several: Several = 2,
        plain: int = 3,
        text: str = "x",
        loose: int = None,  # type: ignore[assignment]
        many: Sequence[Count] = (1,),
        unknown: dict[str, int] = {},  # noqa: B006
    ) -> mib.EdgeScores:
        return mib.localization.get("random").function(task)

    method, task = as_localizer(mine), make_task()
    method(task)
    good = {"kind": "b", "share": 1, "some": 0.1, "inner": 0.9, "rate": 1e-9, "weight": 3.0, "several": 7, "plain": -3}
    method(task, **good, text="", loose=None, many=[1, 2], unknown={"anything": "goes"})
    for name, value in {
        "kind": "c", "share": 1.1, "some": 0, "inner": 1, "rate": 0, "weight": -1e-9, "several": 1, "plain": 0.5,
        "text": 3, "loose": "x", "many": [1, 0],
    }.items():  # fmt: skip
        with pytest.raises(MethodError, match=f"mine: {name}="):
            method.check(task, **{name: value})


def test_a_default_that_its_own_bounds_exclude_is_refused_at_registration() -> None:
    def mine(task: mib.LocalizationTask, *, steps: Count = 0) -> mib.EdgeScores:
        raise NotImplementedError

    with pytest.raises(MethodError, match="localizer 'mine', default: steps=0. Expected an integer from 1 on"):
        as_localizer(mine)


def test_annotations_that_cannot_be_resolved_are_passed_over() -> None:
    def mine(task: "Nowhere", *, steps: "NowhereEither" = 1) -> None:  # type: ignore[name-defined]
        raise NotImplementedError

    assert annotations_of(mine) == {"return": None}
    assert get_args(annotations_of(mib.localization.get("eap-ig-inputs").function)["steps"])[0] is int
