"""Draw where the expressions of a program live in a transformer: layers, heads, copies and spares, by seed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from tracr.rasp import rasp

from groundtruth.errors import DomainError
from groundtruth.rasp.expressions import children_first
from groundtruth.trained.architecture import Architecture
from groundtruth.trained.correspondence import Correspondence, Spare, Unit
from groundtruth.trained.spare_variables import SPARE_VARIABLES
from mib.counted_nouns import layers_by_heads
from mib.sublayers import attention_sublayer, mlp_sublayer

Copies: TypeAlias = Literal["none", "vote", "backup"]
"""``vote``: an expression that an MLP reads lives on three heads, of which two suffice. ``backup``: an expression lives
on an MLP, and the MLP of the next layer sets right what it gets wrong."""

_ATTEMPTS = 200
"""Draws before a program counts as too large: one that fits may be drawn into late layers where no room is left."""


@dataclass
class _Layout:
    """Expressions as they find their places.

    Attributes:
        holders: The components that a reader of an expression reads, by label.
        sublayers: The last sublayer that writes an expression, by label.
        heads: Number of heads of each layer that are taken.
        units: Units in the order in which they are placed.
        folded: Labels of expressions that live nowhere.
    """

    holders: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    sublayers: dict[str, int] = field(default_factory=dict[str, int])
    heads: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    units: list[Unit] = field(default_factory=list[Unit])
    folded: list[str] = field(default_factory=list[str])


class _DoesNotFit(Exception):
    """A draw that needs more layers or heads than there are."""


class CorrespondenceDraw:
    """One draw for one program and architecture.

    Args:
        program: The program, with canonical labels.
        shape: The architecture.
        rng: Draws.
        copies: Whether one expression lives on several components, and how these share it.
        n_spares: Number of components that are to be loud on variables of their own, at most.
    """

    def __init__(
        self, program: rasp.SOp, shape: Architecture, rng: random.Random, *, copies: Copies, n_spares: int
    ) -> None:
        self._program, self._shape, self._rng, self._copies, self._n_spares = program, shape, rng, copies, n_spares
        self._order = [e for e in children_first(program) if isinstance(e, rasp.SOp)]
        self._layout = _Layout()
        self._backed_up: str | None = None

    def draw(self) -> Correspondence:
        """Place every expression, or raise ``_DoesNotFit``."""
        layout, copied = self._layout, self._copied()
        self._backed_up = self._draw_backed_up()
        free = {layer: list(range(self._shape.n_heads)) for layer in range(self._shape.n_layers)}
        for heads in free.values():
            self._rng.shuffle(heads)
        layout.heads = free
        # Operands first, so that what an expression reads is placed before it.
        for sop in self._order:
            match sop:
                case rasp.TokensType():
                    self._hold(sop, ("input",), -1)
                case rasp.IndicesType():
                    self._hold(sop, ("pos",), -1)
                case rasp.Map() if self._is_foldable(sop):
                    layout.folded.append(sop.label)
                    # Nothing writes a folded Map: its readers look at what it reads, and the change is in their
                    # matrices.
                    self._hold(sop, layout.holders[sop.inner.label], layout.sublayers[sop.inner.label])
                case rasp.Aggregate():
                    self._place_heads(sop, sop.selector, sop.sop, 3 if sop is copied and self._copies == "vote" else 1)
                case rasp.SelectorWidth():
                    self._place_heads(sop, sop.selector, None, 3 if sop is copied and self._copies == "vote" else 1)
                    if not self._feeds_only_mlps(sop):
                        self._place_mlp(sop, (sop.label,))
                case _:
                    self._place_mlp(sop, tuple(child.label for child in sop.children))
        units = _joined(layout.units)
        placed = [component for unit in units for component in unit.components]
        if len({*placed}) < len(placed):  # another expression met one of two MLPs that back up
            raise _DoesNotFit
        return Correspondence(units, layout.holders[self._program.label], self._spares(units), tuple(layout.folded))

    def _hold(self, sop: rasp.SOp, components: tuple[str, ...], sublayer: int) -> None:
        self._layout.holders[sop.label], self._layout.sublayers[sop.label] = components, sublayer

    def _copied(self) -> rasp.SOp | None:
        """The expression whose head is copied: only an MLP can add up votes."""
        if self._copies != "vote":
            return None
        heads = [e for e in self._order if isinstance(e, rasp.Aggregate | rasp.SelectorWidth)]
        chosen = [e for e in heads if isinstance(e, rasp.SelectorWidth) or self._feeds_only_mlps(e)]
        if not chosen:
            raise DomainError(f"copies='{self._copies}' needs an attention whose result an MLP reads; there is none.")
        return self._rng.choice(chosen)

    def _draw_backed_up(self) -> str | None:
        """Label of the expression whose MLP is backed up: one that a draw without copies puts on an MLP."""
        if self._copies != "backup":
            return None
        # Which expressions come to live on MLPs is known only after a draw, so one is made for that alone.
        plain = CorrespondenceDraw(self._program, self._shape, self._rng, copies="none", n_spares=0).draw()
        labels = [label for unit in plain.units if unit.components[0][0] == "m" for label in unit.expressions]
        if not labels:
            raise DomainError("copies='backup' needs an expression on an MLP; this program's live on heads alone.")
        return self._rng.choice(labels)

    def _is_foldable(self, sop: rasp.Map) -> bool:
        """Tell whether readers can compute a Map from what it reads: each of its values has a direction of its own."""
        inner: rasp.SOp = sop.inner
        while isinstance(inner, rasp.Map) and inner.label in self._layout.folded:
            inner = inner.inner
        numerical = isinstance(inner, rasp.SelectorWidth | rasp.Aggregate) and (
            rasp.is_numerical(inner) or isinstance(inner, rasp.SelectorWidth)
        )
        return not numerical or self._feeds_only_mlps(sop)

    def _feeds_only_mlps(self, sop: rasp.SOp) -> bool:
        """Tell whether only MLPs read an expression, which can make out values that are not one-hot."""
        if sop is self._program:
            return False
        readers = [e for e in self._order if sop.label in _operand_labels(e)]
        mlps = [e for e in readers if isinstance(e, rasp.SequenceMap)]
        maps = [e for e in readers if isinstance(e, rasp.Map)]
        through = all(self._feeds_only_mlps(e) or not rasp.is_numerical(sop) for e in maps)
        return len(mlps) + len(maps) == len(readers) and (not maps or through)

    def _place_heads(self, sop: rasp.SOp, selector: rasp.Selector, value: rasp.SOp | None, copies: int) -> None:
        # Queries and keys are single expressions only in a Select: SelectorAnd and its like join several.
        if not isinstance(selector, rasp.Select):
            raise DomainError(f"'{sop.name}' has a {type(selector).__name__}; a head can learn a Select alone.")
        layout = self._layout
        queries, keys = (layout.holders[part.label] for part in (selector.queries, selector.keys))
        values = self._marker() if value is None else layout.holders[value.label]
        read = [selector.queries.label, selector.keys.label, *([] if value is None else [value.label])]
        after = max(layout.sublayers[label] for label in read)
        names: list[str] = []
        for _ in range(copies):
            layer = self._layer_of_head(after)
            names.append(f"a{layer}.h{layout.heads[layer].pop()}")
        reads = tuple(
            dict.fromkeys(
                (source, f"{name}<{letter}>")
                for name in names
                for letter, sources in (("q", queries), ("k", (*keys, *self._marker())), ("v", values))
                for source in self._present(sources)
            )
        )
        layout.units.append(Unit((sop.label,), tuple(names), reads, "vote" if copies > 1 else "single"))
        last = max(int(name[1 : name.index(".")]) for name in names)
        self._hold(sop, tuple(names), attention_sublayer(last))

    def _layer_of_head(self, after: int) -> int:
        """Draw a layer that comes after a sublayer and has a head to spare."""
        free = self._layout.heads.items()
        return self._draw_layer([layer for layer, heads in free if attention_sublayer(layer) > after and heads])

    def _draw_layer(self, layers: list[int]) -> int:
        """Draw the first of some layers, or by chance a later one."""
        if not layers:
            raise _DoesNotFit
        # Mostly the first, or a program would run out of layers; by chance a later one, or circuits would all look
        # alike.
        return layers[0] if self._rng.random() < 0.7 else self._rng.choice(layers)

    def _marker(self) -> tuple[str, ...]:
        """Return what tells BOS from the rest: the position, or the token where positions are not embedded."""
        return ("input",) if self._shape.rotary else ("pos",)

    def _present(self, sources: tuple[str, ...]) -> tuple[str, ...]:
        """The sources that there are; each once.

        Where positions are rotary a query or key of them is the same for every token: some source holds that constant.
        """
        present = ("input" if source == "pos" and self._shape.rotary else source for source in sources)
        return tuple(dict.fromkeys(present))

    def _place_mlp(self, sop: rasp.SOp, operands: tuple[str, ...]) -> None:
        layout = self._layout
        after = max(layout.sublayers[label] for label in operands)
        layer = self._draw_layer([layer for layer in range(self._shape.n_layers) if mlp_sublayer(layer) > after])
        layers_taken = (layer,)
        if sop.label == self._backed_up:
            later = range(layer + 1, self._shape.n_layers)
            if not later:
                raise _DoesNotFit
            layers_taken = (layer, later[0])
        sources = [source for label in operands for source in layout.holders[label]]
        if self._shape.rotary and "pos" in sources:
            raise DomainError(
                f"'{sop.name}' computes with positions, which a Llama-style model does not embed. Use style='gpt2'."
            )
        names = tuple(f"m{taken}" for taken in layers_taken)
        # The second reads the first too: where that is not what it should be, it sets it right.
        reads = tuple(
            (source, name) for at, name in enumerate(names) for source in dict.fromkeys((*sources, *names[:at]))
        )
        layout.units.append(Unit((sop.label,), names, reads, "backup" if len(names) > 1 else "single"))
        self._hold(sop, names, mlp_sublayer(layers_taken[-1]))

    def _spares(self, units: tuple[Unit, ...]) -> tuple[Spare, ...]:
        """Some of the heads that are left, each with a variable of its own."""
        # Without a causal mask a head cannot tell what came before a position from what comes after it.
        variables = [*SPARE_VARIABLES] if self._shape.causal else ["first token"]
        left = [f"a{layer}.h{head}" for layer, heads in self._layout.heads.items() for head in heads]
        chosen = sorted(self._rng.sample(left, min(self._n_spares, len(left))))
        return tuple(Spare(name, variables[i % len(variables)]) for i, name in enumerate(chosen))


def draw_correspondence(
    program: rasp.SOp, shape: Architecture, *, seed: int = 0, copies: Copies = "none", n_spares: int = 2
) -> Correspondence:
    """Draw where a program's expressions live.

    Aggregates and SelectorWidths live on heads, SequenceMaps on MLPs; a Map is folded into its readers where these can
    compute it. Expressions that meet on one MLP are interchanged together. Heads that are left are idle or spare.

    Args:
        program: The program, with canonical labels.
        shape: The architecture.
        seed: Draws layers, heads and spares.
        copies: ``vote``: an expression that an MLP reads lives on three heads, of which two suffice; ``backup``: one
            lives on an MLP, and the MLP of the next layer sets right what it gets wrong; ``none``.
        n_spares: Number of heads that are to be loud on variables of their own, at most.

    Raises:
        DomainError: If the program does not fit into the architecture, or has what a head or an MLP cannot learn.
    """
    for attempt in range(_ATTEMPTS):
        # A generator for each attempt: how often an attempt drew before it failed does not change the next one.
        rng = random.Random(f"{seed} {attempt}")
        try:
            found = CorrespondenceDraw(program, shape, rng, copies=copies, n_spares=n_spares).draw()
        except _DoesNotFit:
            continue
        found.require_fits(shape)
        return found
    raise DomainError(
        f"the program '{program.name}' does not fit into {layers_by_heads(shape.n_layers, shape.n_heads)}: it needs "
        "more sublayers in a row, or more heads. Take more of them."
    )


def _operand_labels(sop: rasp.SOp) -> set[str]:
    direct = {child.label for child in sop.children if isinstance(child, rasp.SOp)}
    return direct | {c.label for s in sop.children if isinstance(s, rasp.Selector) for c in s.children}


def _joined(units: list[Unit]) -> tuple[Unit, ...]:
    """Units with what lives on one MLP joined, in the order of their components."""
    by_components: dict[tuple[str, ...], Unit] = {}
    for unit in units:
        other = by_components.get(unit.components)
        if other is not None:
            reads = tuple(dict.fromkeys((*other.reads, *unit.reads)))
            unit = Unit((*other.expressions, *unit.expressions), unit.components, reads, unit.sharing)
        by_components[unit.components] = unit
    return tuple(by_components[key] for key in sorted(by_components, key=_last_sublayer))


def _last_sublayer(components: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    def number(name: str) -> int:
        return mlp_sublayer(int(name[1:])) if name[0] == "m" else attention_sublayer(int(name[1 : name.index(".")]))

    return max(map(number, components)), components
