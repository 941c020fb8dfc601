"""Stories about directions of the residual stream: what a subspace holds is not what is read of it."""

from groundtruth.explorer.story import Examples, Shown, Step, Story
from groundtruth.model import CompiledModel
from groundtruth.pitfalls import Exhibit, Outcome


def dormant_pathway_story(outcome: Outcome) -> Story:
    """A subspace that is not the variable, and does all that the variable does."""
    model, exhibits = told(outcome)
    label = model.variable("opposite").variable.label
    names = {
        "variable": "the variable ‘opposite’",
        "illusion": "the illusion",
        "dead": "its dead half",
        "dormant": "its dormant half",
    }
    examples = Examples(model, exhibits["variable"].task)
    right = {"variable": True, "illusion": True, "dead": False, "dormant": False}
    pair = examples.state(examples.find({exhibits[name].featurizer: holds for name, holds in right.items()}))
    steps = (
        Step(
            (
                "This model writes its input backwards. ‘opposite’ says from which position each position copies; one "
                "head of the last layer reads it.",
                "Beside that head stands a second one. It would do the same, but it reads directions that nothing ever "
                "writes. It is silent on every input, and no output depends on it.",
            ),
            pair,
        ),
        Step(
            (
                "Swap ‘opposite’ at one position, in its own directions: it now has its value on the second input.",
                "The output changes, and the program with that one value replaced says the same. This is how an "
                "interchange shows that a variable has been found.",
            ),
            pair | {"features": "0", "selected": f"variable:{label}"},
            agrees=True,
        ),
        Step(
            (
                "Now swap another subspace, at a right angle to ‘opposite’. It holds nothing of the variable.",
                "The output is the same as before. Over a thousand pairs its interchange accuracy is perfect: by that "
                "measure this is the variable.",
            ),
            pair | {"features": "1", "selected": f"variable:{label}"},
            agrees=True,
        ),
        Step(
            (
                "Take it apart. One half of each direction lies in ‘remaining’, from which ‘opposite’ was computed. "
                "Nothing reads it any more here.",
                "Swapped alone it does nothing.",
            ),
            pair | {"features": "2"},
            agrees=False,
        ),
        Step(
            (
                "The other half lies in the directions that the silent head listens to. Nothing writes them, so both "
                "inputs hold the same there.",
                "Swapped alone it does nothing either.",
            ),
            pair | {"features": "3"},
            agrees=False,
        ),
        Step(
            (
                "Together they do: the swap measures a difference in the dead half and writes it to both. That wakes "
                "the silent head, and it speaks louder than the true one. Look at the attention below.",
                "No input ever brings the model into this state.",
            ),
            pair | {"features": "1"},
            agrees=True,
        ),
    )
    shown = tuple(Shown(names[name], exhibits[name], label) for name in right)
    return Story("The subspace that is not the variable", steps, shown)


def dead_copy_story(outcome: Outcome) -> Story:
    """A probe reads what nothing else reads any more."""
    model, exhibits = told(outcome)
    truth = model.variable("opposite")
    label = truth.variable.label
    index = next(i for i, other in enumerate(model.variables()) if str(other.variable) == str(truth.variable))
    dead = next(i for i, stage in enumerate(truth.stages) if stage.state == "dead")
    last = str(2 * model.weights.n_layers)
    pairs = [
        examples.state(examples.find({exhibit.featurizer: right}))
        for exhibit, right in ((exhibits["live"], True), (exhibits["dead"], False))
        for examples in [Examples(model, exhibit.task)]
    ]
    live_accuracy, dead_accuracy = (finding.value for finding in outcome.demonstration.naive)
    steps = (
        Step(
            (
                "‘opposite’ is written by m2 and read by one head alone, a3.h0, which copies the token from there.",
                "The residual stream keeps what was written. The table shows the stream at the very end: ‘opposite’ "
                "still stands there, at every position, and nothing is left to read it.",
            ),
            pairs[0] | {"selected": f"variable:{label}", "site": last},
        ),
        Step(
            (
                f"A linear probe before that head tells the value of ‘opposite’ on {live_accuracy:.0%} of new inputs; "
                f"a probe behind it on {dead_accuracy:.0%}. A probe cannot tell the two places apart.",
                "Swap what the first probe reads, before the head. The output follows, as the program says it must.",
            ),
            pairs[0] | {"features": "0", "site": last},
            agrees=True,
        ),
        Step(
            (
                "Swap what the second probe reads, behind the head. Nothing happens: whoever takes the variable to be "
                "in use there is wrong.",
            ),
            pairs[1] | {"features": "1", "site": last},
            agrees=False,
        ),
        Step(
            (
                "Not the probe is to blame. Swap the whole variable there, in its own exact directions: the stream "
                "changes, the output does not.",
            ),
            pairs[1] | {"swap": f"{index}:{dead}", "selected": f"variable:{label}", "site": last},
            agrees=True,
        ),
    )
    shown = (
        Shown("what the probe before the head reads", exhibits["live"], label),
        Shown("what the probe behind the head reads", exhibits["dead"], label),
    )
    return Story("A probe finds what was left behind", steps, shown)


