"""A mask over dimensions needs a basis that happens to be the model's."""

from groundtruth.evaluation.variables import Sizes, VariableEvaluator, oracle
from groundtruth.model import load_compiled
from groundtruth.pitfalls.pitfall import Demonstration, Exhibit, Finding, pitfall
from groundtruth.variants.symmetries import SYMMETRIES
from mib.featurization import get


@pitfall(
    "rotated-basis",
    why="Compiled variables lie on the axes, where masks have it easy; a rotation ends that and changes no function.",
    instead="Score every method on a rotated variant too: a method that does not depend on the basis must tie.",
    source="Geiger et al. 2023 (DAS), arXiv 2303.02536; Mueller et al. 2025 (MIB), arXiv 2504.13151",
)
def rotated_basis(*, seed: int = 0) -> Demonstration:
    """A mask finds ``opposite`` of ``reverse`` along the axes, and loses it when the residual stream is turned.

    The mask is pressed to be small. DAS is run on both for comparison, with twice the dimensions that the variable has.

    Args:
        seed: Seed of the rotation, the pairs and the methods.
    """
    plain = load_compiled("reverse")
    turned = SYMMETRIES["rotate"](plain, seed=seed)
    sizes = Sizes(train=300, validation=60, test=200)
    evaluators = [
        VariableEvaluator.of(m, "opposite", "resid_pre3", sizes=sizes, controls=False, seed=seed)
        for m in (plain, turned)
    ]
    found = [get("dbm-sparse")(evaluator.task.learnable, steps=200) for evaluator in evaluators]
    free = [get("das")(evaluator.task.learnable, rank=8, steps=200, patience=10) for evaluator in evaluators]
    masks = [evaluator.score(mask) for evaluator, mask in zip(evaluators, found, strict=True)]
    das = [evaluator.score(subspace) for evaluator, subspace in zip(evaluators, free, strict=True)]
    task = evaluators[1].task
    return Demonstration(
        naive=(
            Finding("DBM's accuracy along the axes", masks[0].accuracy, least=0.95),
            Finding("DBM's precision along the axes", masks[0].precision or 0.0, least=0.7),
        ),
        truth=(
            Finding("DBM's accuracy, rotated", masks[1].accuracy, most=0.85),
            Finding("DBM's precision, rotated", masks[1].precision or 0.0, most=0.4),
            Finding("DAS's accuracy along the axes", das[0].accuracy, least=0.9),
            Finding("DAS's accuracy, rotated", das[1].accuracy, least=0.9),
        ),
        model=turned,
        exhibits={
            "axes": Exhibit(task, found[0]),
            "mask": Exhibit(task, found[1]),
            "das": Exhibit(task, free[1]),
            "variable": Exhibit(task, oracle(turned, "opposite", "resid_pre3")),
        },
    )
