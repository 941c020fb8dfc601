"""A method of either of MIB's tracks, by the name that a user gives it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from groundtruth.bench.cell_key import method_sha256
from groundtruth.bench.tracks import find_track
from groundtruth.user_methods import is_own_method, load_featurizer, load_localizer
from mib import featurization, localization
from mib.leaderboard.submissions import Places, Plan, Setup, plan_circuits, plan_featurizers
from mib.levels import Level

SubmittedTrack = Literal["circuits", "featurizers"]

TRACKS: Mapping[SubmittedTrack, str] = {"circuits": "circuits", "featurizers": "variables"}
"""The tracks of MIB's leaderboards, and what they are called here."""


@dataclass(frozen=True)
class SubmittedMethod:
    """A method and what it scores.

    Attributes:
        spec: A registered method, or one's own by file or module.
        track: The leaderboard.
        level: Parts that a circuit method scores.
        places: Layers and heads that featurizers are made for; of circuits nothing.
    """

    spec: str
    track: SubmittedTrack = "circuits"
    level: Level = "edge"
    places: Places | None = None

    @property
    def is_own(self) -> bool:
        """True if it is the user's own, and not registered."""
        return is_own_method(self.spec)

    @property
    def name(self) -> str:
        """Identifier of the method, with the version of its code where it is in a file.

        Raises:
            MethodError: If there is no such method.
        """
        if not self.is_own:
            return self.spec
        load: Any = load_localizer if self.track == "circuits" else load_featurizer
        return f"{self.spec}@{load(self.spec).source_sha256[:12]}"

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Its hyper-parameters and their defaults."""
        return self._load().parameters

    def plan(self, task_names: Sequence[str], setup: Setup) -> Plan:
        """List its cells.

        Raises:
            TaskError: If a task is none of the track's, or has no cell with any of the models.
        """
        if self.track == "circuits":
            return plan_circuits(self._load(), task_names, setup, level=self.level)
        return plan_featurizers(self._load(), task_names, setup, places=self.places)

    def sha256(self) -> str:
        """SHA-256 of its sources; a name for one of ours."""
        return method_sha256(find_track(TRACKS[self.track]), self.spec, self.level)

    def _load(self) -> Any:
        if self.track == "circuits":
            return load_localizer(self.spec, level=self.level).method if self.is_own else localization.get(self.spec)
        return load_featurizer(self.spec).method if self.is_own else featurization.get(self.spec)
