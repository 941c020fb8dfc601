"""How many layers and heads a program takes, before it is compiled."""

from collections.abc import Iterable
from dataclasses import dataclass

from tracr.rasp import rasp

from groundtruth.rasp.expressions import children_first


@dataclass(frozen=True)
class Layering:
    """The size of the transformer that a program compiles to.

    Attributes:
        layers: Number of layers.
        heads: Heads of the widest layer.
        mlps: Layers whose MLP computes more than one expression.
    """

    layers: int
    heads: int
    mlps: int


def layering(program: rasp.SOp) -> Layering:
    """Put every expression into a layer, as Tracr does (``craft_graph_to_model._allocate_modules_to_layers``).

    An expression goes one level above what it reads; a level of heads only joins the level of MLPs only that follows.

    Args:
        program: Any S-Op.
    """
    levels: dict[int, list[rasp.SOp]] = {}
    depth: dict[int, int] = {}
    for expression in children_first(program):
        depth[id(expression)] = max((depth[id(child)] for child in expression.children), default=0)
        if isinstance(expression, rasp.SOp) and expression.children:
            depth[id(expression)] += 1
            levels.setdefault(depth[id(expression)], []).append(expression)
    layers = _joined([levels[level] for level in sorted(levels)])
    heads = (sum(isinstance(sop, rasp.Aggregate | rasp.SelectorWidth) for sop in layer) for layer in layers)
    mlps = (sum(not isinstance(sop, rasp.Aggregate) for sop in layer) for layer in layers)
    return Layering(len(layers), max(heads, default=0), sum(count > 1 for count in mlps))


def _joined(levels: Iterable[list[rasp.SOp]]) -> list[list[rasp.SOp]]:
    layers: list[list[rasp.SOp]] = []
    for level in levels:
        if layers and all(isinstance(sop, rasp.Aggregate) for sop in layers[-1]) and all(map(_is_mlp, level)):
            layers[-1] = [*layers[-1], *level]
        else:
            layers.append(level)
    return layers


def _is_mlp(sop: rasp.SOp) -> bool:
    return isinstance(sop, rasp.Map | rasp.SequenceMap)
