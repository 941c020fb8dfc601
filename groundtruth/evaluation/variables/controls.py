"""Controls beside every score: the same method where there is nothing to find.

A method that scores as high there has shown what it can do, not what the model does. Sources: control tasks, Hewitt
and Liang 2019, arXiv 1909.03368; random networks, Sutter et al. 2025, arXiv 2507.08802; several algorithms for one
behaviour, Meloux et al. 2025, arXiv 2502.20914.
"""

import copy
from dataclasses import replace

import torch

from groundtruth.model import CompiledModel, load_compiled
from groundtruth.truth.variables.residual_sites import Site
from mib.featurization.task import FeaturizationTask
from mib.site import Site as TaskSite
from mib.sublayers import split_sublayer, unembedding_sublayer

SAME_BEHAVIOUR: tuple[tuple[str, ...], ...] = (
    ("contains_x", "contains_x_twice_told", "contains_x_by_vote"),
    ("hist", "hist_no_bos", "hist_by_median"),
    ("sort_descending", "sort_then_reverse"),
)
"""Programs of the library that give the same on every input that they share, by different algorithms."""


def shuffled(task: FeaturizationTask, seed: int) -> FeaturizationTask:
    """The task on a copy of its model in which the entries of every weight matrix are shuffled."""
    generator = torch.Generator().manual_seed(seed)
    model = copy.deepcopy(task.model)
    if not isinstance(model, torch.nn.Module):
        raise TypeError("a task of a compiled model has a module")
    with torch.no_grad():
        for parameter in model.parameters():
            # Drawn on the CPU, so that a seed shuffles alike on every device.
            order = torch.randperm(parameter.numel(), generator=generator)
            parameter.copy_(parameter.flatten()[order.to(parameter.device)].reshape(parameter.shape))
    return replace(task, model=model)


def find_other_program(model: CompiledModel) -> CompiledModel | None:
    """Another shipped program with the same behaviour; ``None`` where the library has none."""
    names = next((group for group in SAME_BEHAVIOUR if model.name in group), ())
    other = next((name for name in names if name != model.name), None)
    return None if other is None or model.folder is None else load_compiled(other)


def site_in_other_program(site: TaskSite, model: CompiledModel, other: CompiledModel) -> TaskSite | None:
    """Another program's residual stream at the same share of its depth, one sublayer in at least; else ``None``."""
    place = Site.of(site)
    if not place.residual:
        return None
    layers, own = other.weights.n_layers, model.weights.n_layers
    last, own_last = unembedding_sublayer(layers), unembedding_sublayer(own)
    # At least 1: before the first sublayer there is nothing but the embeddings, in any program.
    reader = min(last, max(1, round(place.sublayer / own_last * last)))
    layer, is_mlp = split_sublayer(reader - 1)  # the sublayer that writes what the reader reads
    return TaskSite.residual(layer, "post" if is_mlp else "mid")
