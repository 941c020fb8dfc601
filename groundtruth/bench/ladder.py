"""The ladder: the same methods on the same models, rung by rung, each rung hard in another way."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from groundtruth.artifacts import shipped_twins
from groundtruth.bench.cells import Failed
from groundtruth.bench.results import Result
from groundtruth.errors import DomainError
from groundtruth.hardening.ladder import LADDER, RAW, SUPERPOSED
from groundtruth.localizing.exam import ORACLE, Row

RUNGS = (RAW, *LADDER)
"""From the compiled model itself to the twin that is hard in all ways; on all of them the truth is exact."""


@dataclass(frozen=True)
class Climb:
    """One method on every rung.

    Attributes:
        method: Its name.
        ablation: What flowed along cut edges.
        models: The models that it was scored on at every rung that it was run on; the means are over these.
        values: AUROC against the live edges, by rung and model; ``None`` where it has none. On the rung ``superposed``,
            which not every model has, against edges that are live by witness: measured, not exact.
        rounded: The same of the scores in multiples of a millionth of the largest: what does not rest on rounding.
        n_exact: On how many of the models it recovered the live edges exactly, by rung with an exact truth.
        n_failed: On how many it failed, by rung.
    """

    method: str
    ablation: str
    models: tuple[str, ...]
    values: Mapping[str, Mapping[str, float | None]]
    rounded: Mapping[str, Mapping[str, float | None]]
    n_exact: Mapping[str, int]
    n_failed: Mapping[str, int]

    @property
    def auroc(self) -> dict[str, float | None]:
        """Mean over the models, by rung."""
        return {rung: _mean(known.values()) for rung, known in self.values.items()}

    @property
    def spread(self) -> dict[str, float]:
        """Standard deviation over the models, by rung; 0 for one model."""
        return {rung: _deviation(known.values()) for rung, known in self.values.items()}

    @property
    def rounded_auroc(self) -> dict[str, float | None]:
        """Mean over the models of the AUROC of rounded scores, by rung."""
        return {rung: _mean(known.values()) for rung, known in self.rounded.items()}


def ladder_models(models: Sequence[str] | None = None) -> list[str]:
    """Every rung of some models, as names: ``hist``, ``hist@rotated`` and so on; superposed where that ships.

    Args:
        models: Without ``@``; by default those that ship on every rung.

    Raises:
        DomainError: If a name is a twin's already.
    """
    names = list(models) if models is not None else shipped_on_all_rungs()
    if wrong := [name for name in names if "@" in name]:
        raise DomainError(f"'{wrong[0]}' is a twin already; give the ladder models without '@'.")
    twins = set(shipped_twins())
    rungs = {name: [*RUNGS, *([SUPERPOSED.name] if f"{name}@{SUPERPOSED.name}" in twins else [])] for name in names}
    return [name if rung == RAW else f"{name}@{rung}" for name in names for rung in rungs[name]]


def shipped_on_all_rungs() -> list[str]:
    """The shipped models that ship on every rung, sorted."""
    twins = set(shipped_twins())
    bases = sorted({name.partition("@")[0] for name in twins})
    return [base for base in bases if all(f"{base}@{rung}" in twins for rung in LADDER)]


def climbs(result: Result, ablation: str) -> list[Climb]:
    """Each method's scores rung by rung: the oracle first, then by falling AUROC over the rungs with an exact truth."""
    found = [_climb(result, method, ablation) for method in result.methods]
    scored = [climb for climb in found if climb.models or any(climb.n_failed.values())]
    return sorted(scored, key=lambda climb: (climb.method != ORACLE, -(_mean(map(climb.auroc.get, RUNGS)) or 0.0)))


def _climb(result: Result, method: str, ablation: str) -> Climb:
    rungs = rungs_of(result)
    rows: dict[str, dict[str, Row]] = {rung: {} for rung in rungs}
    failed = dict.fromkeys(rungs, 0)
    for cell, outcome in result.outcomes:
        if (cell.method, cell.ablation) != (method, ablation):
            continue
        base, rung = base_and_rung(cell.model)
        if isinstance(outcome, Row):
            rows[rung][base] = outcome
        elif isinstance(outcome, Failed):
            failed[rung] += 1
    everywhere = [base for base in rows[RAW] if all(base in rows[rung] for rung in RUNGS)]
    chosen = {rung: {base: rows[rung][base] for base in everywhere if base in rows[rung]} for rung in rungs}
    return Climb(
        method=method,
        ablation=ablation,
        models=tuple(everywhere),
        values={rung: {base: row.live and row.live.auroc for base, row in own.items()} for rung, own in chosen.items()},
        rounded={
            rung: {base: row.live and row.live.rounded_auroc for base, row in own.items()}
            for rung, own in chosen.items()
        },
        n_exact={rung: sum(row.live.exact for row in chosen[rung].values() if row.live) for rung in RUNGS},
        n_failed=failed,
    )


def rungs_of(result: Result) -> tuple[str, ...]:
    """The rungs of a run: those with an exact truth, and ``superposed`` if any model has that."""
    has_superposed = any(base_and_rung(model)[1] == SUPERPOSED.name for model in result.models)
    return (*RUNGS, SUPERPOSED.name) if has_superposed else RUNGS


def base_and_rung(model: str) -> tuple[str, str]:
    """A name such as ``hist@soft`` as the model and the rung."""
    base, _, rung = model.partition("@")
    return base, rung or RAW


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _mean(values: Iterable[float | None]) -> float | None:
    known = _known(values)
    return statistics.fmean(known) if known else None


def _deviation(values: Iterable[float | None]) -> float:
    known = _known(values)
    return statistics.stdev(known) if len(known) > 1 else 0.0


def ladder_data(result: Result) -> dict[str, Any]:
    """The ladder as JSON has it."""
    described = {RAW: "as compiled", **{rung.name: rung.description for rung in (*LADDER.values(), SUPERPOSED)}}
    return {
        "rungs": {name: described[name] for name in rungs_of(result)},
        "climbs": [_climb_data(climb) for ablation in result.ablations for climb in climbs(result, ablation)],
    }


def _climb_data(climb: Climb) -> dict[str, Any]:
    means = {"auroc": climb.auroc, "spread": climb.spread, "rounded_auroc": climb.rounded_auroc}
    return {**asdict(climb), **means}
