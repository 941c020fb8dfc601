"""Which expressions of a program live on which heads and MLPs of a trained transformer, and the edges for that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias, get_args

from groundtruth.errors import DomainError
from groundtruth.trained.architecture import Architecture
from mib.errors import did_you_mean
from mib.graph import Edge, Graph

Sharing: TypeAlias = Literal["single", "split", "vote", "backup"]
"""Ways in which a unit's components hold its expressions. ``single``: one component holds them. ``split``: they hold
them together, and readers may use all. ``vote``: each holds them, and what most of them say counts. ``backup``: the
first holds them; the second reads what the first reads, and the first itself, and sets right what the first gets wrong.
So each is enough without the other."""

_LEAST_COMPONENTS: dict[Sharing, int] = {"single": 1, "split": 2, "vote": 3, "backup": 2}

_MOST_COMPONENTS: dict[Sharing, int] = {"single": 1, "backup": 2}
"""Greatest number of components, for the sharings that have one."""


@dataclass(frozen=True)
class Unit:
    """Expressions that live together on some components; an interchange of one replaces all that these write.

    Attributes:
        expressions: Labels of the program's S-Ops; all are interchanged together.
        components: Sources of the graph, such as ``a0.h1`` or ``m1``.
        reads: The edges into the components that the expressions need: (source, destination), such as
            ``("m0", "a1.h2<k>")``.
        sharing: Way in which the components hold the expressions.
    """

    expressions: tuple[str, ...]
    components: tuple[str, ...]
    reads: tuple[tuple[str, str], ...]
    sharing: Sharing = "single"

    def __post_init__(self) -> None:
        if self.sharing not in get_args(Sharing):
            raise DomainError(f"sharing={self.sharing!r} is unknown; choose from {', '.join(get_args(Sharing))}.")
        least, most = _LEAST_COMPONENTS[self.sharing], _MOST_COMPONENTS.get(self.sharing)
        if not least <= len(self.components) <= (most or len(self.components)):
            raise DomainError(
                f"a unit of {', '.join(self.expressions)} has {len(self.components)} components; '{self.sharing}' "
                f"takes {'at least' if most is None else 'exactly'} {least}."
            )

    def __str__(self) -> str:
        return f"{', '.join(self.expressions)} on {', '.join(self.components)}"


@dataclass(frozen=True)
class Spare:
    """A component that no expression lives on, trained to be loud on a variable of its own, and read by no unit.

    Attributes:
        component: Name of the component.
        variable: Name of the variable that it is trained to hold, in ``spare_variables.SPARE_VARIABLES``.
    """

    component: str
    variable: str


@dataclass(frozen=True)
class Correspondence:
    """The high-level circuit of a trained transformer.

    Attributes:
        units: Units that the program's expressions live on, each after those that it reads.
        output: Components that the logits read.
        spares: Components that are loud on variables of their own.
        folded: Labels of S-Ops that live nowhere: their readers compute them from what these read.
    """

    units: tuple[Unit, ...]
    output: tuple[str, ...]
    spares: tuple[Spare, ...] = ()
    folded: tuple[str, ...] = ()

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """The edges that the units and the logits need; all others are needless. Each once, in no special order."""
        reads = [pair for unit in self.units for pair in unit.reads]
        reads += [(component, "logits") for component in self.output]
        return tuple(Edge(source, destination) for source, destination in dict.fromkeys(reads))

    @property
    def planned(self) -> bool:
        """True if a circuit was planned at all; a network that chose its own has an empty correspondence."""
        return bool(self.units or self.output)

    @property
    def backed_up(self) -> tuple[Unit, ...]:
        """The units of which a second component sets right what the first gets wrong."""
        return tuple(unit for unit in self.units if unit.sharing == "backup")

    def needless(self, graph: Graph) -> tuple[Edge, ...]:
        """The edges of a graph that nothing needs, in its order."""
        needed = set(self.edges)
        return tuple(edge for edge in graph.edges if edge not in needed)

    @property
    def spare_components(self) -> tuple[str, ...]:
        """The components that are loud on variables of their own."""
        return tuple(spare.component for spare in self.spares)

    def idle(self, graph: Graph) -> tuple[str, ...]:
        """The heads and MLPs on which nothing lives, spares not among them."""
        used = {component for unit in self.units for component in unit.components} | {*self.spare_components}
        return tuple(name for name in graph.sources if name not in used | {"input", "pos"})

    def held_by(self, component: str) -> tuple[str, ...]:
        """Labels of the expressions that live on a component."""
        if component == "input":
            return ("tokens",)
        if component == "pos":
            return ("indices",)
        return tuple(label for unit in self.units if component in unit.components for label in unit.expressions)

    def require_fits(self, shape: Architecture) -> None:
        """Refuse a correspondence that an architecture cannot have.

        Raises:
            DomainError: For a component or an edge that the graph lacks, or a component of two units.
        """
        for problem in self._problems(shape.graph):
            raise DomainError(f"the correspondence does not fit {shape}: {problem}.")

    def _problems(self, graph: Graph) -> Iterator[str]:
        known = set(graph.sources) - {"input", "pos"}
        taken: set[str] = set()
        for holder in (*self.units, *self.spares):
            for component in holder.components if isinstance(holder, Unit) else (holder.component,):
                if component not in known:
                    yield f"there is no component '{component}'{did_you_mean(component, known)}"
                if component in taken:
                    yield f"'{component}' is used twice"
                taken.add(component)
        present = set(graph.edges)
        for edge in self.edges:
            if edge not in present:
                yield f"there is no edge '{edge}'"


UNPLANNED = Correspondence((), ())
"""The correspondence of a network that was trained on answers alone."""
