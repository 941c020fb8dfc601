"""Stories about maps that do more than turn a vector: autoencoders, bijections, and tables of answers."""

from dataclasses import replace

import torch

from groundtruth.explorer.stories_of_subspaces import told
from groundtruth.explorer.story import Examples, Shown, Step, Story
from groundtruth.pitfalls import AnswerTable, Exhibit, Outcome
from groundtruth.pitfalls.pitfall import nearest


def sae_splitting_story(outcome: Outcome) -> Story:
    """An autoencoder spreads one variable over many features."""
    model, exhibits = told(outcome)
    label = model.variable("is_x").variable.label
    best, variable = exhibits["best"], exhibits["variable"]
    examples = Examples(model, best.task)
    pair = examples.state(examples.find({best.featurizer: False, variable.featurizer: True}))
    (explained, purity), (cover, _, pure) = (
        [finding.value for finding in side] for side in (outcome.demonstration.naive, outcome.demonstration.truth)
    )
    steps = (
        Step(
            (
                "‘is_x’ says of each token whether it is an x: one variable with two values, in one direction.",
                f"A sparse autoencoder is trained on the stream that holds it. It explains {explained:.0%} of the "
                f"variance, and its best feature for each value fires for that value alone ({purity:.0%} of the time).",
            ),
            pair | {"selected": f"variable:{label}"},
        ),
        Step(
            (
                "Swap the best feature of each value, with what it holds on the second input. The output is not what "
                "the program says.",
                f"The features are pure, but each of them fires on only {cover:.0%} of the inputs with its value: on "
                "those with the right position or token beside it.",
            ),
            pair | {"features": "0"},
            agrees=False,
        ),
        Step(
            (
                "Swap the direction of the variable itself: the output follows.",
                f"The autoencoder has {pure:.0f} pure features for two values. It did not find the variable but its "
                "cases.",
            ),
            pair | {"features": "1", "selected": f"variable:{label}"},
            agrees=True,
        ),
    )
    shown = (Shown("the best feature of each value", best, label), Shown("the variable ‘is_x’", variable, label))
    return Story("One variable, split among many features", steps, shown)


def nonlinear_map_story(outcome: Outcome) -> Story:
    """A map without limits finds the variable in a network that computes nothing."""
    model, exhibits = told(outcome)
    label = model.variable("is_x").variable.label
    bent, straight = exhibits["bent"], exhibits["straight"]
    examples = Examples(model, bent.task, padded=False)
    pair = examples.state(examples.find({bent.featurizer: True, straight.featurizer: False})) | {"network": "1"}
    accuracy, (more, right, _) = (
        outcome.demonstration.naive[0].value,
        [finding.value for finding in outcome.demonstration.truth],
    )
    steps = (
        Step(
            (
                "This network has the shape of a compiled model, and weights drawn at random. It computes nothing: "
                f"{right:.0%} of its outputs are what the program on this page gives.",
                "The hypothesis to test is that its stream holds ‘is_x’, and that a swap of it changes the output as "
                "in the program.",
            ),
            pair,
        ),
        Step(
            ("Swap the direction that DAS has learned for it. A linear map cannot make the hypothesis true.",),
            pair | {"features": "1"},
            agrees=False,
        ),
        Step(
            (
                "Now let the map bend: a reversible network, trained on the same pairs, with one coordinate swapped. "
                "The changed position now gives what the program says.",
                f"Over all pairs its accuracy is {accuracy:.2f}, on a network in which there is nothing to find.",
            ),
            pair | {"features": "0"},
            agrees=True,
        ),
        Step(
            (
                "The map, not the network, does the computing: it moves the stream to wherever the answer lies. On the "
                f"model that does compute ‘is_x’ the same method is no better ({more:+.2f}).",
            ),
            pair | {"features": "0"},
            agrees=True,
        ),
    )
    shown = (
        Shown("one coordinate of a reversible network", bent, label, random=True),
        Shown("the direction that DAS found", straight, label, random=True),
    )
    return Story("A map without limits makes any hypothesis true", steps, shown)


def error_channel_story(outcome: Outcome) -> Story:
    """A featurizer that keeps the whole input in its error can look up the answer."""
    model, exhibits = told(outcome)
    label = model.variable("is_x").variable.label
    cheat = exhibits["cheat"]
    examples = Examples(model, cheat.task, padded=False)
    first = examples.find({cheat.featurizer: True})
    second = examples.find({cheat.featurizer: True}, rows=slice(first + 1, None))
    pairs = [examples.state(example) | {"network": "1"} for example in (first, second)]
    mixed = outcome.demonstration.truth[1].value
    steps = (
        Step(
            (
                "Again a network with random weights: it computes nothing.",
                "A featurizer takes an activation apart, into features and an error that holds the rest. An "
                "interchange swaps features, keeps the error, and puts both together again.",
                "This one takes the whole activation as its features, and the whole activation as its error too.",
            ),
            pairs[0],
        ),
        Step(
            (
                "Swap its features. The way back sees both: the features are the second input’s state, the error is "
                "the first’s. It looks up what the hypothesis predicts, and writes it.",
            ),
            pairs[0] | {"features": "0"},
            agrees=True,
        ),
        Step(
            ("Another pair, the same success. Its accuracy is perfect whatever the network, and whatever is asked.",),
            pairs[1] | {"features": "0"},
            agrees=True,
        ),
        Step(
            (
                "What gives it away: take features from one input and error from another, put them together, and "
                f"take the result apart again. They do not come back; the error of that is {mixed:.2f}.",
            ),
            pairs[1] | {"features": "0"},
            agrees=True,
        ),
    )
    shown = (Shown("features that are the whole state", _restricted(cheat, first, second), label, random=True),)
    return Story("The answer in the error channel", steps, shown)


def _restricted(exhibit: Exhibit, *pairs: int) -> Exhibit:
    """The exhibit with a table of answers for some pairs only: the whole table is larger than a page may be."""
    table = exhibit.inside
    if not isinstance(table, AnswerTable):
        raise RuntimeError("the cheat has a table of answers")
    states = torch.cat([x[list(pairs), 0] for x in exhibit.task.activations()])
    rows = nearest(states, table.states).unique()
    return replace(exhibit, inside=AnswerTable(table.states[rows], table.answers[rows][:, rows], table.vectors))
