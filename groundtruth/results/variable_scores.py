"""The scores of one featurization method on one variable at one site, of a model with a truth or a language model."""

from dataclasses import dataclass
from typing import Literal, get_args

from groundtruth.notebook_table import notebook_table

ControlKind = Literal["shuffled", "arbitrary", "variant"]
CONTROL_KINDS: tuple[ControlKind, ...] = get_args(ControlKind)

HIGH = 0.9
"""An interchange accuracy from here on is taken as a find."""

LOW = 0.5
"""A precision below this says that most of what was found is something else."""


@dataclass(frozen=True)
class Control:
    """The same method where the hypothesis is false.

    Attributes:
        kind: ``shuffled``: on a copy of the model with the entries of every matrix shuffled. ``arbitrary``: on the
            model, with the variable's values shuffled over inputs and positions. ``variant``: on a program with the
            same behaviour and other variables.
        accuracy: Interchange accuracy on its test pairs that a no-op gets wrong; ``None`` if it cannot be run.
        reason: Why it cannot.
    """

    kind: ControlKind
    accuracy: float | None
    reason: str = ""


@dataclass(frozen=True)
class Energy:
    """Where a found subspace lies: shares of its squared length, which add up to 1.

    Attributes:
        live: In the variable's live span.
        others: In other live variables.
        dormant: In directions that are read and never vary.
        dead: In copies that nothing reads any more.
        null: In directions that are neither written nor read.
    """

    live: float
    others: float
    dormant: float
    dead: float
    null: float


@dataclass(frozen=True)
class Overlap:
    """How a found subspace lies to the variable's live span.

    Attributes:
        recall: Share of the live span that is covered: mean squared cosine; ``None`` where nothing is live.
        precision: Share of the found subspace in the live span, of the part that is read; 0 if nothing of it is read,
            ``None`` if nothing was found.
        energy: Energy of all of it by where it lies, what is not read included; ``None`` if nothing was found.
        angles: Principal angles between what is read of it and the live span, in degrees, smallest first.
        rank: Dimensions of the part that is read.
    """

    recall: float | None
    precision: float | None
    energy: Energy | None
    angles: tuple[float, ...]
    rank: int


@dataclass(frozen=True)
class Movement:
    """What interchanges change of what later components read.

    Attributes:
        inside: Share of the squared length of all changes that lies in the variable's live span; ``None`` if nothing
            is changed.
        carried: Share of the variable's own difference between base and source that is carried over:
            1 - |wanted - made|^2 / |wanted|^2 in the live span, at least 0; ``None`` where nothing is live.
        natural: Share of the patched states that are states of the model on some input, in all that is read of them.
    """

    inside: float | None
    carried: float | None
    natural: float


@dataclass(frozen=True)
class FamilyScore:
    """One data set of counterfactuals of a language model's task; MIB scores a site by the mean over them.

    Attributes:
        name: Name of the family.
        accuracy: Interchange accuracy on all its test pairs.
        validation: The same on the validation split.
    """

    name: str
    accuracy: float
    validation: float


