"""Certify a trained network: enumerate its domain, every pair of inputs, every edge and every interchange."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from groundtruth.compiled.decoder import Decoder
from groundtruth.errors import DomainError
from groundtruth.rasp.evaluate import evaluate_many
from groundtruth.trained.certificate import AblationRecord, Certificate, Claim, EdgeRecord, InterchangeRecord
from groundtruth.trained.correspondence import Unit
from groundtruth.trained.domain_runs import DomainRuns, Pass, answer_margins, pair_batches
from groundtruth.trained.redundant_circuits import find_circuits
from groundtruth.trained.swapped_programs import SwappedProgram
from groundtruth.trained.trained_network import TrainedNetwork
from groundtruth.truth.circuits.circuit import ABLATIONS, Ablation, Witness
from groundtruth.truth.circuits.patched_runs import TOLERANCE, distinct, largest
from mib.graph import Edge

MAX_INPUTS = 4096
"""Domains up to this size are enumerated; every pair of inputs is run with every edge cut."""

N_SUBSETS = 20_000
"""Random (pair, set of needless edges) draws that are counted, under each ablation."""

_LEAST = 1e-12
"""The margin given to a run that decodes right by breaking a tie."""

_ZERO = 1e-13
"""Products this small, relative to their factors, are zeros of algebra with float64's rounding."""

Progress = Callable[[str, float], None]
"""Told what is being done, and which share of it is done."""


@dataclass
class _Tally:
    """Runs as they come in: how many, how many wrong, and the worst."""

    runs: int = 0
    wrong: int = 0
    margin: float = float("inf")
    worst: tuple[int, int] | None = None
    first_wrong: tuple[int, int] | None = None

    def add(self, rows: Tensor, donors: Tensor, margins: Tensor) -> None:
        """Count a batch of runs, given how far each is from another output [row]."""
        self.runs += len(rows)
        least = int(margins.argmin())
        if float(margins[least]) < self.margin:
            self.margin = float(margins[least])
            self.worst = int(rows[least]), int(donors[least])
        wrong = torch.nonzero(margins <= 0)[:, 0]
        self.wrong += len(wrong)
        if len(wrong) and self.first_wrong is None:
            self.first_wrong = int(rows[wrong[0]]), int(donors[wrong[0]])

    def claim(self, runs: DomainRuns, *, donor: bool) -> Claim:
        """The claim that they make."""
        pair = self.worst or ()
        return Claim(self.runs, self.wrong, self.margin, tuple(runs.inputs[i] for i in pair[: 2 if donor else 1]))


