"""The main job: methods on models, a cell at a time, kept by content and written as one result file."""

import sys
from types import ModuleType
from typing import Any

from groundtruth.bench.cell_store import CellStore
from groundtruth.bench.plan_cells import find_profile, plan_cells
from groundtruth.bench.request import Profile, Request
from groundtruth.bench.run_cells import run_cells
from groundtruth.bench.run_methods import run_methods
from groundtruth.bench.track import Track
from groundtruth.bench.tracks import TRACKS, find_track
from groundtruth.results.cell import Cell, Failed, Outcome, Skipped
from groundtruth.results.cell_settings import CircuitSetting, VariableSetting
from groundtruth.results.result import Result, result_of
from groundtruth.results.summary import Spread, Summary

__all__ = [
    "TRACKS",
    "Cell",
    "CellStore",
    "CircuitSetting",
    "Failed",
    "Outcome",
    "Profile",
    "Request",
    "Result",
    "Skipped",
    "Spread",
    "Summary",
    "Track",
    "VariableSetting",
    "find_profile",
    "find_track",
    "plan_cells",
    "result_of",
    "run_cells",
    "run_methods",
]


class _CallablePackage(ModuleType):
    """This package, which can be called: ``groundtruth.bench(["eap"], ["hist"])`` is ``run_methods``."""

    def __call__(self, *arguments: Any, **options: Any) -> Result:
        """Score several methods on several models; see ``run_methods``."""
        return run_methods(*arguments, **options)


# The package and the function that runs it share a name: whoever writes groundtruth.bench may mean either.
sys.modules[__name__].__class__ = _CallablePackage
