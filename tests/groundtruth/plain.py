"""A program evaluated value by value with some values put in place: what an interchange means, from the definition."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from tracr.rasp import rasp

from groundtruth.truth.variables.rasp_causal_model import UNDEFINED

KEEP = object()
"""At a position where nothing is put."""


class Plain:
    """One run of a program on one input.

    Args:
        model: Whose program it is.
        tokens: The input.
        put: By label of an expression, what each position holds instead, or ``KEEP``.
        readers: By label, the labels of those that see it; by default all.
    """

    def __init__(
        self,
        model: Any,
        tokens: Sequence[Any],
        put: Mapping[str, Sequence[Any]],
        readers: Mapping[str, Collection[str]],
    ) -> None:
        self.causal, self.tokens, self.put, self.readers = model.causal, tokens, put, readers
        self.known: dict[str, list[Any]] = {}

    def own(self, sop: Any) -> list[Any]:
        """The values of an S-Op, before anything is put in their place."""
        if sop.label not in self.known:
            self.known[sop.label] = self._evaluated(sop)
        return self.known[sop.label]

    def replaced(self, sop: Any, reader: str) -> list[Any]:
        """The values of an S-Op that a reader sees."""
        values = self.own(sop)
        if sop.label not in self.put or reader not in self.readers.get(sop.label, [reader]):
            return values
        return [old if new is KEEP else new for new, old in zip(self.put[sop.label], values, strict=True)]

    def _evaluated(self, sop: Any) -> list[Any]:
        default = 0 if rasp.is_numerical(sop) else None
        if isinstance(sop, rasp.TokensType):
            return list(self.tokens)
        if isinstance(sop, rasp.IndicesType):
            return list(range(len(self.tokens)))
        if isinstance(sop, rasp.Map):
            return [_called(sop.f, [x], default) for x in self.replaced(sop.inner, sop.label)]
        if isinstance(sop, rasp.SequenceMap):
            pairs = zip(self.replaced(sop.fst, sop.label), self.replaced(sop.snd, sop.label), strict=True)
            return [_called(sop.f, pair, default) for pair in pairs]
        return [self._attended(sop, position) for position in range(len(self.tokens))]

    def _attended(self, sop: Any, position: int) -> Any:
        keys = self.replaced(sop.selector.keys, sop.label)
        query = self.replaced(sop.selector.queries, sop.label)[position]
        visible = range(position + 1 if self.causal else len(keys))
        if any(value is UNDEFINED for value in [query, *(keys[k] for k in visible)]):
            return UNDEFINED
        chosen = [k for k in visible if _called(sop.selector.predicate, [keys[k], query], False)]
        if isinstance(sop, rasp.SelectorWidth):
            return len(chosen)
        moved = [self.replaced(sop.sop, sop.label)[k] for k in chosen]
        if len(moved) < 2:
            return moved[0] if moved else sop.default
        if any(value is UNDEFINED for value in moved):
            return UNDEFINED
        if rasp.is_categorical(sop):
            return moved[0] if all(value == moved[0] for value in moved) else UNDEFINED
        return sum(moved) / len(moved)


def _called(f: Any, given: Any, default: Any) -> Any:
    given = list(given)
    if any(value is UNDEFINED for value in given):
        return UNDEFINED
    if any(value is None for value in given):
        return default
    try:
        value = f(*given)
    except Exception:
        return default
    return default if value is None else value
