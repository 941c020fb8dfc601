"""How like trained networks models are, as a table."""

from collections.abc import Sequence
from dataclasses import fields

from rich.console import Group, RenderableType
from rich.text import Text

from groundtruth.report import notation
from groundtruth.report.fitted_table import FittedTable, TableColumn
from groundtruth.validity.measure_realism import Realism

LEGEND = (
    "kurtosis: of weights, 3 is Gaussian. Ranks: effective, as shares of d_head. Entropy: of attention, 0 a hard "
    "choice, 1 an average. Flat: live units without a slope. Cosine: largest between what two sources write. EAP: its "
    "error, as a share of exact effects."
)

_HEADINGS = (
    "model",
    "kurtosis",
    "QK\nrank",
    "OV\nrank",
    "entropy",
    "dead\nunits",
    "flat\nunits",
    "cosine",
    "EAP\nerror",
)


def realism_view(found: Sequence[Realism], *, wide: bool = False) -> RenderableType:
    """Print a line a model.

    Args:
        found: The models.
        wide: Keep every column, however long the lines become.
    """
    first, *others = _HEADINGS
    columns = [TableColumn(first, yields="wraps", least=16)]
    columns += [TableColumn(heading, right=True, priority=index) for index, heading in enumerate(others)]
    table = FittedTable(columns, wide=wide, more="--wide shows them.")
    for one in found:
        table.add_row(one.model, *(notation.number(getattr(one, item.name)) for item in fields(one)[1:]))
    return Group(Text("How like trained networks?", "heading"), table, Text(LEGEND, "faint"))
