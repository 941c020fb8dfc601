"""What every truth about a variable shares: stages, each with the sites at which an interchange is one and the same."""

from functools import cached_property
from typing import ClassVar, Generic, Protocol, TypeVar

from groundtruth.errors import GroundTruthError
from groundtruth.truth.variables.residual_sites import Site
from mib.errors import did_you_mean


class SiteGroup(Protocol):
    """A stage of a variable."""

    @property
    def sites(self) -> tuple[Site, ...]:
        """The residual streams and component outputs, in the order of computation."""
        ...


class NamedVariable(Protocol):
    """A variable whose string is its name."""

    def __str__(self) -> str: ...


VariableT = TypeVar("VariableT", bound=NamedVariable)
StageT = TypeVar("StageT", bound=SiteGroup)


class StagedVariable(Generic[VariableT, StageT]):
    """A variable and its sites, by stage.

    Attributes:
        variable: The variable.
        stages: Its sites by stage, in the order of computation.
    """

    variable: VariableT
    stages: tuple[StageT, ...]

    _presence: ClassVar[str] = "at"
    """How the variable is at its sites, for the error that it is not."""

    _known: ClassVar[str] = "It is at"
    """The words before its sites in that error."""

    @cached_property
    def sites(self) -> tuple[Site, ...]:
        """All its sites, in the order of computation."""
        return tuple(site for stage in self.stages for site in stage.sites)

    def at(self, site: Site | str) -> StageT:
        """Return what is known at a site.

        Raises:
            GroundTruthError: If the variable has no stage there, naming its sites.
        """
        wanted = Site.parse(site) if isinstance(site, str) else site
        for stage in self.stages:
            if wanted in stage.sites:
                return stage
        names = [str(known) for known in self.sites]
        raise GroundTruthError(
            f"'{self.variable}' is not {self._presence} '{site}'.{did_you_mean(str(site), names)} "
            f"{self._known} {', '.join(names) or 'no site'}."
        )
