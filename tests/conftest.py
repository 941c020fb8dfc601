"""Shapes are checked under test, argument by argument, wherever ``groundtruth`` and ``mib``'s engine state them."""

import gc
import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.typecheck import check_shapes_in

# Neither a test's own time nor that of drawing its inputs is held against it: a machine may be slow.
_UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("dev", _UNTIMED)
settings.register_profile("ci", _UNTIMED, derandomize=True, database=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

_ROOT = Path(__file__).parent.parent
# Programs are left alone: their source text is part of what they are. So are packages, which stand for all inside.
_FOLDERS = ("groundtruth", "mib/models/adapters", "mib/engine", "mib/localization")
# Some answer wrong arguments themselves, which is tested.
_LEFT_OUT = (
    "__init__.py",
    "engine.py",
    "input_pool.py",
    "pool_runs.py",
    "task.py",
    "acdc.py",
    "edge_pruning.py",
    "ensembles.py",
)
_modules = {
    ".".join(path.relative_to(_ROOT).with_suffix("").parts): path
    for folder in _FOLDERS
    for path in (_ROOT / folder).rglob("*.py")
    if path.name not in _LEFT_OUT and path.parent.name != "programs"
}
check_shapes_in(_modules)
gc.disable()  # until all tests are collected: importing makes a million objects, and next to no garbage


def pytest_collection_finish() -> None:
    """Leave what was imported out of all later collections: it stays, and looking through it takes a second."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="module")
def checkpoints_loaded_once() -> Iterator[None]:
    """The checkpoints that submissions are made of are loaded once for all tests of a file."""
    from mib import load_model

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mib.leaderboard.submissions.run_submission.load_model", cache(load_model))
        yield


@pytest.fixture(autouse=True)
def _nothing_is_left_registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test declares or imports from files of its own is gone after it, and no terminal shapes its output."""
    from groundtruth.programs.registry import PROGRAMS
    from mib import user_files
    from mib.featurization.registry import FEATURIZERS
    from mib.localization.registry import LOCALIZERS

    monkeypatch.delenv("COLUMNS", raising=False)  # pytest-xdist sets it, and output follows it
    monkeypatch.setattr(user_files, "_modules", {})
    before = [(registry, dict(registry._entries)) for registry in (PROGRAMS, FEATURIZERS, LOCALIZERS)]
    known = set(sys.modules)
    yield
    for registry, entries in before:
        built_in = {name: entry for name, entry in registry._entries.items() if registry._is_builtin(entry[1])}
        registry._entries = built_in | entries
    for name in set(sys.modules) - known:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if "pytest-of-" in file:
            del sys.modules[name]
