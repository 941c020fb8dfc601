"""References: how methods rank where the truth is not known, published or measured on learned models."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from groundtruth.errors import ArtifactError

FOLDER = Path(__file__).parent / "references"
SCHEMA_VERSION = 1

Trust = Literal["paper", "secondary", "measured"]
"""``paper``: read in the publication. ``secondary``: in transcriptions of it that agree. ``measured``: here, by us."""


@dataclass(frozen=True)
class Reference:
    """One ranking of methods.

    Attributes:
        name: Whose, and by what score.
        track: Track of the methods.
        better: Whether higher or lower values are better.
        values: Score of each method, by our names; on differing models, so that only ranks say something.
        source: Publication that it is from, or models on which it was measured.
        trust: Way in which it came here.
        date: Day on which it was taken down, ISO 8601.
        note: Note for the reader.
        headline: Whether the line under a table tells how far it is predicted.
        by_place: Score of each method at each place that the values are means over, where these are known.
    """

    name: str
    track: str
    better: Literal["higher", "lower"]
    values: dict[str, float]
    source: str
    trust: Trust
    date: str
    note: str = ""
    headline: bool = False
    by_place: Mapping[str, Mapping[str, float]] = field(default_factory=dict[str, Mapping[str, float]])

    @property
    def goodness(self) -> dict[str, float]:
        """The scores, turned so that higher is better."""
        sign = -1.0 if self.better == "lower" else 1.0
        return {method: sign * value for method, value in self.values.items()}


class _Ranking(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    name: str
    better: Literal["higher", "lower"]
    values: dict[str, float] = Field(min_length=2)
    headline: bool = False
    by_place: dict[str, dict[str, float]] = Field(default_factory=dict)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    schema_version: Literal[1]
    track: Literal["circuits", "variables"]
    source: str
    trust: Trust
    note: str = ""
    date: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    references: list[_Ranking] = Field(min_length=1)


def read_references(track: str, folder: Path = FOLDER) -> tuple[Reference, ...]:
    """Read the references of a track, file by file in the order of their names.

    Args:
        track: ``circuits`` or ``variables``.
        folder: Folder of the files.

    Raises:
        ArtifactError: If a file is no file of references, or two references have one name.
    """
    found = [reference for path in sorted(folder.glob("*.json")) for reference in _read(path)]
    names = [reference.name for reference in found]
    if repeated := {name for name in names if names.count(name) > 1}:
        raise ArtifactError(f"{folder}: two references are called '{min(repeated)}'. Give each a name of its own.")
    return tuple(reference for reference in found if reference.track == track)


def _read(path: Path) -> Iterable[Reference]:
    try:
        data = _File.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        first = str(error).strip().replace("\n", " ")
        raise ArtifactError(f"{path} is no file of references: {first}") from error
    for ranking in data.references:
        yield Reference(
            ranking.name,
            data.track,
            ranking.better,
            ranking.values,
            source=data.source,
            trust=data.trust,
            date=data.date,
            note=data.note,
            headline=ranking.headline,
            by_place=ranking.by_place,
        )
