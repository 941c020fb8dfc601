"""Small tasks of both tracks, on which any method runs in a moment: what ``groundtruth check`` runs a method on."""

from functools import cache
from typing import Any

from tracr.rasp import rasp

from groundtruth.compiler.compile_program import compile
from groundtruth.evaluation.circuits.localization_tasks import localization_task
from groundtruth.evaluation.variables.featurization_tasks import featurization_task
from groundtruth.model import CompiledModel
from groundtruth.results.cell_settings import Sizes
from mib.featurization import FeaturizationTask
from mib.levels import Level
from mib.localization.task import LocalizationTask

_SOUGHT = (("hist", "residual.0.mid"), ("hist", "residual.0.post"), ("is_b", "residual.0.post"))
"""The variable and the site of each mock model; the first is held as a number, 1/(1 + hist)."""

_SIZES = Sizes(32, 8, 16)


@cache
def mock_models() -> tuple[CompiledModel, ...]:
    """Compile small models of three kinds: one head, several heads and layers, a numerical output."""
    same = rasp.Select(rasp.tokens, rasp.tokens, rasp.Comparison.EQ)
    hist = rasp.SelectorWidth(same).named("hist")
    length = rasp.SelectorWidth(rasp.Select(rasp.tokens, rasp.tokens, rasp.Comparison.TRUE)).named("length")
    most = rasp.categorical(rasp.SequenceMap(_is_most, hist, length)).named("most")
    is_b = rasp.numerical(rasp.Map(lambda x: float(x == "b"), rasp.tokens)).named("is_b")
    before = rasp.Select(rasp.indices, rasp.indices, rasp.Comparison.LEQ)
    share = rasp.numerical(rasp.Aggregate(before, is_b, default=0)).named("share")
    return tuple(
        compile(program, vocab="abc", max_seq_len=4, name=f"mock {name}")
        for name, program in (("count", hist), ("majority", most), ("numerical", share))
    )


def mock_localization_tasks(level: Level, n_pairs: int) -> dict[str, LocalizationTask]:
    """Make a localization task on each mock model, by its name."""
    return {model.name: localization_task(model, n_pairs=n_pairs, level=level) for model in mock_models()}


@cache
def mock_featurization_tasks() -> dict[str, FeaturizationTask]:
    """Make tasks with a variable held as a number, one held one-hot beside another, and one in a model of numbers."""
    found: dict[str, FeaturizationTask] = {}
    for model, (variable, site) in zip(mock_models(), _SOUGHT, strict=True):
        wanted = f"1/(1+{variable})" if site.endswith("mid") else variable
        found[model.name] = featurization_task(model, wanted, site, sizes=_SIZES)
    return found


def _is_most(count: Any, total: Any) -> bool:
    return 2 * count > total