@dataclass(frozen=True)
class ExactVariableScores:
    """What is known of a method on a compiled or trained model, against the exact variable.

    Attributes:
        state: ``live``, ``partly live``, ``dead``, ``implicit`` (yet to be computed from what lies there) or ``not
            written``: what the variable is at the site.
        minimal_rank: Number of dimensions of the variable read at the site: the least that a subspace must have;
            ``None`` where no span is known to be the variable's.
        overlap: Overlap with the exact span; ``None`` if what was found is no subspace, or there is no such span.
        movement: Changes that its interchanges make; ``None`` where there is no such span.
        domain_accuracy: Interchange accuracy on every pair of inputs of a trained model, those that the method learned
            from among them; ``None`` for a compiled one.
        reason: Why there is no such span; empty where there is one.
    """

    state: str
    minimal_rank: int | None
    overlap: Overlap | None
    movement: Movement | None
    domain_accuracy: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class VariableScores:
    """One method on one variable at one site of one model.

    Attributes:
        method: Its name.
        model: The model's name.
        variable: The variable's name.
        site: Site at which it was sought.
        seed: Seed of pairs and method.
        n_train: Pairs that it learned from.
        n_test: Pairs that it was scored on.
        accuracy: Interchange accuracy on the test pairs that a no-op gets wrong.
        interval: Its 95 % confidence interval, by bootstrap over pairs.
        all_pairs: Interchange accuracy on all test pairs, those that a no-op gets right among them.
        cause: On the pairs in which the variable differs.
        isolation: On those in which only other variables differ; ``None`` if there are none.
        disentangle: Mean of cause and isolation (RAVEL); ``None`` without isolation pairs.
        validation: ``accuracy`` on the validation split: what a choice of sites may be made by; ``None`` if no pair
            of it distinguishes.
        linear: True if what it found is a subspace.
        rank: Number of features that it swaps.
        controls: The same method where there is nothing to find.
        seconds: Wall time of the method, without controls and scores.
        truth: Scores against the exact variable; ``None`` for a language model, of which none is known.
        task: Task of a language model, ``task`` or ``task:family``; empty for a compiled one.
        families: For a language model, the score on each family of counterfactuals.
    """

    method: str
    model: str
    variable: str
    site: str
    seed: int
    n_train: int
    n_test: int
    accuracy: float
    interval: tuple[float, float]
    all_pairs: float
    cause: float | None
    isolation: float | None
    disentangle: float | None
    validation: float | None
    linear: bool
    rank: int
    controls: tuple[Control, ...]
    seconds: float
    truth: ExactVariableScores | None = None
    task: str = ""
    families: tuple[FamilyScore, ...] = ()

    @property
    def overlap(self) -> Overlap | None:
        """The overlap with the exact span; ``None`` if it is no subspace, or no truth is known."""
        return self.truth and self.truth.overlap

    @property
    def implicit(self) -> bool:
        """True if the variable is yet to be computed at the site, from what lies there."""
        return self.truth is not None and self.truth.state == "implicit"

    @property
    def movement(self) -> Movement | None:
        """Changes that its interchanges make; ``None`` where no truth is known."""
        return self.truth and self.truth.movement

    @property
    def minimal_rank(self) -> int | None:
        """Number of dimensions to be found; ``None`` where that is not known."""
        return self.truth and self.truth.minimal_rank

    @property
    def recall(self) -> float | None:
        """Recall of the subspace; the share that is carried over, where there is none."""
        return self.overlap.recall if self.overlap else self.movement and self.movement.carried

    @property
    def precision(self) -> float | None:
        """Precision of the subspace; of what is moved, where there is none."""
        return self.overlap.precision if self.overlap else self.movement and self.movement.inside

    @property
    def mib(self) -> float | None:
        """MIB's score of a site of a language model: the mean over families of the accuracy on all pairs."""
        return sum(family.accuracy for family in self.families) / len(self.families) if self.families else None

    @property
    def subject(self) -> str:
        """The model, of a language model with its task: ``learned/ioi``."""
        return f"{self.model}/{self.task}" if self.task else self.model

    @property
    def illusion(self) -> bool:
        """True if the accuracy is that of a find, and most of what was found is not the variable."""
        return self.accuracy >= HIGH and self.precision is not None and self.precision < LOW

    @property
    def selectivity(self) -> float | None:
        """Accuracy less the highest that the method reaches where there is nothing to find."""
        known = [control.accuracy for control in self.controls if control.accuracy is not None]
        return self.accuracy - max(known) if known else None

    def _repr_html_(self) -> str:
        """Table of what was reached and where the found subspace lies, for notebooks."""
        energy = self.overlap.energy if self.overlap else None
        lies = [(f"in {name}", getattr(energy, name)) for name in vars(energy)] if energy else []
        exact = [] if self.truth is None else [("recall", self.recall), ("precision", self.precision)]
        rows = [("interchange accuracy", self.accuracy), *exact, ("rank", self.rank), *lies, ("seconds", self.seconds)]
        caption = f"{self.method} on {self.subject}:{self.variable}@{self.site}"
        return notebook_table(caption, ("score", "value"), rows)
