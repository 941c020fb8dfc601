"""What a network is trained on: runs with edges cut, and what should come out of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from groundtruth.compiled.decoder import Decoder
from groundtruth.compiled.domain import Tokens
from groundtruth.rasp.evaluate import evaluate_many
from groundtruth.trained.answer_margins import answer_margins
from groundtruth.trained.swapped_programs import NOT_ASKED, SwappedProgram
from groundtruth.trained.trained_network import TrainedNetwork
from mib.graph import Edge

_BUFFER_MARGIN = 1.0
"""Runs whose margin is below this are kept and trained on again."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Runs in which sources are replaced or edges are cut.

    Attributes:
        inputs: Input that each runs on [row].
        donors: Whose values are put in [row].
        answers: Codes that should come out, ``NOT_ASKED`` where nothing is asked for [row, position].
        swap: Sources that are replaced for all that read them [row, source]; ``None`` = none.
        mask: 1 where an edge is cut [row, source, destination]; ``None`` = nowhere.
    """

    inputs: Int[Tensor, "row"]
    donors: Int[Tensor, "row"]
    answers: Int[Tensor, "row position"]
    swap: Bool[Tensor, "row source"] | None = None
    mask: Float[Tensor, "row source destination"] | None = None

    def __len__(self) -> int:
        return len(self.inputs)

    def take(self, index: Tensor) -> Rows:
        """Some of them."""
        some = [None if value is None else value[index] for value in (self.swap, self.mask)]
        return Rows(self.inputs[index], self.donors[index], self.answers[index], *some)

    @classmethod
    def join(cls, parts: Sequence[Rows]) -> Rows:
        """All of several of one kind: all with swaps or all with masks."""
        swaps = [part.swap for part in parts if part.swap is not None]
        masks = [part.mask for part in parts if part.mask is not None]
        return cls(
            torch.cat([part.inputs for part in parts]),
            torch.cat([part.donors for part in parts]),
            torch.cat([part.answers for part in parts]),
            torch.cat(swaps) if swaps else None,
            torch.cat(masks) if masks else None,
        )


@dataclass(frozen=True, eq=False)
class RowMaker:
    """Draws training rows for a network.

    Attributes:
        network: Says what should come out; its weights are not used.
        inputs: All inputs of its domain.
        generator: Draws pairs and edges.
        dtype: Dtype of the masks.
    """

    network: TrainedNetwork
    inputs: tuple[Tokens, ...]
    generator: torch.Generator
    dtype: torch.dtype = torch.float32

    @cached_property
    def ids(self) -> Tensor:
        """Token ids of all inputs, BOS first [input, position]."""
        return self.network.encode(self.inputs)

    @cached_property
    def answers(self) -> Tensor:
        """The program's answer to each input [input, position]."""
        outputs = evaluate_many(self.network.program, self.inputs, causal=self.network.causal)
        return torch.stack([self.network.decoder.encode(row) for row in outputs])

    @cached_property
    def swapped_answers(self) -> tuple[Tensor, ...]:
        """For each unit, the answer on each pair when its expressions are interchanged [input, donor, position]."""
        program = SwappedProgram(self.network.numbered_program(), self.inputs)
        units = self.network.correspondence.units
        return tuple(program.every_code(self.network.decoder, unit.expressions) for unit in units)

    @cached_property
    def _needless(self) -> Tensor:
        """Places of the needless edges in a flattened mask."""
        return self._places(self.network.correspondence.needless(self.network.graph))

    def _places(self, edges: Sequence[Edge]) -> Tensor:
        graph = self.network.graph
        width = len(graph.destinations)
        return torch.tensor([s * width + d for s, d in map(graph.index, edges)], dtype=torch.long)

    @cached_property
    def _swaps(self) -> Tensor:
        """For each unit, the sources that it lives on [unit, source]."""
        return torch.stack([self._flags(unit.components) for unit in self.network.correspondence.units])

    @cached_property
    def _voters(self) -> Tensor | None:
        """For each component of a unit that votes, that source alone [voter, source]."""
        units = [unit for unit in self.network.correspondence.units if unit.sharing == "vote"]
        voters = [self._flags((component,)) for unit in units for component in unit.components]
        return torch.stack(voters) if voters else None

    @cached_property
    def still(self) -> Tensor | None:
        """Edges from components to those that back them up [source, destination]; none if nothing backs up.

        Over such an edge a component's gradients would cancel, for what its backup makes of its output is what is wrong
        with it; and once the backup sets right too much, they would have the wrong sign.
        """
        graph, backed_up = self.network.graph, self.network.correspondence.backed_up
        still = torch.zeros(graph.edge_mask.shape, dtype=torch.bool)
        for unit in backed_up:
            still[graph.source_index[unit.components[0]], graph.destination_index[unit.components[1]]] = True
        return still if backed_up else None

    def _flags(self, sources: Sequence[str]) -> Tensor:
        flags = torch.zeros(len(self.network.graph.sources), dtype=torch.bool)
        flags[[self.network.graph.source_index[source] for source in sources]] = True
        return flags

    @property
    def _width(self) -> int:
        return self.network.graph.edge_mask.size

    def draw_inputs(self, n: int) -> Tensor:
        """``n`` different inputs, or all of them in random order where there are fewer."""
        return torch.randperm(len(self.inputs), generator=self.generator)[:n]

    def draw_pairs(self, n: int) -> tuple[Tensor, Tensor]:
        """``n`` inputs with donors; where the domain is small each input comes several times, with other donors."""
        # Whole rounds of the inputs, so that none comes twice before all have come once.
        times = -(-n // len(self.inputs))
        inputs = torch.cat([self.draw_inputs(n) for _ in range(times)])[:n]
        return inputs, torch.randint(len(self.inputs), (len(inputs),), generator=self.generator)

    def plain(self, inputs: Tensor) -> Rows:
        """Runs with nothing replaced."""
        swap = torch.zeros(len(inputs), len(self.network.graph.sources), dtype=torch.bool)
        return Rows(inputs, inputs, self.answers[inputs], swap)

    def interchanges(self, unit: int, inputs: Tensor, donors: Tensor) -> Rows:
        """Runs in which a unit's outputs are replaced."""
        swap = self._swaps[unit].expand(len(inputs), -1)
        return Rows(inputs, donors, self.swapped_answers[unit][inputs, donors], swap)

    def votes(self, inputs: Tensor, donors: Tensor) -> list[Rows]:
        """Runs in which one voter's output is replaced, which changes nothing; none if nothing votes."""
        if self._voters is None:
            return []
        which = torch.randint(len(self._voters), (len(inputs),), generator=self.generator)
        return [Rows(inputs, donors, self.answers[inputs], self._voters[which])]

    def replaced(self, component: str, inputs: Tensor, donors: Tensor) -> Rows:
        """Runs in which one component's output is replaced, and another makes up for it: nothing changes."""
        swap = self._flags((component,)).expand(len(inputs), -1)
        return Rows(inputs, donors, self.answers[inputs], swap)

    def strict(self, inputs: Tensor, donors: Tensor) -> Rows:
        """Runs with needless edges cut, which changes nothing: one, a random set or all of them, a third each."""
        n, k = len(inputs), len(self._needless)
        chosen = torch.zeros(n, k, dtype=self.dtype)
        # By turns and not by chance, so that each step has all three kinds.
        kind = torch.arange(n) % 3
        single = torch.randint(k, (n,), generator=self.generator)
        chosen[torch.arange(n), single] = 1.0
        density = torch.rand(n, 1, generator=self.generator)
        subset = (torch.rand(n, k, generator=self.generator) < density).to(self.dtype)
        chosen = torch.where((kind == 1)[:, None], subset, chosen)
        chosen[kind == 2] = 1.0
        mask = torch.zeros(n, self._width, dtype=self.dtype)
        mask[:, self._needless] = chosen
        return Rows(inputs, donors, self.answers[inputs], mask=mask.view(n, *self.network.graph.edge_mask.shape))

    def cut(self, edges: Sequence[Edge], pairs: Sequence[tuple[int, int]]) -> Rows:
        """Runs with some edges cut, which changes nothing, on given pairs."""
        inputs, donors = torch.tensor([p[0] for p in pairs]), torch.tensor([p[1] for p in pairs])
        mask = torch.zeros(self._width, dtype=self.dtype)
        mask[self._places(edges)] = 1.0
        mask = mask.view(self.network.graph.edge_mask.shape).expand(len(pairs), -1, -1)
        return Rows(inputs, donors, self.answers[inputs], mask=mask)


class Counterexamples:
    """The last rows that came out wrong or nearly so; they are trained on again at every step.

    Args:
        size: Number of edges that are kept.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._rows: Rows | None = None

    def add(self, rows: Rows, margins: Tensor) -> None:
        """Keep those whose margin is too small."""
        close = torch.nonzero(margins < _BUFFER_MARGIN)[:, 0]
        if len(close):
            # The newest first: where there are too many, those go that were wrong longest ago.
            parts = [rows.take(close), *([] if self._rows is None else [self._rows])]
            joined = Rows.join(parts)
            self._rows = joined.take(torch.arange(min(self._size, len(joined))))

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The rows as tensors by name, for a checkpoint."""
        if self._rows is None:
            return {}
        found = {item.name: getattr(self._rows, item.name) for item in fields(Rows)}
        return {name: value for name, value in found.items() if value is not None}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take up rows from a checkpoint."""
        self._rows = Rows(**tensors) if tensors else None

    def draw(self, n: int, generator: torch.Generator) -> list[Rows]:
        """Up to ``n`` of them, in one batch; none if there are none."""
        if self._rows is None:
            return []
        return [self._rows.take(torch.randperm(len(self._rows), generator=generator)[:n])]


def answer_loss(
    decoder: Decoder, logits: Tensor, answers: Tensor, *, margin: float, hinge: float
) -> tuple[Tensor, Tensor]:
    """Cross-entropy, plus a squared hinge on margins.

    Args:
        decoder: Reads the logits. Where it can read ``None``, that is one more answer whose logit is 0.
        logits: [row, position, output].
        answers: Codes [row, position]; ``NOT_ASKED`` where nothing is asked for.
        margin: By how much the right logit should be ahead.
        hinge: Weight of the hinge.

    Returns:
        The loss, and how far each row is from another output, detached.
    """
    # The decoder gives `None` where no logit is above a threshold near 0, so 0 is the logit to beat.
    choices = logits if decoder.centered else F.pad(logits, (0, 1))
    wanted = torch.where(answers == -1, logits.shape[-1], answers).clamp(min=0)
    asked = answers > NOT_ASKED + 1
    losses = F.cross_entropy(choices.flatten(0, 1), wanted.flatten(), reduction="none").view_as(asked)
    # Averaged over what is asked, so that a position weighs the same in a row where few are.
    count = asked.sum().clamp(min=1)
    total = (losses * asked).sum() / count
    if hinge:
        chosen = choices.gather(-1, wanted[..., None])[..., 0]
        others = choices.scatter(-1, wanted[..., None], -torch.inf).amax(-1)
        short = (margin - (chosen - others)).clamp(min=0) * asked
        total = total + hinge * short.pow(2).sum() / count
    return total, answer_margins(decoder, logits.detach(), answers)
