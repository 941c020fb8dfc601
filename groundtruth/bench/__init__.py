"""The main job: methods on models, a cell at a time, kept by content and written as one result file."""

from groundtruth.bench.cells import Cell, CellStore, Failed, Outcome, Skipped
from groundtruth.bench.profiles import PROFILES, Profile, profile
from groundtruth.bench.results import Result, Summary, result_of
from groundtruth.bench.running import run_cells

__all__ = [
    "PROFILES",
    "Cell",
    "CellStore",
    "Failed",
    "Outcome",
    "Profile",
    "Result",
    "Skipped",
    "Summary",
    "profile",
    "result_of",
    "run_cells",
]
