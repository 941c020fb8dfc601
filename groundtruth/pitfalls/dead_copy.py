"""A probe finds what was left behind."""

from sklearn.linear_model import LogisticRegression

from groundtruth.evaluation.variables import Sizes, featurization_task
from groundtruth.model import load_compiled
from groundtruth.pitfalls.pitfall import Demonstration, Exhibit, Finding, pitfall
from mib.featurization import FeaturizationTask, get
from mib.metrics.interchange_scores import interchange_scores

LIVE, DEAD = "resid_pre3", "resid_post3"
"""Before and after the only component that reads ``opposite``."""


@pitfall(
    "dead-copy",
    why="The residual stream keeps what was written to it: a probe reads the copy after its last reader has gone by.",
    instead="Test with an interchange whether a component still to come reads what the probe reads.",
    source="Belinkov 2022, Computational Linguistics 48(1); Ravichander et al. 2021, arXiv 2005.00719",
)
def dead_copy(*, seed: int = 0) -> Demonstration:
    """A linear probe is as sure of a variable where nothing reads it any more as where it is live.

    ``opposite`` of ``reverse`` is written by the MLP of block 2 and read by the head of block 3 alone. Probes are
    trained before and after that head, scored on held-out inputs, and their directions interchanged.

    Args:
        seed: Seed of the pairs.
    """
    model, sizes = load_compiled("reverse"), Sizes(train=300, validation=1, test=300)
    tasks = [
        featurization_task(model, "opposite", site, readers="all", sizes=sizes, seed=seed) for site in (LIVE, DEAD)
    ]
    probed = [_probe_accuracy(task) for task in tasks]
    probes = [Exhibit(task, get("linear-probe")(task)) for task in tasks]
    swapped = [interchange_scores(probe.task, probe.featurizer).distinguishing.value for probe in probes]
    return Demonstration(
        naive=(
            Finding("probe accuracy, live site", probed[0], least=0.99),
            Finding("probe accuracy, dead site", probed[1], least=0.99),
        ),
        truth=(
            Finding("interchange accuracy, live site", swapped[0], least=0.8),
            Finding("interchange accuracy, dead site", swapped[1], most=0.02),
        ),
        model=model,
        exhibits=dict(zip(("live", "dead"), probes, strict=True)),
    )


def _probe_accuracy(task: FeaturizationTask) -> float:
    """Share of held-out activations of which a logistic regression says the variable's value."""
    base, _ = task.activations()
    values = task.base_values
    if values is None:
        raise RuntimeError("a task of a variable has its values")
    train, test = task.split.train, task.split.test
    x, y = base[:, 0].double().numpy(), values[:, 0].numpy()
    probe = LogisticRegression(max_iter=10_000).fit(x[train.numpy()], y[train.numpy()])
    return float(probe.score(x[test.numpy()], y[test.numpy()]))
