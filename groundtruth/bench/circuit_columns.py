"""The columns of the circuit track, in the order in which tables have them."""

from groundtruth.bench.column import Column

CIRCUIT_COLUMNS: tuple[Column, ...] = (
    # Against the exact circuit.
    Column(name="auroc", heading="AUROC", spread=True, marked=True, priority=0),
    Column(name="average_precision", heading="AP", marked=True, priority=4),
    Column(name="f1", heading="F1 @|C|", marked=True, priority=5),
    Column(name="exact", heading="exact", format="fraction", marked=True, priority=2),
    Column(name="size_to_sufficiency", heading="|C| / k", marked=True, place="page", priority=12),
    # Without a truth. CPR can go past the true circuit's own, so its largest value is not the best one.
    Column(name="cpr", heading="CPR", spread=True, priority=3),
    Column(name="cmd", heading="CMD", better="lower", spread=True, marked=True, priority=1),
    Column(name="mib_cpr", heading="CPR MIB", priority=10),
    Column(name="mib_cmd", heading="CMD MIB", better="lower", marked=True, priority=9),
    # On language models, in a table that has compiled models too.
    Column(name="real_cpr", heading="CPR LM", priority=8),
    Column(name="real_cmd", heading="CMD LM", better="lower", marked=True, priority=6),
    Column(name="real_mib_cpr", heading="CPR MIB LM", place="data"),
    Column(name="real_mib_cmd", heading="CMD MIB LM", better="lower", place="data"),
    # Costs.
    Column(name="passes", heading="passes", format="count", better="lower", priority=7),
    Column(name="seconds", heading="s", better="lower", priority=11),
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
