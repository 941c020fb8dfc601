"""Hypothesis strategies: random programs, compiled models whose circuits are proven, and tasks on them.

A failure is shrunk towards the smallest program: few layers, few variables, the simplest functions, short inputs. The
program's text and its code are printed with the falsifying example; ``groundtruth show gen:CODE`` looks at it.

>>> @given(compiled_models(depth=(1, 3)))
... def test_my_method(model):
...     groundtruth.testing.assert_recovers(my_method, model, auroc=0.9)
"""

import copy
from functools import lru_cache
from typing import Any

from hypothesis import note, reject
from hypothesis import strategies as st

from groundtruth.errors import DomainError
from groundtruth.evaluation.circuits.localization_tasks import localization_task
from groundtruth.evaluation.variables import Sizes, featurization_task
from groundtruth.generated import Bounds, Drawn, Stuck, draw
from groundtruth.generated.acceptance import Judged, Rejected, judge
from groundtruth.generated.bounds import Range
from groundtruth.generated.choices import drawn_by
from groundtruth.model import CompiledModel
from groundtruth.programs.registry import Program
from groundtruth.truth.variables.residual_sites import Site
from groundtruth.truth.variables.variable_truth import VariableTruth
from mib.featurization import FeaturizationTask
from mib.localization.task import LocalizationTask

_SIZES = Sizes(train=48, validation=24, test=24)


def programs(
    *,
    depth: Range = (1, 3),
    heads: Range = (1, 4),
    vocab: Range = (2, 3),
    length: Range = (2, 4),
    causal: bool = True,
) -> st.SearchStrategy[Program]:
    """Draw random RASP programs of which nothing is idle, with their domains; nearly all of them compile exactly.

    Args:
        depth: Least and most layers of the compiled transformer.
        heads: Least and most heads of its widest layer.
        vocab: Numbers of different tokens.
        length: Numbers of tokens of the longest input.
        causal: True if some may be for causal attention.

    Raises:
        ProgramError: For bounds that are none.
    """
    bounds = Bounds(depth=depth, heads=heads, vocab=vocab, length=length, causal=causal)
    return _drawn(bounds).map(lambda drawn: drawn.program)


def compiled_models(
    *,
    depth: Range = (1, 3),
    heads: Range = (1, 4),
    vocab: Range = (2, 3),
    length: Range = (2, 4),
    live: Range = (2, 40),
    causal: bool = True,
) -> st.SearchStrategy[CompiledModel]:
    """Draw random models, equal to their programs on their domains, with every edge proven under resample ablation.

    Args:
        depth: Least and most layers.
        heads: Least and most heads of the widest layer.
        vocab: Numbers of different tokens.
        length: Numbers of tokens of the longest input.
        live: Numbers of live edges.
        causal: True if some may have causal attention.

    Raises:
        ProgramError: For bounds that are none.
    """
    return shared_models(depth=depth, heads=heads, vocab=vocab, length=length, live=live, causal=causal).map(_own)


def shared_models(**bounds: Any) -> st.SearchStrategy[CompiledModel]:
    """Draw what ``compiled_models`` draws; a program that comes again is the same object, with all proven of it.

    For those who hand it out to no method: they hold many methods, or one method in many ways, to the same programs.

    Args:
        bounds: Bounds of ``compiled_models``.
    """
    return _judged(Bounds(**bounds)).map(lambda judged: judged.model)


@st.composite
def localization_tasks(
    draw: st.DrawFn, *, ablation: str = "resample", n_pairs: int = 64, seed: int = 0, **bounds: Any
) -> LocalizationTask:
    """Draw localization tasks on random models. To judge scores, draw the model and make the task of it.

    Args:
        draw: Given by Hypothesis.
        ablation: Kind of value that a cut edge carries.
        n_pairs: Number of examples, at most.
        seed: Seed of the examples.
        bounds: Bounds of ``compiled_models``.
    """
    model = draw(compiled_models(**bounds))
    try:
        return localization_task(model, ablation=ablation, n_pairs=n_pairs, seed=seed)
    except DomainError:
        reject()


@st.composite
def featurization_tasks(draw: st.DrawFn, *, sizes: Sizes = _SIZES, seed: int = 0, **bounds: Any) -> FeaturizationTask:
    """Draw tasks of finding a variable of a random model at a site where it is live.

    Args:
        draw: Given by Hypothesis.
        sizes: Number of pairs.
        seed: Seed of the pairs.
        bounds: Bounds of ``compiled_models``.
    """
    model, variable, site = draw(variable_places(**bounds))
    try:
        return featurization_task(model, variable, site, sizes=sizes, seed=seed)
    except DomainError:
        reject()


def variable_places(**bounds: Any) -> st.SearchStrategy[tuple[CompiledModel, str, str]]:
    """Draw a random model, the name of one of its variables, and a site where that is live and can be found.

    Args:
        bounds: Bounds of ``compiled_models``.
    """
    return shared_variable_places(**bounds).map(lambda place: (_own(place[0]), *place[1:]))


@st.composite
def shared_variable_places(draw: st.DrawFn, **bounds: Any) -> tuple[CompiledModel, str, str]:
    """Draw what ``variable_places`` draws, on models that are shared.

    Args:
        draw: Given by Hypothesis.
        bounds: Bounds of ``compiled_models``.
    """
    model = draw(shared_models(**bounds))
    stages = [(truth, stage) for truth in _sought(model) for stage in truth.stages if stage.state == "live"]
    places = [(truth, site) for truth, stage in stages for site in stage.sites]
    if not places:
        reject()
    truth, site = draw(st.sampled_from(places))
    if not _can_be_found(model, truth, site):
        reject()
    return model, str(truth.variable), str(site)


@st.composite
def _drawn(draw_: st.DrawFn, bounds: Bounds) -> Drawn:
    try:
        drawn = draw(drawn_by(lambda n: draw_(st.integers(0, n - 1))), bounds)
    except Stuck:
        reject()
    note(f"{drawn.text}# groundtruth show gen:{drawn.code}")
    return drawn


@st.composite
def _judged(draw_: st.DrawFn, bounds: Bounds) -> Judged:
    judged = _known(draw_(_drawn(bounds)), bounds)
    if judged is None:
        reject()
    return judged


@lru_cache(maxsize=512)
def _known(drawn: Drawn, bounds: Bounds) -> Judged | None:
    try:
        return judge(drawn, bounds)
    except Rejected:
        return None


@lru_cache(maxsize=512)
def _can_be_found(model: CompiledModel, truth: VariableTruth, site: Site) -> bool:
    try:
        featurization_task(model, truth, site, sizes=_SIZES)
    except DomainError:
        return False
    return True


def _own(model: CompiledModel) -> CompiledModel:
    """Copy a model with its proofs, but not the module in float32, which who gets it may change."""
    own = copy.copy(model)
    vars(own).pop("transformer", None)
    return own


def _sought(model: CompiledModel) -> list[VariableTruth]:
    return [truth for truth in model.variables() if truth.variable.label not in ("tokens", "indices")]
