"""What one method reached over all models or places of a run."""

import statistics
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

RATIOS = ("gap",)
"""Columns that are ratios, so that their mean is the geometric one."""


def column_mean(name: str, values: Collection[float]) -> float:
    """Average the values of a column.

    Args:
        name: Name of the column.
        values: At least one.
    """
    return statistics.geometric_mean(values) if name in RATIOS else statistics.fmean(values)


@dataclass(frozen=True)
class Spread:
    """A column over models, or over places and seeds.

    Attributes:
        mean: Mean over models or places that have a value.
        std: Standard deviation over models; of places with several seeds that over seeds, in the mean over places.
        n: Over how many models or places.
        freedom: Degrees of freedom of ``std``: values beyond the first, or beyond the first of each place.
    """

    mean: float
    std: float
    n: int
    freedom: int


@dataclass(frozen=True)
class Summary:
    """One method over all that it was scored on, under one ablation where the track has any.

    Attributes:
        method: Its name.
        ablation: Kind of ablation of cut edges; empty in a track that cuts none.
        n_scored: Number of scores that it has; if any model is compiled, language models do not count.
        n_failed: Number of times that it failed.
        columns: Mean and spread of each column that has a value; those of language models beside compiled ones begin
            with ``real_``.
        fractions: Columns that count: how many of how many.
        group: Kind of method; methods are ranked within it.
        is_control: True if it is shown apart, and not ranked with methods.
    """

    method: str
    ablation: str
    n_scored: int
    n_failed: int
    columns: Mapping[str, Spread]
    fractions: Mapping[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    group: str = ""
    is_control: bool = False
