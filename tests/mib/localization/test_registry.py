"""A method is checked when it is registered, and again before it starts and when it returns."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import mib
from mib.engine import Cost
from mib.errors import MethodError, ScoreError
from mib.localization import as_localizer, get, localizer, names
from mib.localization.registry import LOCALIZERS
from mib.metrics import Accuracy
from tests.mib.localization.test_methods import make_task, values


def test_every_method_says_what_it_is() -> None:
    for name in names():
        method = get(name)
        assert method.name == name
        assert method.description.endswith(".")
        assert method.cost
        assert method.source


def _without_gradient(task: mib.LocalizationTask) -> mib.LocalizationTask:
    return replace(task, metric=Accuracy(task.clean, task.metric.mask))  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", [name for name in names() if get(name).needs_gradient])
def test_a_metric_without_gradient_is_refused_before_anything_runs(name: str) -> None:
    task = _without_gradient(make_task(level=get(name).levels[0]))
    with pytest.raises(MethodError, match=f"^{name} needs the gradient of the metric; Accuracy has none"):
        get(name)(task)
    assert task.engine.cost == Cost()


@pytest.mark.parametrize("name", [name for name in names() if not get(name).needs_gradient])
def test_what_says_to_need_no_gradient_takes_none_of_the_metric(name: str) -> None:
    values(name, _without_gradient(make_task(level=get(name).levels[0])))


def test_unknown_names_get_a_suggestion() -> None:
    with pytest.raises(MethodError, match=r"unknown localizer 'eap-ig-input'. Did you mean: eap-ig-inputs"):
        get("eap-ig-input")


def test_bad_signatures_are_refused_at_registration() -> None:
    def no_task() -> Any: ...

    def positional(task: Any, steps: int = 5) -> Any: ...

    def no_default(task: Any, *, steps: int) -> Any: ...

    with pytest.raises(MethodError, match=r"takes no task: write it as def no_task\(task, \*, ...\)"):
        as_localizer(no_task)
    for function in (positional, no_default):
        with pytest.raises(MethodError, match="parameter 'steps' must be keyword-only with a default"):
            as_localizer(function)


def test_a_name_is_taken_once() -> None:
    with pytest.raises(MethodError, match="a localizer named 'eap' is registered already"):
        localizer("eap", cost="0", source="nowhere")(lambda task: task)


def test_unknown_ablations_and_levels_are_refused_at_registration() -> None:
    with pytest.raises(mib.TaskError, match=r"unknown ablation 'resampling'. Did you mean: resample"):
        localizer("mine", cost="0", source="me", ablations=("resampling",))(lambda task: task)  # type: ignore[arg-type]
    with pytest.raises(MethodError, match="unknown level 'edges'. Did you mean: edge"):
        localizer("mine", cost="0", source="me", levels=("edges",))(lambda task: task)  # type: ignore[arg-type]


def test_a_method_says_why_before_it_starts() -> None:
    with pytest.raises(MethodError, match="eap scores edge, not level='node'"):
        get("eap")(make_task(level="node"))
    with pytest.raises(
        MethodError, match=r"eap-ig-inputs has no parameter 'step'. Did you mean: steps\? It has: steps"
    ):
        get("eap-ig-inputs")(make_task(), step=3)
    only_zero = as_localizer(lambda task: task, name="only-zero", ablations=("zero",))
    with pytest.raises(MethodError, match="only-zero cannot run with ablation='resample'. It can with: zero"):
        only_zero(make_task())


def test_what_a_method_returns_is_checked() -> None:
    def wrong_kind(task: Any) -> Any:
        return [0.0]

    def incomplete(task: Any) -> Any:
        return mib.EdgeScores(task.graph, {"input->m0": 1.0})

    def other_graph(task: Any) -> Any:
        return mib.EdgeScores(mib.Graph(1, 1, 8), [0.0] * 8)

    with pytest.raises(MethodError, match="returned a list; a task of level 'edge' wants mib.EdgeScores"):
        as_localizer(wrong_kind)(make_task())
    with pytest.raises(ScoreError, match="incomplete: no finite score for 45 of 46 edges: 'input->a0.h0<q>'"):
        as_localizer(incomplete)(make_task())
    with pytest.raises(MethodError, match="the task's graph is"):
        as_localizer(other_graph)(make_task())


def test_scores_that_another_method_builds_on_are_of_edges() -> None:
    task = make_task()
    assert (get("exact").edge_scores(task).flat == values("exact", task)).all()
    with pytest.raises(MethodError, match="exact-node scored the nodes of a task .*: use level='edge'"):
        get("exact-node").edge_scores(make_task(level="node"))


def test_random_scores_follow_the_seed() -> None:
    first, again, other = (get("random")(make_task(seed=seed)) for seed in (1, 1, 2))
    assert first.values[0, 0] == again.values[0, 0] != other.values[0, 0]


def test_installed_packages_bring_methods(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "brought-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: brought\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{LOCALIZERS.plugins}]\nbrought = brought\n")
    (tmp_path / "brought.py").write_text(
        "import mib\n"
        "@mib.localization.localizer('brought', cost='0', source='a package')\n"
        "def brought(task):\n"
        "    'Score nothing.'\n"
        "    return mib.EdgeScores(task.graph, [0.0] * len(task.graph.edges))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(LOCALIZERS, "_entries", dict(LOCALIZERS._entries))
    monkeypatch.setattr(LOCALIZERS, "_has_plugins", False)
    assert "brought" in names()
    assert isinstance(get("brought")(make_task()), mib.EdgeScores)
