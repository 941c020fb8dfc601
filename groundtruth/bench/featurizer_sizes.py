"""The sizes on which the cost of a cell of the variable track depends, before its method is run."""

from dataclasses import dataclass
from functools import cache

from groundtruth.bench.request import dtype_of
from groundtruth.errors import DomainError
from groundtruth.evaluation.language_models import is_language_model
from groundtruth.evaluation.variables.featurization_tasks import featurization_task
from groundtruth.results.cell import Cell
from groundtruth.results.cell_settings import VariableSetting
from groundtruth.specs import find_model
from groundtruth.user_sources import is_own_spec
from mib.featurization.featurizer_passes import PairSizes
from mib.featurization.pair_runs import InterchangeWidths
from mib.models.load import DTYPES
from mib.models.planned_size import plan_size


@dataclass(frozen=True)
class FeaturizerSizes:
    """Sizes of a model and of the pairs of its task.

    Attributes:
        pairs: Number of pairs, and the site's width.
        positions: Number of positions that an input has.
        model_bytes: Weights, as loaded.
        run_bytes: Bytes beside the model: a batch at its largest, the recordings of all inputs and what precedes the
            site, where these fit.
    """

    pairs: PairSizes
    positions: int
    model_bytes: int
    run_bytes: int


@cache
def featurizer_sizes(cell: Cell, *, positions: int) -> FeaturizerSizes:
    """Find the sizes for all methods of a cell's model, variable and site.

    Args:
        cell: A cell of the variable track; its method does not matter.
        positions: Number of positions that a language model's prompt is taken to have: no text is tokenized.

    Raises:
        DomainError: If the cell is of another track, or code of the user's own makes the model; or if no interchange
            of the variable changes the output.
        GroundTruthError: If there is no such model, variable or site.
        ModelError: If the configuration of a language model is not on this machine.
    """
    if not isinstance(cell.setting, VariableSetting):
        raise DomainError(f"'{cell.place}' is no cell of the variable track.")
    return (
        _of_language_model(cell, cell.setting, positions)
        if is_language_model(cell.model)
        else _of_compiled(cell, cell.setting)
    )


def _of_language_model(cell: Cell, setting: VariableSetting, positions: int) -> FeaturizerSizes:
    """Sizes from the configuration alone; there may be fewer pairs than were asked for."""
    if is_own_spec(cell.model):
        raise DomainError(f"'{cell.model}' is made by code of your own: its sizes are known when that is run.")
    size, number, sizes = plan_size(cell.model), DTYPES[cell.dtype].itemsize, setting.sizes
    graph = size.graph
    widths = InterchangeWidths(
        d_model=graph.d_model, d_mlp=size.d_mlp, n_heads=graph.n_heads, vocabulary=size.vocabulary, number=number,
        on_cpu=cell.device == "cpu",
    )  # fmt: skip
    n = sizes.train + sizes.validation + sizes.test
    memory = cell.prompts.memory
    cached = widths.bytes_of_recordings(2 * n, positions) <= memory // 2
    prefix = _prefix_bytes(widths, positions, n_layers=graph.n_layers, d_head=size.d_head)
    pairs = PairSizes(sizes.train, sizes.validation, n, graph.d_model, cached)
    run = _run_bytes(widths, n, 2 * n, positions, memory, prefix=prefix)
    return FeaturizerSizes(pairs, positions, (size.parameters + size.repeated) * number, run)


def _of_compiled(cell: Cell, setting: VariableSetting) -> FeaturizerSizes:
    """Sizes of the task itself, whose pairs are drawn for it."""
    model = find_model(cell.model)
    task = featurization_task(
        model, setting.variable, setting.site, sizes=setting.sizes, seed=cell.seed, dtype=dtype_of(cell.dtype)
    )
    widths, split, (n_inputs, positions) = task.pairs.widths, task.split, task.pairs.inputs.shape
    cached = widths.bytes_of_recordings(n_inputs, positions) <= task.memory // 2
    weights = sum(weight.numel() for weight in model.transformer.state_dict().values()) * widths.number
    # A compiled head is at most as wide as the stream.
    prefix = _prefix_bytes(widths, positions, n_layers=model.graph.n_layers, d_head=model.graph.d_model)
    pairs = PairSizes(len(split.train), len(split.validation), len(task), task.width, cached)
    run = _run_bytes(widths, len(task), n_inputs, positions, task.memory, prefix=prefix)
    return FeaturizerSizes(pairs, positions, weights, run)


def _prefix_bytes(widths: InterchangeWidths, positions: int, *, n_layers: int, d_head: int) -> int:
    """Bytes of what precedes the site in the run of one input: keys and values of all layers, and logits."""
    return positions * (2 * n_layers * widths.n_heads * d_head + widths.vocabulary) * widths.number


def _run_bytes(
    widths: InterchangeWidths, n_pairs: int, n_inputs: int, positions: int, memory: int, *, prefix: int
) -> int:
    batch = min(widths.rows_at_once(positions, memory=memory), n_pairs) * widths.bytes_of_a_row(positions)
    recordings = widths.bytes_of_recordings(n_inputs, positions)
    if recordings > memory // 2:
        return batch
    # What precedes the site is kept where that is worth it, and fits into a quarter.
    return batch + recordings + (n_inputs * prefix if n_inputs * prefix <= memory // 4 else 0)
