"""A featurizer that keeps the answer in its error channel."""

import torch

from groundtruth.evaluation.variables import Sizes, featurization_task
from groundtruth.model import load_compiled
from groundtruth.pitfalls.pitfall import AnswerTable, Demonstration, Exhibit, Finding, nearest, pitfall
from groundtruth.pitfalls.random_network import on_a_random_network, random_weights, share_right
from mib.featurization import FeaturizationTask, Featurizer, get, measure_featurizer
from mib.metrics.interchange_scores import interchange_scores


@pitfall(
    "error-channel",
    why="Features and error both hold the whole input, so the inverse sees base and source and can compute the answer.",
    instead="Require that features mixed from two inputs come back from the vector that they make.",
    source="measured here; the interface is that of MIB, arXiv 2504.13151",
)
def error_channel(*, seed: int = 0) -> Demonstration:
    """With f(x) = x and error(x) = x any hypothesis is true of any network.

    On a transformer with random weights the inverse looks both states up and writes what makes the output the
    predicted one; where features and error are of one input it gives that input back.

    Args:
        seed: Seed of the network and of the pairs.
    """
    model = load_compiled("contains_x")
    sizes = Sizes(train=1, validation=1, test=400)
    task = featurization_task(model, "is_x", "resid_post1", readers="all", sizes=sizes, seed=seed)
    random = on_a_random_network(task, model.weights, seed)
    cheat = _cheat(random)
    check = measure_featurizer(cheat.featurizer, *(x.flatten(0, 1) for x in random.activations()))
    return Demonstration(
        naive=(
            Finding(
                "accuracy, random network",
                interchange_scores(random, cheat.featurizer).distinguishing.value,
                least=0.999,
            ),
            Finding("round-trip error", check.round_trip, most=1e-6),
        ),
        truth=(
            Finding("outputs that it gets right", share_right(model, random_weights(model.weights, seed)), most=0.9),
            Finding(f"error of mixed features ({check.tolerance:g} allowed)", check.mixed, least=10 * check.tolerance),
        ),
        model=model,
        exhibits={"cheat": cheat, "nothing": Exhibit(random, get("no-op")(random))},
    )


def _cheat(task: FeaturizationTask) -> Exhibit:
    """Features and error are the whole state; the way back knows the hypothesis."""
    table = _answers(task)
    return Exhibit(task, Featurizer(lambda x: (x, x), table.look_up, task.width), table)


def _answers(task: FeaturizationTask) -> AnswerTable:
    """What the hypothesis predicts for each pair of states that the task can ask about."""
    base, source = (x[:, 0] for x in task.activations())
    states = torch.cat((base, source)).unique(dim=0)
    answers = torch.full((len(states), len(states)), -1)
    position = task.pairs.base_positions[:, 0]
    answers[nearest(base, states), nearest(source, states)] = task.expected[torch.arange(len(task)), position]
    # A row of the pseudo-inverse of the unembedding gives one logit of 1 and all others 0; twice that beats None.
    return AnswerTable(states, answers, 2 * torch.linalg.pinv(task.anatomy.W_U))
