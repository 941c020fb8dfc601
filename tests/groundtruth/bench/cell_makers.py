"""Cells of both tracks, and the cells of a profile, in few words."""

import sys
from typing import Any

from groundtruth.bench import Cell, CircuitSetting, Request, VariableSetting, plan_cells
from groundtruth.bench.circuit_track import CIRCUITS
from groundtruth.bench.track import Track
from groundtruth.evaluation.variables import Sizes
from groundtruth.results.cell_settings import SIZES

OF_CIRCUITS = ("ablation", "level", "lengths", "n_pairs", "max_sizes")


def circuit_cell(method: str, model: str, ablation: str = "resample", **options: Any) -> Cell:
    setting = {name: options.pop(name) for name in OF_CIRCUITS if name in options}
    return Cell(method, model, CircuitSetting(ablation, **setting), **options)


def variable_cell(
    method: str, model: str, variable: str, site: str, seed: int = 0, sizes: Sizes = SIZES, **options: Any
) -> Cell:
    controls = options.pop("controls", True)
    return Cell(method, model, VariableSetting(variable, site, sizes, controls), seed, **options)


def planned(profile: str = "default", track: Track = CIRCUITS, **asked: Any) -> list[Cell]:
    return plan_cells(track, Request(profile, **asked))


def forget_package(name: str) -> None:
    """Have a package of a user's unknown, as in a process that has never imported it."""
    for module in [module for module in sys.modules if module.partition(".")[0] == name]:
        del sys.modules[module]
