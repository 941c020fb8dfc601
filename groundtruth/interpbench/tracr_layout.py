"""Where Tracr puts a program's expressions, and the edges that InterpBench claims for that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from tracr.rasp import rasp

from groundtruth.compiled.program_network import ProgramNetwork
from groundtruth.compiled.provenance import Provenance
from groundtruth.errors import DomainError
from groundtruth.rasp.expressions import children_first
from mib.graph import LETTERS, Edge

_HEAD_ROLES = ("aggregate", "width")


@dataclass(frozen=True, eq=False)
class TracrLayout:
    """The heads and MLPs of a compiled program.

    Attributes:
        program: The program, with canonical labels.
        held: Labels of the expressions that each head and MLP computes, by component, in the order of the layers.
    """

    program: rasp.SOp
    held: dict[str, tuple[str, ...]]

    @classmethod
    def of(cls, network: ProgramNetwork, provenance: Provenance) -> TracrLayout:
        """The layout of a compiled model."""
        held: dict[tuple[int, int, int], dict[str, None]] = {}
        for head in provenance.heads:
            if head.expression is not None and head.role in _HEAD_ROLES:
                held.setdefault((head.layer, 0, head.head), {})[head.expression] = None
        for neuron in provenance.neurons:
            if neuron.role == "compute":
                held.setdefault((neuron.layer, 1, 0), {})[neuron.expression] = None
        named = {
            f"m{layer}" if is_mlp else f"a{layer}.h{head}": tuple(held[layer, is_mlp, head])
            for layer, is_mlp, head in sorted(held)
        }
        return cls(network.program, named)

    def edges(self) -> tuple[Edge, ...]:
        """The edges that InterpBench claims: a head's queries, keys and values each read all that the head reads."""
        found: dict[Edge, None] = {}
        for component, labels in self.held.items():
            for source in dict.fromkeys(source for label in labels for source in self._reads(component, label)):
                ends = [component] if component.startswith("m") else [f"{component}<{letter}>" for letter in LETTERS]
                found |= {Edge(source, end): None for end in ends}
        return (*found, Edge(self._source(self.program), "logits"))

    def moved_to(self, heads: Sequence[str]) -> TracrLayout:
        """The same layout on other heads of the same layers, in the order of their numbers.

        InterpBench gives some programs other heads than Tracr does.

        Args:
            heads: All heads of the claimed circuit.

        Raises:
            DomainError: If a layer has not as many heads as the program has there.
        """
        own = [name for name in self.held if name.startswith("a")]
        moved: dict[str, str] = {}
        for layer in dict.fromkeys(_layer(name) for name in (*own, *heads)):
            before = [name for name in own if _layer(name) == layer]
            after = sorted((name for name in heads if _layer(name) == layer), key=_head)
            # Heads of one layer are matched by their order, which means something only if there are as many.
            if len(before) != len(after):
                raise DomainError(
                    f"the claimed circuit has {len(after)} heads in layer {layer}, the compiled program {len(before)}: "
                    "it is the circuit of another program, or of another version of it."
                )
            moved |= dict(zip(before, after, strict=True))
        return TracrLayout(self.program, {moved.get(name, name): labels for name, labels in self.held.items()})

    def _reads(self, component: str, label: str) -> list[str]:
        sop = self._sops[label]
        match sop:
            case rasp.SelectorWidth() if component.startswith("m"):
                return [name for name in self.held if name.startswith("a") and label in self.held[name]]
            case rasp.Aggregate() | rasp.SelectorWidth() if isinstance(sop.selector, rasp.Select):
                values = [sop.sop] if isinstance(sop, rasp.Aggregate) else []
                return [self._source(part) for part in (sop.selector.queries, sop.selector.keys, *values)]
            case rasp.Map() | rasp.SequenceMap():
                return [self._source(child) for child in sop.children if isinstance(child, rasp.SOp)]
            case _:
                raise DomainError(f"'{sop.name}' is a {type(sop).__name__}, whose edges InterpBench does not define.")

    def _source(self, sop: rasp.SOp) -> str:
        """The source that writes an expression: of a width its MLP, which reads the head."""
        match sop:
            case rasp.TokensType():
                return "input"
            case rasp.IndicesType():
                return "pos"
            case _:
                holders = [name for name, labels in self.held.items() if sop.label in labels]
                if not holders:
                    raise DomainError(f"'{sop.name}' lives on no head or MLP of the compiled program.")
                return holders[-1]

    @cached_property
    def _sops(self) -> dict[str, rasp.SOp]:
        return {item.label: item for item in children_first(self.program) if isinstance(item, rasp.SOp)}


def hook_pairs(edges: Sequence[Edge], n_layers: int) -> list[tuple[str, str]]:
    """Edges as InterpBench's pairs of TransformerLens hook names.

    Args:
        edges: Edges of the graph.
        n_layers: Blocks of the compiled model, after which the output is read.
    """
    return [(_start(edge.source), _end(edge.destination, n_layers)) for edge in edges]


def _start(source: str) -> str:
    if source in ("input", "pos"):
        return "hook_embed" if source == "input" else "hook_pos_embed"
    if source.startswith("m"):
        return f"blocks.{_layer(source)}.hook_mlp_out"
    return f"blocks.{_layer(source)}.attn.hook_result[{_head(source)}]"


def _end(destination: str, n_layers: int) -> str:
    if destination == "logits":
        return f"blocks.{n_layers - 1}.hook_resid_post"
    if destination.startswith("m"):
        return f"blocks.{_layer(destination)}.hook_mlp_in"
    name, letter = destination[:-1].split("<")
    return f"blocks.{_layer(name)}.hook_{letter}_input[{_head(name)}]"


def _layer(component: str) -> int:
    return int(component.split(".")[0][1:])


def _head(component: str) -> int:
    return int(component.split(".h")[1])
