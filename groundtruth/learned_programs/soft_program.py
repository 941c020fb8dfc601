"""A program whose every choice is a distribution, so that it can be learned by gradient descent.

After Friedman et al. (2023, arXiv 2306.01128): a gate for each query, key, value and input of a table chooses an
earlier variable, and a table of matches says which keys a query attends to; choices are drawn by Gumbel-softmax. Their
heads attend to the nearest match, and to BOS where there is none. Here a head attends to all its matches evenly, and
either copies a value, in which case all matches must agree, or counts them: RASP and a compiled model say the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from groundtruth.compiled.domain import Domain
from groundtruth.learned_programs.categorical_program import INDICES, TOKENS, CategoricalProgram, Head, Step, Table

Variable = Float[Tensor, "input position category"]

_FAINT = 1e-9


@dataclass(frozen=True)
class ProgramSizes:
    """How many steps a program has.

    Attributes:
        layers: Layers of heads and tables; a head reads earlier layers, a table its own layer's heads too.
        lookups: Heads a layer that copy a value.
        counts: Heads a layer that count matches.
        tables: Tables a layer.
        categories: Values of a table.
    """

    layers: int = 1
    lookups: int = 2
    counts: int = 2
    tables: int = 2
    categories: int = 3


@dataclass(frozen=True)
class _Slot:
    """One step whose choices are open.

    Attributes:
        name: Its name, such as ``count_2``.
        kind: ``lookup``, ``count`` or ``table``.
        readable: Number of variables that it can choose from.
    """

    name: str
    kind: str
    readable: int

    @property
    def gates(self) -> tuple[str, ...]:
        return {"lookup": ("queries", "keys", "values"), "count": ("queries", "keys"), "table": ("first", "second")}[
            self.kind
        ]


class Choices:
    """How logits become choices: drawn at a temperature while a program is learned, or the likeliest ones.

    Args:
        temperature: Temperature of the Gumbel-softmax; ``None`` = the likeliest choices.
        generator: Draws the noise.
    """

    def __init__(self, temperature: float | None, generator: torch.Generator) -> None:
        self._temperature, self._generator = temperature, generator

    def one_of(self, logits: Tensor) -> Tensor:
        """A distribution over the last axis."""
        if self._temperature is None:
            return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits)
        return ((logits - self._exponential(logits).log()) / self._temperature).softmax(-1)

    def each(self, logits: Tensor) -> Tensor:
        """Yes or no for each logit by itself."""
        if self._temperature is None:
            return (logits > 0).to(logits)
        noise = self._exponential(logits).log() - self._exponential(logits).log()
        return ((logits + noise) / self._temperature).sigmoid()

    def _exponential(self, like: Tensor) -> Tensor:
        return torch.empty_like(like).exponential_(generator=self._generator).clamp(min=1e-20)


class SoftProgram:
    """A program whose choices are open.

    Args:
        domain: Its inputs, all of one length.
        outputs: The values that its output can have.
        sizes: Number of steps that it has.
        generator: Draws the first logits.
    """

    def __init__(self, domain: Domain, outputs: Sequence[Any], sizes: ProgramSizes, generator: torch.Generator) -> None:
        self.domain, self.outputs, self.sizes = domain, tuple(outputs), sizes
        length = domain.max_seq_len
        self.width = max(len(domain.vocab), length + 1, sizes.categories)
        self.slots = tuple(self._slots())
        shapes: dict[str, tuple[int, ...]] = {}
        for slot in self.slots:
            shapes |= {f"{slot.name}.{gate}": (slot.readable,) for gate in slot.gates}
            out = len(self.outputs) if slot is self.slots[-1] else sizes.categories
            shapes[f"{slot.name}.table"] = (self.width, self.width, *((out,) if slot.kind == "table" else ()))
        self.logits = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}

    def _slots(self) -> Iterator[_Slot]:
        number, readable = 0, 2
        sizes = self.sizes
        for _ in range(sizes.layers):
            heads = ["lookup"] * sizes.lookups + ["count"] * sizes.counts
            for kinds in (heads, ["table"] * sizes.tables):
                for kind in kinds:
                    number += 1
                    yield _Slot(f"{kind}_{number}", kind, readable)
                readable += len(kinds)
        yield _Slot("output", "table", readable)

    def embed(self, inputs: Sequence[Sequence[Any]]) -> list[Variable]:
        """The variables ``tokens`` and ``indices`` of some inputs."""
        place = {token: index for index, token in enumerate(self.domain.vocab)}
        ids = torch.tensor([[place[token] for token in tokens] for tokens in inputs])
        positions = torch.arange(ids.shape[1]).expand_as(ids)
        return [F.one_hot(codes, self.width).float() for codes in (ids, positions)]

    def run(self, embedded: Sequence[Variable], choices: Choices) -> list[Variable]:
        """Every variable, the output last.

        Args:
            embedded: Result of ``embed``.
            choices: Rule by which logits become choices.
        """
        made = list(embedded)
        pool = torch.stack(made)
        for index, slot in enumerate(self.slots):
            readable = pool[: slot.readable]
            gated = [
                torch.einsum("v,vnpc->npc", choices.one_of(self.logits[f"{slot.name}.{gate}"]), readable)
                for gate in slot.gates
            ]
            table = self.logits[f"{slot.name}.table"]
            made.append(
                self._table(gated, choices.one_of(table))
                if slot.kind == "table"
                else self._head(slot, gated, choices.each(table))
            )
            if index + 1 < len(self.slots) and self.slots[index + 1].readable > len(pool):
                pool = torch.stack(made)
        return made

    def _head(self, slot: _Slot, gated: list[Variable], matches: Tensor) -> Variable:
        found = torch.einsum("nqa,ab,nkb->nqk", gated[0], matches, gated[1])
        if slot.kind == "lookup":
            return found @ gated[2] / (found.sum(-1, keepdim=True) + _FAINT)
        # Between two whole numbers a count is both of them, in proportion.
        return (1 - (found.sum(-1, keepdim=True) - torch.arange(self.width)).abs()).clamp(min=0)

    def _table(self, gated: list[Variable], entries: Tensor) -> Variable:
        value = torch.einsum("npa,npb,abc->npc", gated[0], gated[1], entries)
        return F.pad(value, (0, max(0, self.width - value.shape[-1])))

    def discretize(self) -> CategoricalProgram:
        """The program of the likeliest choices, with all its steps."""
        names, length = [TOKENS, INDICES], self.domain.max_seq_len
        values: dict[str, list[Any]] = {TOKENS: list(self.domain.vocab), INDICES: [*range(length)]}
        steps: list[Step] = []
        for slot in self.slots:
            chosen = [names[int(self.logits[f"{slot.name}.{gate}"].argmax())] for gate in slot.gates]
            table = self.logits[f"{slot.name}.table"]
            one, other = values[chosen[0]], values[chosen[1]]
            if slot.kind == "table":
                made = list(self.outputs) if slot is self.slots[-1] else [*range(self.sizes.categories)]
                best = table.argmax(-1).tolist()
                entries = {(a, b): made[best[i][j]] for i, a in enumerate(one) for j, b in enumerate(other)}
                if chosen[0] == chosen[1]:
                    entries = {pair: value for pair, value in entries.items() if pair[0] == pair[1]}
                steps.append(Table(slot.name, chosen[0], chosen[1], entries))
                values[slot.name] = made
            else:
                yes = (table > 0).tolist()
                matches = {a: tuple(b for j, b in enumerate(other) if yes[i][j]) for i, a in enumerate(one)}
                steps.append(Head(slot.name, chosen[0], chosen[1], chosen[2] if len(chosen) > 2 else None, matches))
                values[slot.name] = values[chosen[2]] if slot.kind == "lookup" else [*range(length + 1)]
            names.append(slot.name)
        return CategoricalProgram(self.domain, tuple(steps))
