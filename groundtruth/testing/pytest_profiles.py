"""Questions of the pytest plug-in about a method, profile by profile. Nothing heavy is imported here."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

RANDOM = "random programs"
"""Word in the place of a model's name where models are drawn."""


@dataclass(frozen=True)
class Profile:
    """How much is run.

    Attributes:
        recovered: Models whose circuits must be found.
        examined: Models that all other properties of localization methods are held to.
        symmetries: Symmetries to test; ``None`` = all.
        n_pairs: Number of examples that a localization task has, at most, where a circuit must be found.
        n_few: The same for all other properties.
        examples: Number of random programs that Hypothesis draws.
        depth: Their layers, least and most.
        derandomized: True to draw the same programs in every run.
        found: Variables that featurizers must find, as ``model:variable@site``.
        sought: Variables that all other properties of featurizers are held to.
    """

    recovered: tuple[str, ...]
    examined: tuple[str, ...]
    symmetries: tuple[str, ...] | None
    n_pairs: int
    n_few: int
    examples: int
    depth: tuple[int, int]
    derandomized: bool = True
    found: tuple[str, ...] = ()
    sought: tuple[str, ...] = ()


_FEW = ("hist", "reverse", "frac_prevs")
_SOME = (*_FEW, "sort", "first_is_last", "double_hist", "shift_by_one", "majority_x", "count_larger")
_LAST = "first_is_last:last@resid_mid2"
_VARIABLES = (_LAST, "first_is_last:first@resid_post1", "reverse:opposite@resid_pre3")
_MORE_VARIABLES = (*_VARIABLES, "hist:hist@resid_post0", "double_hist:double_hist@resid_post3")

PROFILES: Mapping[str, Profile] = {
    "smoke": Profile(
        recovered=_FEW,
        examined=("hist",),
        symmetries=("rotate", "permute_heads", "insert_heads"),
        n_pairs=16,
        n_few=8,
        examples=4,
        depth=(1, 2),
        found=_VARIABLES,
        sought=(_LAST,),
    ),
    "ci": Profile(
        recovered=_SOME,
        examined=("hist", "frac_prevs"),
        symmetries=None,
        n_pairs=32,
        n_few=16,
        examples=20,
        depth=(1, 3),
        found=_MORE_VARIABLES,
        sought=_VARIABLES[:2],
    ),
    "deep": Profile(
        recovered=_SOME,
        examined=_SOME,
        symmetries=None,
        n_pairs=128,
        n_few=48,
        examples=200,
        depth=(1, 5),
        derandomized=False,
        found=_MORE_VARIABLES,
        sought=_MORE_VARIABLES,
    ),
}


@dataclass(frozen=True)
class Question:
    """One property, and where it is asked for.

    Attributes:
        check: The property.
        where: A model, or ``model:variable@site``; ``None`` for random ones.
        how: Arguments of its assertion.
    """

    check: str
    where: str | None
    how: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def name(self) -> str:
        """Name in tests, and in files of known failures."""
        return f"{self.check}[{self.where or RANDOM}]"


def questions(profile: Profile, *, auroc: float, skipped: Collection[str] = ()) -> Iterator[Question]:
    """List the questions for a localization method.

    Args:
        profile: Profile, which says how much is tested.
        auroc: The least area under the ROC curve that counts as found.
        skipped: Properties that are left out.
    """
    from groundtruth.testing.properties import LOCALIZER_PROPERTIES

    enough, few = ({"n_pairs": n} for n in (profile.n_pairs, profile.n_few))
    if "recovers" not in skipped:
        yield from (Question("recovers", where, {**enough, "auroc": auroc}) for where in (*profile.recovered, None))
    for check in _sound(LOCALIZER_PROPERTIES, profile, skipped):
        yield from (Question(check, model, few) for model in profile.examined)
    if "no_mutation" not in skipped:
        yield Question("no_mutation", None, few)


def featurizer_questions(profile: Profile, *, accuracy: float, skipped: Collection[str] = ()) -> Iterator[Question]:
    """List the questions for a featurizer.

    Args:
        profile: Profile, which says how much is tested.
        accuracy: The least interchange accuracy that counts as found.
        skipped: Properties that are left out.
    """
    from groundtruth.testing.properties import FEATURIZER_PROPERTIES

    if "finds" not in skipped:
        yield from (Question("finds", where, {"accuracy": accuracy}) for where in (*profile.found, None))
    for check in _sound(FEATURIZER_PROPERTIES, profile, skipped):
        yield from (Question(check, where) for where in profile.sought)
    if "no_mutation" not in skipped:
        yield Question("no_mutation", None)


def _sound(properties: Mapping[str, Any], profile: Profile, skipped: Collection[str]) -> Iterator[str]:
    """The properties that must hold of every sound method, without the symmetries that a profile leaves out."""
    for check, wanted in properties.items():
        symmetry = check.removeprefix("invariant:") if ":" in check else None
        left_out = symmetry is not None and profile.symmetries is not None and symmetry not in profile.symmetries
        if wanted.sound and check not in skipped and not left_out:
            yield check
