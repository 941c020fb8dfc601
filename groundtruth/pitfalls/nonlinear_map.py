"""A map without limits makes a hypothesis true of a network that computes nothing."""

from groundtruth.evaluation.variables import Sizes, featurization_task
from groundtruth.model import load_compiled
from groundtruth.pitfalls.pitfall import Demonstration, Exhibit, Finding, pitfall
from groundtruth.pitfalls.random_network import on_a_random_network, random_weights, share_right
from mib.featurization import get
from mib.metrics.interchange_scores import interchange_scores


@pitfall(
    "nonlinear-map",
    why="A bijection that can be bent at will moves states wherever the answer lies; the map does the computing.",
    instead="Run the method on a random network too, and report the gap.",
    source="Sutter et al. 2025, arXiv 2507.08802",
)
def nonlinear_map(*, seed: int = 0) -> Demonstration:
    """DAS behind a reversible network finds ``is_x`` in a transformer with random weights.

    The pairs and predictions are those of ``contains_x``; the transformer has its shape and normal weights. Both
    methods learn from the same pairs and swap one feature, as many as the variable has dimensions. On the model that
    does compute ``is_x`` the same method does no better, and often worse: saturated weights leave it no gradient.

    Args:
        seed: Seed of the network, the pairs and the methods.
    """
    model = load_compiled("contains_x")
    task = featurization_task(model, "is_x", "resid_post0", sizes=Sizes(train=400, validation=80, test=200), seed=seed)
    random = on_a_random_network(task, model.weights, seed)
    bent, real = (get("bijection-das")(asked, rank=1, steps=300, patience=100) for asked in (random, task))
    straight = get("das")(random, rank=1, steps=200)
    found, there = (interchange_scores(*pair).distinguishing.value for pair in ((random, bent), (task, real)))
    return Demonstration(
        naive=(Finding("accuracy, random network", found, least=0.9),),
        truth=(
            Finding("what the real variable adds", there - found, most=0.1),
            Finding("outputs that it gets right", share_right(model, random_weights(model.weights, seed)), most=0.9),
            Finding("accuracy, linear map", interchange_scores(random, straight).distinguishing.value, most=0.9),
        ),
        model=model,
        exhibits={"bent": Exhibit(random, bent), "straight": Exhibit(random, straight)},
    )