@dataclass
class Certifier:
    """One enumeration of a network.

    Attributes:
        network: The network.
        seed: Draws random subsets.
        n_subsets: How many are drawn.
        progress: Told what is being done.
    """

    network: TrainedNetwork
    seed: int = 0
    n_subsets: int = N_SUBSETS
    progress: Progress = lambda what, share: None
    cells: int = field(default=0, init=False)
    rechecked: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        size = self.network.domain.size
        if size is None or size > MAX_INPUTS:
            raise DomainError(
                f"the domain of '{self.network.name}' has {'too many' if size is None else format(size, ',')} inputs; "
                f"a certificate enumerates at most {MAX_INPUTS:,}. Take a smaller vocabulary or length."
            )
        self.runs = DomainRuns.of(self.network)

    def certify(self, ablations: tuple[Ablation, ...] = ABLATIONS) -> Certificate:
        """Run everything."""
        start = time.process_time()
        behaviour = self.behaviour()
        records = tuple(self.ablation(kind) for kind in ablations)
        interchanges = self.interchanges()
        return Certificate(
            inputs=len(self.runs),
            behaviour=behaviour,
            records=records,
            interchanges=interchanges,
            seed=self.seed,
            cells=self.cells,
            rechecked=self.rechecked,
            float32_error=self.runs.float32_error,
            seconds=time.process_time() - start,
        )

    def behaviour(self) -> Claim:
        """Every input against the program."""
        outputs = evaluate_many(self.network.program, self.runs.inputs, causal=self.network.causal)
        wanted = torch.stack([self.network.decoder.encode(row) for row in outputs])
        tally, rows = _Tally(), torch.arange(len(self.runs))
        tally.add(rows, rows, answer_margins(self.network.decoder, self.runs.double.logits, wanted))
        return tally.claim(self.runs, donor=False)

    def ablation(self, ablation: Ablation) -> AblationRecord:
        """Every edge alone, all needless ones together, random sets of them, and the circuits that suffice."""
        edges: list[EdgeRecord] = []
        for index, edge in enumerate(self.runs.graph.edges):
            self.progress(f"{ablation}: {edge}", index / len(self.runs.graph.edges))
            edges.append(self.edge(edge, ablation))
        needless = self.network.correspondence.needless(self.runs.graph)
        joint = self.circuit_claim(needless, ablation)
        subsets = self.subsets(needless, ablation)
        suffices, circuits, complete = find_circuits(
            self.runs.graph,
            edges,
            self.network.correspondence.edges,
            lambda cut: not self.circuit_claim(cut, ablation, stop=True).wrong,
            n_pairs=len(self.runs) * (len(self.runs) if ablation == "resample" else 1),
        )
        return AblationRecord(ablation, tuple(edges), joint, subsets, suffices, circuits, complete)

    def edge(self, edge: Edge, ablation: Ablation) -> EdgeRecord:
        """One edge cut alone, on every pair."""
        if is_unread(self.runs, edge):
            return EdgeRecord(edge, "absent", "zero", Claim(0, 0, float("inf")), 0.0)
        source = self.runs.graph.source_index[edge.source]
        puts = self.runs.replacements(ablation, self.runs.double)[source]
        own = self.runs.double.sources[source]
        donors = distinct(puts)[0] if ablation == "resample" else torch.zeros(1, dtype=torch.long)
        if len(donors) == 1 and largest(own - puts[donors]) <= TOLERANCE * max(1.0, largest(own)):
            return EdgeRecord(edge, "inert", "constant", Claim(0, 0, float("inf")), 0.0)
        tally, moved = _Tally(), 0.0
        for rows, which in pair_batches(len(self.runs), len(donors)):
            margins, movement = self._cut_margins(edge, ablation, rows, donors[which])
            tally.add(rows, donors[which], margins)
            moved = max(moved, movement)
        self.cells += tally.runs
        claim = tally.claim(self.runs, donor=ablation == "resample")
        if tally.first_wrong is None:
            return EdgeRecord(edge, "inert", "exhaustive", claim, moved)
        return EdgeRecord(edge, "live", "witness", claim, moved, self._witness(edge, ablation, *tally.first_wrong))

    def _cut_margins(self, edge: Edge, ablation: Ablation, rows: Tensor, donors: Tensor) -> tuple[Tensor, float]:
        """How far each run is from another output, and by how much a logit moves at most."""
        source, decoder = self.runs.graph.source_index[edge.source], self.network.decoder

        def cut(passed: Pass, some: Tensor, others: Tensor) -> Tensor:
            values = self.runs.replacements(ablation, passed)[source][others]
            return self.runs.cut_logits(edge, some, values, passed)

        single = cut(self.runs.single, rows, donors)
        margins = answer_margins(decoder, single, self.runs.codes[rows]).double()
        moved = float((single - self.runs.single.logits[rows]).abs().max())
        close = torch.nonzero(margins < self.runs.near)[:, 0]
        if len(close):
            double = cut(self.runs.double, rows[close], donors[close])
            margins[close] = exact_margins(decoder, double, self.runs.codes[rows[close]])
            self.rechecked += len(close)
        return margins, moved

    def _witness(self, edge: Edge, ablation: Ablation, row: int, donor: int) -> Witness:
        rows, source = torch.tensor([row]), self.runs.graph.source_index[edge.source]
        values = self.runs.replacements(ablation, self.runs.double)[source][[donor]]
        found = self.network.decoder.codes(self.runs.cut_logits(edge, rows, values, self.runs.double))
        decode = self.network.decoder.decode
        return Witness(
            clean=self.runs.inputs[row],
            counterfactual=self.runs.inputs[donor] if ablation == "resample" else None,
            output=tuple(decode(self.runs.codes[row])),
            cut_output=tuple(decode(found[0])),
        )

    def circuit_claim(self, cut: tuple[Edge, ...], ablation: Ablation, *, stop: bool = False) -> Claim:
        """A set of edges cut together, on every pair.

        Args:
            cut: Those edges.
            ablation: What they carry.
            stop: Whether to stop at the first pair on which the output changes.
        """
        mask = self.mask(cut)[None]
        tally = _Tally()
        for rows, donors in pair_batches(len(self.runs), len(self.runs) if ablation == "resample" else 1):
            tally.add(rows, donors, self._circuit_margins(mask, rows, donors, ablation))
            if stop and tally.wrong:
                break
        return tally.claim(self.runs, donor=ablation == "resample")

    def subsets(self, needless: tuple[Edge, ...], ablation: Ablation) -> Claim:
        """Random sets of needless edges cut together, of every density, each on a random pair."""
        generator = torch.Generator().manual_seed(self.seed)
        places = [self.runs.graph.index(edge) for edge in needless]
        flat = torch.tensor([s * len(self.runs.graph.destinations) + d for s, d in places], dtype=torch.long)
        tally, n = _Tally(), len(self.runs)
        for start in range(0, self.n_subsets if needless else 0, 512):
            size = min(512, self.n_subsets - start)
            density = torch.rand(size, 1, generator=generator)
            chosen = (torch.rand(size, len(flat), generator=generator) < density).double()
            mask = torch.zeros(size, len(self.runs.graph.sources) * len(self.runs.graph.destinations)).double()
            mask[:, flat] = chosen
            mask = mask.unflatten(1, (len(self.runs.graph.sources), -1))
            rows = torch.randint(n, (size,), generator=generator)
            donors = torch.randint(n if ablation == "resample" else 1, (size,), generator=generator)
            tally.add(rows, donors, self._circuit_margins(mask, rows, donors, ablation))
        return tally.claim(self.runs, donor=ablation == "resample")

    def _circuit_margins(
        self, mask: Tensor, rows: Tensor, donors: Tensor, ablation: Ablation, codes: Tensor | None = None
    ) -> Tensor:
        """How far runs with edges cut are from another output than given codes, by default the network's own [row]."""
        wanted = self.runs.codes[rows] if codes is None else codes

        def run(some: Tensor, passed: Pass) -> Tensor:
            masks = mask if len(mask) == 1 else mask[some]
            return self.runs.circuit_logits(masks, rows[some], donors[some], ablation, passed)

        margins = answer_margins(self.network.decoder, run(torch.arange(len(rows)), self.runs.single), wanted).double()
        close = torch.nonzero(margins < self.runs.near)[:, 0]
        if len(close):
            margins[close] = exact_margins(self.network.decoder, run(close, self.runs.double), wanted[close])
        return margins

    def interchanges(self) -> tuple[InterchangeRecord, ...]:
        """The interchange of every unit, on every pair."""
        swapped = SwappedProgram(self.network, self.runs.inputs)
        return tuple(self.interchange(unit, swapped) for unit in self.network.correspondence.units)

    def interchange(self, unit: Unit, swapped: SwappedProgram) -> InterchangeRecord:
        """The outputs of a unit's components replaced, on every pair on which the program then has an output."""
        mask = self.mask(tuple(edge for edge in self.runs.graph.edges if edge.source in unit.components))[None]
        tally = _Tally()
        for rows, donors in pair_batches(len(self.runs), len(self.runs)):
            codes = swapped.codes(unit.expressions, rows, donors)
            asked = torch.nonzero((codes >= -1).any(1))[:, 0]
            if len(asked):
                chosen, given = rows[asked], donors[asked]
                tally.add(chosen, given, self._circuit_margins(mask, chosen, given, "resample", codes[asked]))
        return InterchangeRecord(unit.expressions, unit.components, tally.claim(self.runs, donor=True))

    def mask(self, cut: tuple[Edge, ...]) -> Tensor:
        """Edges as [source, destination], 1 where one is cut."""
        mask = np.zeros(self.runs.graph.edge_mask.shape)
        for edge in cut:
            mask[self.runs.graph.index(edge)] = 1.0
        return torch.from_numpy(mask)


