"""Assertions about featurization methods: that they find a variable, and what must not change what they find."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from groundtruth.errors import DomainError
from groundtruth.evaluation.method_contract import weights_of
from groundtruth.evaluation.variables import Sizes
from groundtruth.model import CompiledModel
from groundtruth.testing.featurizer_trial import Search
from mib.errors import shorten
from mib.featurization import FeaturizationTask, Split
from mib.featurization.registry import Method
from mib.models.fingerprints import hooks_on

TOLERANCE = 1e-3
"""What interchanges make of vectors of unit variance is the same if no coordinate differs by more."""

FEW = Sizes(train=12, validation=8, test=10)
"""Pairs where each is run alone, which takes its time."""

LEAST_ACCURACY = 0.9
"""Of interchanges of what is found, unless another is asked for."""

AS_WELL = 0.05
"""By how much the interchange accuracies of two finds may differ that are called equally good."""


def assert_finds_variable(
    method: str | Method,
    model: CompiledModel | str,
    variable: str,
    site: str,
    *,
    accuracy: float = LEAST_ACCURACY,
    **how: Any,
) -> None:
    """Interchanges of what a method finds do what the causal model says, on pairs that a no-op gets wrong.

    Args:
        method: A function of a task, or the name of a registered method.
        model: A compiled model, or what the command line would call it.
        variable: Its name or label.
        site: Where it is sought.
        accuracy: The least interchange accuracy, in [0, 1].
        how: ``seed``, ``sizes``, ``dtype`` and ``parameters`` of the method.

    Raises:
        MethodFailure: With the accuracy that was reached, and the shortest pair that goes wrong.
        DomainError: If ``accuracy`` is out of range, or there is nothing to find at the site.
        MethodError: If what it finds does not swap features and nothing else, as in every assertion of this module.
    """
    if not 0 <= accuracy <= 1:
        raise DomainError(f"accuracy={accuracy} is none; give a number from 0 to 1.")
    search = Search.of(method, model, variable, site, **how)
    if search.accuracy < accuracy:
        reached = f"{search.accuracy:.3f}, wanted {accuracy:g}"
        check = "finds" + (f" --accuracy {accuracy:g}" if accuracy != LEAST_ACCURACY else "")
        lines = (("input", search.wrong_pair()), ("accuracy", reached))
        raise search.failure("misses a variable", *lines, check=check)


def assert_makes_nothing_up(
    method: str | Method, model: CompiledModel | str, variable: str, site: str, *, accuracy: float = 0.5, **how: Any
) -> None:
    """Where the variable's values are shuffled over inputs, so that nothing carries them, a method finds nothing.

    Args:
        method: A function of a task, or the name of a registered method.
        model: A compiled model, or what the command line would call it.
        variable: Its name or label.
        site: Where it is sought.
        accuracy: The greatest interchange accuracy on the false hypothesis.
        how: ``seed``, ``sizes``, ``dtype`` and ``parameters`` of the method.

    Raises:
        MethodFailure: With the accuracy that was reached.

    Source: control tasks, Hewitt and Liang 2019, arXiv 1909.03368.
    """
    search = Search.of(method, model, variable, site, labels="arbitrary", **how)
    if search.accuracy > accuracy:
        line = ("accuracy", f"{search.accuracy:.3f} where its values are shuffled over inputs; at most {accuracy:g}")
        raise search.failure("finds a variable that is not there", line, check="makes_nothing_up")


def assert_featurizer_deterministic(
    method: str | Method, model: CompiledModel | str, variable: str, site: str, **how: Any
) -> None:
    """Two runs on equal tasks find the same, to the bit. Arguments and errors as ``assert_finds_variable``."""
    search = Search.of(method, model, variable, site, **how)
    first = search.swapped(search.found)
    torch.manual_seed(torch.initial_seed() ^ 1)
    what, hint = "finds something else when it is run again", ("hint", "draw random numbers from task.generator()")
    _require_same(search, first, search.swapped(search.run()), what, hint, check="deterministic", tolerance=0.0)


def assert_featurizer_batch_size_free(
    method: str | Method, model: CompiledModel | str, variable: str, site: str, **how: Any
) -> None:
    """What is found is the same when memory allows one example at a time. Arguments as ``assert_finds_variable``."""
    search = Search.of(method, model, variable, site, **{"sizes": FEW, **how})
    small = search.swapped(search.run(replace(search.fresh(), memory=1)))
    what = "depends on how many examples are run at once"
    _require_same(search, search.swapped(search.found), small, what, check="batch_size_free")


def assert_featurizer_example_order_free(
    method: str | Method, model: CompiledModel | str, variable: str, site: str, **how: Any
) -> None:
    """What is found is the same when the pairs come in another order. Arguments as ``assert_finds_variable``."""
    search = Search.of(method, model, variable, site, **how)
    other = search.swapped(search.run(_reordered(search.fresh(), search.seed + 1)))
    what = "depends on the order of the pairs"
    _require_same(search, search.swapped(search.found), other, what, check="example_order_free")


def assert_featurizer_seed_free(
    method: str | Method,
    model: CompiledModel | str,
    variable: str,
    site: str,
    *,
    tolerance: float = AS_WELL,
    **how: Any,
) -> None:
    """With other random numbers a method finds a variable as well, from the same pairs.

    Args:
        method: A function of a task, or the name of a registered method.
        model: A compiled model, or what the command line would call it.
        variable: Its name or label.
        site: Where it is sought.
        tolerance: By how much the interchange accuracy may differ.
        how: ``seed``, ``sizes``, ``dtype`` and ``parameters`` of the method.

    Raises:
        MethodFailure: With both accuracies.
    """
    search = Search.of(method, model, variable, site, **how)
    other = search.accuracy_of(search.run(replace(search.fresh(), seed=search.seed + 1)))
    require_as_good(search, other, "depends on its random numbers", tolerance, check="seed_free")


def assert_featurizer_no_mutation(
    method: str | Method, model: CompiledModel | str, variable: str, site: str, **how: Any
) -> None:
    """A method leaves weights, inputs, hooks and global settings as they were. As ``assert_finds_variable``."""
    search = Search.of(method, model, variable, site, **how)
    task, own = search.fresh(), search.task
    settings: list[Callable[[], Any]] = [torch.is_grad_enabled, torch.get_default_dtype, torch.get_num_threads]
    before = [setting() for setting in settings]
    search.run(task)
    changed = [setting.__name__ for setting, was in zip(settings, before, strict=True) if setting() != was]
    changed += [
        f"task.{name}" for name in ("base", "source") if not torch.equal(getattr(task, name), getattr(own, name))
    ]
    weights = weights_of(own.model)
    changed += [name for name, value in weights_of(task.model).items() if not torch.equal(value, weights[name])]
    if changed:
        raise search.failure("changes what it was given", ("changed", shorten(changed)), check="no_mutation")
    if isinstance(task.model, torch.nn.Module) and (left := list(hooks_on(task.model))):
        raise search.failure("leaves hooks behind", ("hooks", shorten(left)), check="no_mutation")


def require_as_good(search: Search, other: float, what: str, tolerance: float, *, check: str) -> None:
    """Hold an interchange accuracy to that of the plain run.

    Raises:
        MethodFailure: With both.
    """
    if abs(other - search.accuracy) > tolerance:
        line = ("accuracy", f"{search.accuracy:.3f}, then {other:.3f}; {tolerance:g} may lie between them")
        raise search.failure(what, line, check=check)


def _reordered(task: FeaturizationTask, seed: int) -> FeaturizationTask:
    """The task with its pairs in another order, and in the same split."""
    order = torch.randperm(len(task), generator=torch.Generator().manual_seed(seed))
    place = order.argsort()
    split = Split(*(place[part].sort().values for part in (task.split.train, task.split.validation, task.split.test)))
    return task.take(order, split=split)


def _require_same(
    search: Search,
    before: Tensor,
    after: Tensor,
    what: str,
    *lines: tuple[str, str],
    check: str,
    tolerance: float = TOLERANCE,
) -> None:
    difference = float((before - after).abs().max()) if before.shape == after.shape else float("inf")
    if not difference <= tolerance:
        told = ("difference", f"{difference:.3g} in what an interchange makes of vectors of unit variance")
        raise search.failure(what, told, *lines, check=check)
