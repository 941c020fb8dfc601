"""Stories about pairs: on which inputs a score is taken decides what it says."""

from groundtruth.explorer.stories_of_subspaces import told
from groundtruth.explorer.story import Claim, Examples, Shown, Step, Story
from groundtruth.pitfalls import Exhibit, Outcome
from groundtruth.pitfalls.best_of_test import CANDIDATES, SMALL


def no_op_story(outcome: Outcome) -> Story:
    """A method that does nothing is right wherever there is nothing to do."""
    model, exhibits = told(outcome)
    label = model.variable("has_x").variable.label
    nothing, variable = exhibits["nothing"], exhibits["variable"]
    examples = Examples(model, variable.task)
    easy = examples.state(examples.find({nothing.featurizer: True, variable.featurizer: True}, telling=False))
    hard = examples.state(examples.find({nothing.featurizer: False, variable.featurizer: True}))
    share = outcome.demonstration.naive[0].value
    steps = (
        Step(
            (
                "‘has_x’ says whether there is an x in the input. Of inputs drawn at random most have one.",
                "So in most pairs first and second input agree in ‘has_x’, and the program with the value swapped "
                "gives what it gave before.",
            ),
            easy | {"selected": f"variable:{label}"},
        ),
        Step(
            (
                "Swap nothing at all. The output is what the program says, and this pair counts as a success.",
                f"Over all pairs of inputs of four tokens, a method that does nothing is right {share:.0%} of the "
                "time.",
            ),
            easy | {"features": "0"},
            agrees=True,
        ),
        Step(
            ("On this pair the inputs differ in ‘has_x’. Swapping nothing is wrong here: only such pairs tell.",),
            hard | {"features": "0"},
            agrees=False,
        ),
        Step(
            ("Swap the variable’s own direction: right on this pair too, as on all the others.",),
            hard | {"features": "1", "selected": f"variable:{label}"},
            agrees=True,
        ),
    )
    shown = (Shown("no feature at all", nothing, label), Shown("the variable ‘has_x’", variable, label))
    return Story("Right for doing nothing", steps, shown)


def best_of_test_story(outcome: Outcome) -> Story:
    """The best of many random subspaces looks like a finding."""
    model, exhibits = told(outcome)
    luckiest = exhibits["luckiest"]
    examples = Examples(model, luckiest.task)
    lucky = examples.find({luckiest.featurizer: True}, rows=slice(0, SMALL))
    later = examples.find({luckiest.featurizer: False}, rows=slice(SMALL, None))
    right = luckiest.task.right(luckiest.featurizer)
    best, rest = (float(part.double().mean()) for part in (right[:SMALL], right[SMALL:]))
    states = [examples.state(example) for example in (lucky, later)]
    site = luckiest.task.site
    steps = (
        Step(
            (
                "Suppose the predictions are worthless: for every pair a fair coin says what the model should give at "
                "the changed position. No method can be right more than half of the time.",
                f"Try {CANDIDATES} random subspaces in each of two layers, on {SMALL} pairs, and take the best. It is "
                f"right on {best:.0%} of them, at {site}.",
            ),
            states[0],
        ),
        Step(
            (f"This is one of those {SMALL} pairs. Swap the winner’s subspace: the model gives what the coin said.",),
            states[0] | {"features": "0"},
            claim=_coin(luckiest, lucky, model.decoder.values, holds=True),
        ),
        Step(
            (
                "This is a pair that it was not chosen on. The same subspace, another toss: wrong.",
                f"On all other pairs it is right {rest:.0%} of the time. The rest was luck, and luck does not come "
                "back.",
            ),
            states[1] | {"features": "0"},
            claim=_coin(luckiest, later, model.decoder.values, holds=False),
        ),
    )
    shown = (Shown("the luckiest of the random subspaces", luckiest, None),)
    return Story("The best of many, chosen where it is scored", steps, shown)


def _coin(exhibit: Exhibit, example: int, outputs: tuple[object, ...], *, holds: bool) -> Claim:
    place = int(exhibit.task.pairs.base_positions[example, 0])
    return Claim("the coin", place - 1, outputs[int(exhibit.task.expected[example, place])], holds)