def variance_story(outcome: Outcome) -> Story:
    """The loudest directions are read by nothing."""
    model, exhibits = told(outcome)
    label = model.variable("hist").variable.label
    examples = Examples(model, exhibits["components"].task)
    components, variable = (exhibits[name].featurizer for name in ("components", "variable"))
    pair = examples.state(examples.find({components: False, variable: True}))
    explained = outcome.demonstration.naive[0].value
    steps = (
        Step(
            (
                "This model counts how often each token occurs. Four directions were added to its residual stream. "
                "Tokens and positions write random numbers to them, ten times as large as all else, and nothing reads "
                "them.",
                f"Principal components find the directions that vary most. Here a few of them explain {explained:.1%} "
                "of the variance.",
            ),
            pair | {"selected": f"variable:{label}"},
        ),
        Step(
            (
                "Swap those components at one position, with what they hold on the second input. Almost the whole "
                "activation is exchanged, and the output stays as it was.",
            ),
            pair | {"features": "0"},
            agrees=False,
        ),
        Step(
            (
                "Swap the directions of the count itself, which hardly vary beside the noise. The output follows, as "
                "the program says.",
            ),
            pair | {"features": "1", "selected": f"variable:{label}"},
            agrees=True,
        ),
    )
    shown = (
        Shown("the principal components", exhibits["components"], label),
        Shown("the variable ‘hist’", exhibits["variable"], label),
    )
    return Story("What varies most need not do anything", steps, shown)


def rotated_basis_story(outcome: Outcome) -> Story:
    """A mask works as long as the variable lies along the axes."""
    model, exhibits = told(outcome)
    label = model.variable("opposite").variable.label
    names = {
        "axes": "the mask found before the turn",
        "mask": "the mask found after the turn",
        "das": "the subspace that DAS found",
        "variable": "the variable ‘opposite’",
    }
    right = {"axes": False, "mask": False, "das": True, "variable": True}
    examples = Examples(model, exhibits["variable"].task)
    pair = examples.state(examples.find({exhibits[name].featurizer: holds for name, holds in right.items()}))
    before, after, _, _, das = (
        finding.value for finding in (outcome.demonstration.naive[0], *outcome.demonstration.truth)
    )
    steps = (
        Step(
            (
                "This is ‘reverse’ again, with one change: its residual stream has been turned by a random rotation. "
                "Every output is what it was; only the axes are no longer those of the variables.",
                "A mask chooses axes. In the model before the turn a learned mask (DBM) finds ‘opposite’ with an "
                f"accuracy of {before:.2f}.",
            ),
            pair,
        ),
        Step(
            ("Swap the same axes here. They hold a bit of everything, and the output is not what the program says.",),
            pair | {"features": "0"},
            agrees=False,
        ),
        Step(
            (
                "Train the mask anew on the turned model. It takes more axes and still cannot cut the variable out: "
                f"accuracy {after:.2f}.",
            ),
            pair | {"features": "1"},
            agrees=False,
        ),
        Step(
            (
                "DAS learns directions instead of choosing axes. To it both models are the same; here its swap gives "
                f"what the program says (accuracy {das:.2f}).",
            ),
            pair | {"features": "2"},
            agrees=True,
        ),
        Step(
            (
                "The variable’s own directions have turned with the model. A compiled model is kind to masks, a "
                "language model is not: nothing says that its variables lie along its axes.",
            ),
            pair | {"features": "3", "selected": f"variable:{label}"},
            agrees=True,
        ),
    )
    shown = tuple(Shown(names[name], exhibits[name], label) for name in right)
    return Story("A mask needs a basis that happens to fit", steps, shown)


def told(outcome: Outcome) -> tuple[CompiledModel, dict[str, Exhibit]]:
    """The model and the featurizers of a pitfall that was run."""
    model = outcome.demonstration.model
    if model is None:
        raise RuntimeError(f"the pitfall '{outcome.pitfall.name}' names no model")
    return model, dict(outcome.demonstration.exhibits)
