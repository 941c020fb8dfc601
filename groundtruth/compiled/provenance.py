"""Which RASP expression each direction, head and neuron of a compiled model implements."""

from dataclasses import dataclass
from typing import Any, Literal

DirectionKind = Literal[
    "token", "bos", "pad", "position", "one", "variable", "scratch", "copy", "cancelling", "ignored", "decoy", "mixed"
]
HeadRole = Literal["aggregate", "width", "idle", "backup", "voter", "cancelling", "ignored", "decoy"]
NeuronRole = Literal["compute", "clean_bos", "backup", "voter", "majority", "ignoring", "decoy"]


@dataclass(frozen=True, slots=True)
class Direction:
    """One basis direction of the residual stream.

    Attributes:
        name: Tracr's name of it, such as ``opposite_3:2``.
        kind: ``token``, ``bos`` and ``pad`` are the one-hot token embedding; ``position`` the one-hot index;
            ``one`` is 1 everywhere; ``variable`` holds an expression (one-hot or as a number); ``scratch`` is the
            1/(width+1) between the two halves of a SelectorWidth; ``copy`` holds what a backup puts by of an
            expression, or what one of several voters says; ``cancelling`` is 0 as long as nothing is cut, since two
            heads write opposites into it; ``ignored`` is looked up by MLPs to no effect; ``decoy`` is read by nothing;
            ``mixed`` is a dimension in which many lie in superposition.
        expression: Label of the expression that it holds; ``None`` for ``one``, decoys and mixed ones.
        value: The value that a one-hot direction stands for; ``None`` for a number.
    """

    name: str
    kind: DirectionKind
    expression: str | None
    value: Any


@dataclass(frozen=True, slots=True)
class Head:
    """One attention head.

    Attributes:
        layer: Its block.
        head: Its index in the block.
        expression: Label of the Aggregate or SelectorWidth that it computes; ``None`` for a head of zeros or a decoy.
        role: ``aggregate`` moves values; ``width`` is the first half of a SelectorWidth; ``idle`` has no weights;
            ``backup`` moves what another head moves, for when that one is cut; ``voter`` is one of three that move
            the same; ``cancelling`` writes the opposite of what another one writes; ``ignored`` writes
            what MLPs look up to no effect; ``decoy`` writes where nothing
            reads.
    """

    layer: int
    head: int
    expression: str | None
    role: HeadRole


@dataclass(frozen=True, slots=True)
class Neuron:
    """One MLP neuron.

    Attributes:
        layer: Its block.
        index: Its index in the block's hidden layer.
        expression: Label of the expression that it helps to compute; for a decoy, of one that it reads.
        role: ``compute``; ``clean_bos`` removes what a SelectorWidth writes at BOS; ``backup`` writes an expression's
            value where that is missing; ``voter`` computes a copy of an expression, and ``majority`` writes what most
            copies hold; ``ignoring`` helps to find 0 for whatever is looked up; ``decoy`` writes where nothing reads.
    """

    layer: int
    index: int
    expression: str
    role: NeuronRole


@dataclass(frozen=True)
class Provenance:
    """What every part of a compiled model is for.

    Attributes:
        directions: One a residual dimension, in order; in a model with a frame, one a row of it.
        heads: Every head, by layer and head.
        neurons: Every neuron that has weights, by layer and index.
    """

    directions: tuple[Direction, ...]
    heads: tuple[Head, ...]
    neurons: tuple[Neuron, ...]

    def head(self, layer: int, head: int) -> Head:
        """The head at a place."""
        return next(item for item in self.heads if (item.layer, item.head) == (layer, head))

    def neurons_in(self, layer: int) -> tuple[Neuron, ...]:
        """The neurons of one MLP."""
        return tuple(item for item in self.neurons if item.layer == layer)

    def expressions_in_mlp(self, layer: int) -> tuple[str, ...]:
        """Labels of the expressions that an MLP computes, each once, in the order of its neurons."""
        names = [neuron.expression for neuron in self.neurons_in(layer) if neuron.role == "compute"]
        return tuple(dict.fromkeys(names))

    def dimensions(self, expression: str) -> tuple[int, ...]:
        """Residual dimensions that hold an expression's value."""
        # Copies and scratch hold something of the expression too, but a reader of its value looks nowhere else than
        # here.
        kinds = ("variable", "token", "position")
        return tuple(
            i for i, item in enumerate(self.directions) if item.expression == expression and item.kind in kinds
        )