def certify(
    network: TrainedNetwork, *, seed: int = 0, n_subsets: int = N_SUBSETS, progress: Progress | None = None
) -> Certificate:
    """Enumerate a network's domain: every input, every pair with every edge cut, and every interchange.

    Args:
        network: A trained network.
        seed: Draws random subsets of the needless edges.
        n_subsets: How many of them are counted.
        progress: Told what is being done, and which share of it is done.

    Raises:
        DomainError: If the domain is too large to enumerate.
    """
    certifier = Certifier(network, seed, n_subsets, *([] if progress is None else [progress]))
    return certifier.certify()


def exact_margins(decoder: Decoder, logits: Tensor, codes: Tensor) -> Tensor:
    """Margins of float64 runs, positive exactly where the decoder reads the given codes [row]."""
    margins = answer_margins(decoder, logits, codes)
    right = ((decoder.codes(logits) == codes) | (codes < -1)).all(-1)
    return torch.where(right, margins.clamp(min=_LEAST), margins.clamp(max=0.0))


def is_unread(runs: DomainRuns, edge: Edge) -> bool:
    """Whether nothing that a source can write is read by a destination, by algebra and for every input.

    Under a norm every source is read, if only by the norm.
    """
    if runs.shape.norm:
        return False
    written = _writing(runs, edge.source)
    matrix = _reading(runs, edge.destination)
    scale = float(written.abs().max() * matrix.abs().max())
    return float((written @ matrix).abs().max()) <= _ZERO * scale


def _writing(runs: DomainRuns, source: str) -> Tensor:
    """Rows that span all that a source can write [row, d_model]."""
    weights, place = runs.network.weights, runs.graph.locate(source)
    if place.kind == "head":
        return weights.W_O[place.layer, place.head]
    if place.kind == "mlp":
        parts = [weights.W_out[place.layer], *([] if weights.b_out is None else [weights.b_out[place.layer][None]])]
        return torch.cat(parts)
    return weights.W_E[:-1] if place.kind == "input" or weights.W_pos is None else weights.W_pos


def _reading(runs: DomainRuns, destination: str) -> Tensor:
    """The matrix by which a destination reads the residual stream [d_model, read]."""
    weights, place = runs.network.weights, runs.graph.locate(destination)
    if place.kind == "logits":
        return weights.W_U
    if place.kind == "mlp":
        gates = [] if weights.W_gate is None else [weights.W_gate[place.layer]]
        return torch.cat([weights.W_in[place.layer], *gates], dim=1)
    head = place.head if place.letter == "q" else place.head * runs.shape.kv_heads // runs.shape.n_heads
    return {"q": weights.W_Q, "k": weights.W_K, "v": weights.W_V}[place.letter or "q"][place.layer, head]
