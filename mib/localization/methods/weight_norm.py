"""A baseline that runs nothing: how strongly weights compose."""

import torch

from mib.graph import EdgeScores, NodeScores
from mib.localization.reader_matrices import readers, writers
from mib.localization.registry import localizer
from mib.localization.task import LocalizationTask

SOURCE = "composition scores: Elhage et al. 2021, A mathematical framework for transformer circuits"


@localizer("weight-norm", cost="0", source=SOURCE, levels=("edge", "node"), control=True)
def weight_norm(task: LocalizationTask) -> EdgeScores | NodeScores:
    """|W_write W_read| / (|W_write| |W_read|) in the Frobenius norm; a node scores |W_write|.

    The writing matrix is that of a head's output, an MLP's output or an embedding; the reading matrix that of q, k, v,
    an MLP's hidden layer or the logits. 0 where a matrix is 0.
    """
    anatomy, graph = task.engine.anatomy, task.graph
    written = [weight.double() for weight in writers(anatomy, graph)]
    sizes = torch.stack([weight.norm() for weight in written])
    if task.level == "node":
        return NodeScores(graph, sizes.cpu().numpy())
    outer = torch.stack([weight.mT @ weight for weight in written])  # |AB|^2 = tr(A'A BB')
    columns: list[torch.Tensor] = []
    for read in readers(anatomy):
        # Clamped, for rounding of a trace that is 0 may be negative, and its root NaN.
        squares = torch.einsum("sij,dji->sd", outer, torch.matmul(read, read.mT)).clamp(min=0)
        columns.append(squares.sqrt() / (sizes[:, None] * read.flatten(1).norm(dim=1)).clamp(min=1e-300))
    return EdgeScores(graph, torch.cat(columns, dim=1).cpu().numpy())
