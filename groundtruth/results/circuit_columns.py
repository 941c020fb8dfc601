"""The columns of the circuit track, in the order in which tables have them."""

from groundtruth.column import Column
from groundtruth.results.model_tiers import ALL_TIERS
from groundtruth.variants.tiers import SUPERPOSED

_BROKEN = {"distractors": "distrac\xadtors", "redundancy": "redun\xaddancy", "cancelling": "cancel\xadling"}
"""Names of tiers with the place where each may be broken above a narrow column."""

TIER_COLUMNS = tuple(
    Column(name=f"auroc_{tier}", heading=_BROKEN.get(tier, tier), marked=True, priority=1 + index)
    for index, tier in enumerate(ALL_TIERS)
    if tier != SUPERPOSED.name  # it has no AUROC against an exact truth
)
"""AUROC on the models of one tier; without values in a table whose models stand on one."""

_REST = 1 + len(ALL_TIERS)
"""Priority of the first column after the tiers, which are the verdict."""

CIRCUIT_COLUMNS: tuple[Column, ...] = (
    # Against the exact circuit.
    Column(name="auroc", heading="AUROC", spread=True, marked=True, priority=0),
    *TIER_COLUMNS,
    Column(name="average_precision", heading="AP", marked=True, priority=_REST + 6),
    Column(name="f1", heading="F1 @|C|", marked=True, priority=_REST + 7),
    Column(name="stability", heading="stab\xadle", priority=_REST + 1),  # no merit by itself, and not marked
    Column(name="exact", heading="exact", format="fraction", marked=True, priority=_REST + 4),
    Column(name="size_to_sufficiency", heading="|C| / k", marked=True, priority=_REST + 5),
    Column(name="gap", heading="gap", marked=True, place="page", priority=_REST + 14),
    # Without a truth. CPR can go past the true circuit's own, so its largest value is not the best one.
    Column(name="cpr", heading="CPR", spread=True, priority=_REST + 8),
    Column(name="cmd", heading="CMD", better="lower", spread=True, marked=True, priority=_REST + 3),
    Column(name="mib_cpr", heading="CPR MIB", priority=_REST + 12),
    Column(name="mib_cmd", heading="CMD MIB", better="lower", marked=True, priority=_REST + 11),
    # What the whole verdict is: tiers weighted so that ranks predict ranks where no truth is known.
    Column(name="transfer", heading="trans\xadfer", marked=True, priority=_REST),
    # On language models, in a table that has compiled models too.
    Column(name="real_cpr", heading="CPR LM", priority=_REST + 10),
    Column(name="real_cmd", heading="CMD LM", better="lower", marked=True, priority=_REST + 2),
    Column(name="real_mib_cpr", heading="CPR MIB LM", place="data"),
    Column(name="real_mib_cmd", heading="CMD MIB LM", better="lower", place="data"),
    # Costs.
    Column(name="passes", heading="passes", format="count", better="lower", priority=_REST + 9),
    Column(name="seconds", heading="s", better="lower", priority=_REST + 13),
    # What explains the scores above.
    Column(name="rounded_auroc", heading="AUROC rounded", place="data"),
    Column(name="precision", heading="precision", place="data"),
    Column(name="recall", heading="recall", place="data"),
    Column(name="interactions", heading="interactions", place="data"),
    Column(name="variables_auroc", heading="AUROC variables", place="data"),
    Column(name="structural_auroc", heading="AUROC structural", place="data"),
    Column(name="measured_auroc", heading="AUROC measured", place="data"),
    Column(name="true_cpr", heading="CPR of the truth", place="data"),
    Column(name="true_cmd", heading="CMD of the truth", better="lower", place="data"),
)
