"""What a cell will take, in passes and bytes, before its method is run."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from groundtruth.bench.featurizer_sizes import featurizer_sizes
from groundtruth.errors import DomainError, VariantError
from groundtruth.evaluation.circuits.localization_tasks import localization_task
from groundtruth.evaluation.language_models import is_language_model
from groundtruth.results.cell import ORACLE, Cell
from groundtruth.results.cell_settings import CircuitSetting, VariableSetting
from groundtruth.specs import find_model
from groundtruth.user_methods import is_own_method
from groundtruth.user_sources import is_own_spec
from mib.engine.ablations import check_ablation
from mib.engine.row_batches import Widths, bytes_of_a_row, bytes_of_outputs, rows_that_fit
from mib.errors import MibError
from mib.featurization.featurizer_passes import plan_featurizer_passes
from mib.graph import Graph
from mib.localization.planned_passes import RunSizes, plan_passes
from mib.models.load import DTYPES
from mib.models.planned_size import plan_size

POSITIONS = 20
"""Length of a prompt that a plan takes for a language model: no text is tokenized. IOI's have about as many tokens."""

CIRCUIT_RUNS = frozenset(
    ("exact", "exact-node", "exact-neuron", "edge-pruning", "subnetwork-probing", "ugs", "ensemble-sequential",
     "ensemble-hybrid", "acdc", "cpr-gaming", "eap-optimal", "optimal-ablation")
)  # fmt: skip
"""Methods that run circuits, and not only gradients or norms."""


@dataclass(frozen=True)
class CellPlan:
    """What one cell will take.

    Attributes:
        method: As the cell names it.
        place: Model, task and what else it is compared on.
        ablation: Name of what flows along cut edges.
        forward: Forward passes of the method over its examples; None if they are not known beforehand.
        backward: Backward passes.
        certainty: ``exact``, ``at most``, or ``unknown``.
        examples: Number of examples, at most.
        positions: Number of positions that each has, at most.
        model_bytes: Weights, as loaded.
        run_bytes: Bytes beside the model by the law of docs/memory.md: a batch at its largest, what is kept between
            batches, and the scores; 0 where nothing is known.
        streaming: True if gradients are taken one sublayer at a time.
        note: Why something is not known.
    """

    method: str
    place: str
    ablation: str
    forward: float | None = None
    backward: float | None = None
    certainty: str = "unknown"
    examples: int = 0
    positions: int = 0
    model_bytes: int = 0
    run_bytes: int = 0
    streaming: bool = False
    note: str = ""


@dataclass(frozen=True)
class _Sizes:
    """Sizes of a model and of its examples."""

    graph: Graph
    widths: Widths
    n: int
    positions: int
    model_bytes: int
    memory: int


def plan_cell(cell: Cell) -> CellPlan:
    """Work out what a cell will take; no method is run, and no weight of a language model is read."""
    where: dict[str, Any] = {"method": cell.method, "place": cell.place, "ablation": cell.ablation}
    if isinstance(cell.setting, VariableSetting):
        return _plan_featurizer(cell, where, controls=cell.setting.controls)
    try:
        sizes = _sizes(cell.evaluator)
    except (MibError, DomainError, VariantError) as error:
        return CellPlan(**where, note=str(error))
    pool = 2 * sizes.n * bytes_of_outputs(sizes.widths, sizes.graph, sizes.positions)
    # Half of the memory is for what is kept between batches, the other half for a batch: as the engine divides it.
    cached = pool <= sizes.memory // 2
    row = bytes_of_a_row(sizes.widths, sizes.graph, sizes.positions, work="gradients")
    streaming = sizes.memory // 2 < row
    own = cell.method == ORACLE or is_own_method(cell.method)
    ablation = check_ablation(cell.setting.ablation)
    at_once = rows_that_fit(sizes.widths, sizes.graph, sizes.positions, memory=sizes.memory, work="gradients")
    run = RunSizes(sizes.graph, sizes.n, ablation, streaming=streaming, cached=cached, at_once=at_once)
    passes = None if own else plan_passes(cell.method, run, dict(cell.parameters))
    return CellPlan(
        **where,
        forward=passes and passes.forward,
        backward=passes and passes.backward,
        certainty=passes.certainty if passes else "unknown",
        examples=sizes.n,
        positions=sizes.positions,
        model_bytes=sizes.model_bytes,
        run_bytes=0 if passes is None else _run_bytes(cell.method, sizes, pool if cached else 0, streaming=streaming),
        streaming=streaming and passes is not None and cell.method not in CIRCUIT_RUNS,
        note="" if passes else "what it runs depends on the method's own code and on the data",
    )


def _plan_featurizer(cell: Cell, where: dict[str, Any], *, controls: bool) -> CellPlan:
    """Bound what a featurizer's cell takes: it learns until it is good enough, or its steps are over."""
    try:
        sizes = featurizer_sizes(cell.evaluator, positions=POSITIONS)
    except (MibError, DomainError) as error:
        return CellPlan(**where, note=str(error))
    own = cell.method == ORACLE or is_own_method(cell.method)
    passes = None if own else plan_featurizer_passes(cell.method, sizes.pairs, dict(cell.parameters))
    again = "controls run the method again" if controls and passes and passes.backward else ""
    return CellPlan(
        **where,
        forward=passes and passes.forward,
        backward=passes and passes.backward,
        certainty=passes.certainty if passes else "unknown",
        examples=sizes.pairs.pairs,
        positions=sizes.positions,
        model_bytes=sizes.model_bytes,
        run_bytes=sizes.run_bytes if passes else 0,
        note=again if passes else "what it runs depends on the method's own code and on the data",
    )


def _run_bytes(method: str, sizes: _Sizes, kept: int, *, streaming: bool) -> int:
    work = "circuits" if method in CIRCUIT_RUNS else "checkpointed" if streaming else "gradients"
    fit = rows_that_fit(sizes.widths, sizes.graph, sizes.positions, memory=sizes.memory, work=work)
    batch = min(fit, sizes.n) * bytes_of_a_row(sizes.widths, sizes.graph, sizes.positions, work=work)
    return batch + kept + 8 * len(sizes.graph.sources) * len(sizes.graph.destinations)


@cache
def _sizes(cell: Cell) -> _Sizes:
    """Sizes for all methods of a cell's model, task and setting."""
    setting = cell.setting
    if not isinstance(setting, CircuitSetting):
        raise DomainError(f"'{cell.place}' is no cell of the circuit track.")
    if is_language_model(cell.model):
        if is_own_spec(cell.model):
            raise DomainError(f"'{cell.model}' is made by code of your own: its sizes are known when that is run.")
        size, number = plan_size(cell.model), DTYPES[cell.dtype].itemsize
        widths = Widths(size.d_head, size.d_mlp, size.vocabulary, number, on_cpu=cell.device == "cpu")
        weights = (size.parameters + size.repeated) * number
        return _Sizes(size.graph, widths, setting.n_pairs, POSITIONS, weights, cell.prompts.memory)
    model = find_model(cell.model)
    task = localization_task(
        model, ablation=setting.ablation, lengths=setting.lengths, n_pairs=setting.n_pairs, seed=cell.seed,
        level=setting.level, dtype=getattr(torch, cell.dtype),
    )  # fmt: skip
    widths = Widths.of(task.engine.anatomy)
    weights = sum(weight.numel() for weight in model.transformer.state_dict().values()) * widths.number
    return _Sizes(task.graph, widths, len(task), task.clean.shape[1], weights, task.memory)
