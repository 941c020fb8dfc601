"""The columns of the variable track, in the order in which tables have them."""

from dataclasses import replace

from groundtruth.column import Column, Place
from groundtruth.results.model_tiers import VARIABLE_TIERS

_TIERS = tuple(
    # Narrow tables keep the last tiers first: they predict ranks on learned models, the first do not.
    Column(name=f"accuracy_{tier}", heading=f"IIA {tier}", priority=len(VARIABLE_TIERS) - index)
    for index, tier in enumerate(VARIABLE_TIERS)
)
"""Interchange accuracy on the models of one tier; without values in a table whose models stand on one."""

_REST = len(VARIABLE_TIERS)
"""Priority after which the columns beside the tiers begin: the tiers are the verdict."""

VARIABLE_COLUMNS: tuple[Column, ...] = (
    # Without a truth. A high interchange accuracy can be an illusion, so the highest is not marked.
    Column(name="accuracy", heading="IIA", spread=True, priority=0),
    *_TIERS,
    Column(name="transfer", heading="trans\xadfer", marked=True, priority=_REST + 1),
    Column(name="isolation", heading="iso", priority=_REST + 7),
    Column(name="disentangle", heading="IIA+iso", place="page", priority=_REST + 22),
    Column(name="domain_accuracy", heading="IIA every pair", place="page", priority=_REST + 32),
    # Against the exact variable.
    Column(name="recall", heading="re\xadcall", priority=_REST + 4),
    Column(name="precision", heading="preci\xadsion", spread=True, marked=True, priority=_REST + 3),
    Column(name="f1", heading="F1", marked=True, place="page", priority=_REST + 20),
    Column(name="inside", heading="in\xadside", marked=True, priority=_REST + 6),
    Column(name="natural", heading="natural", place="page", priority=_REST + 23),
    Column(name="carried", heading="carried", place="page", priority=_REST + 24),
    Column(name="rank", heading="rank", format="count", better="lower", priority=_REST + 13),
    Column(name="minimal_rank", heading="rank to find", format="count", place="data"),
    # Controls: interchange accuracy where there is nothing to find.
    Column(name="shuffled", heading="shuf\xadfled", better="lower", priority=_REST + 9),
    Column(name="arbitrary", heading="arbi\xadtrary", better="lower", priority=_REST + 10),
    Column(name="variant", heading="variant", better="lower", priority=_REST + 11),
    Column(name="selectivity", heading="gap", marked=True, priority=_REST + 5),
    Column(name="illusion", heading="illu\xadsion", format="fraction", better="lower", priority=_REST + 8),
    # MIB's summaries.
    Column(name="mib", heading="MIB", place="data"),
    Column(name="mib_mean", heading="MIB mean", place="page", priority=_REST + 25),
    Column(name="mib_best", heading="MIB best", place="page", priority=_REST + 21),
    Column(name="mib_best_on_test", heading="MIB best on test", place="data"),
    # On language models, in a table that has compiled models too.
    Column(name="real_accuracy", heading="IIA LM", priority=_REST + 2),
    Column(name="real_mib", heading="MIB LM", priority=_REST + 12),
    Column(name="real_isolation", heading="iso LM", place="page", priority=_REST + 26),
    Column(name="real_mib_mean", heading="MIB mean LM", place="page", priority=_REST + 29),
    Column(name="real_mib_best", heading="MIB best LM", place="page", priority=_REST + 27),
    Column(name="real_selectivity", heading="gap LM", place="page", priority=_REST + 28),
    Column(name="real_rank", heading="rank LM", format="count", better="lower", place="page", priority=_REST + 30),
    Column(name="real_disentangle", heading="IIA+iso LM", place="data"),
    Column(name="real_mib_best_on_test", heading="MIB best on test LM", place="data"),
    # Costs.
    Column(name="seconds", heading="s", better="lower", place="page", priority=_REST + 31),
    # What explains the scores above.
    Column(name="all_pairs", heading="IIA all pairs", place="data"),
    Column(name="cause", heading="cause", place="data"),
    Column(name="validation", heading="IIA validation", place="data"),
    Column(name="energy_live", heading="energy live", place="data"),
    Column(name="energy_others", heading="energy others", place="data"),
    Column(name="energy_dormant", heading="energy dormant", place="data"),
    Column(name="energy_dead", heading="energy dead", place="data"),
    Column(name="energy_null", heading="energy null", place="data"),
)

_ON_SCREEN = ("mib_mean", "mib_best", "seconds")


def _without_truth(column: Column) -> Column:
    """Give a column the part that it plays where no truth is known: accuracy is then what there is to mark."""
    place: Place = "screen" if column.name in _ON_SCREEN else column.place
    return replace(column, place=place, marked=column.marked or column.name == "accuracy")


LANGUAGE_MODEL_VARIABLE_COLUMNS: tuple[Column, ...] = tuple(map(_without_truth, VARIABLE_COLUMNS))
"""The same columns for a run on language models alone, where MIB's summaries take the room of the exact scores."""
