"""Certify a trained network: enumerate its domain, every pair of inputs, every edge and every interchange."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from groundtruth.errors import DomainError
from groundtruth.rasp.evaluate import evaluate_many
from groundtruth.trained.answer_margins import exact_margins
from groundtruth.trained.certificate import (
    AblationRecord,
    Certificate,
    Claim,
    EdgeRecord,
    InterchangeRecord,
    outside_of,
)
from groundtruth.trained.chosen_circuits import Circuits, CircuitTrials, open_edges
from groundtruth.trained.correspondence import Unit
from groundtruth.trained.cut_forward import Cut, forward
from groundtruth.trained.domain_runs import DomainRuns, Pass
from groundtruth.trained.pair_trie import PairTrie
from groundtruth.trained.swapped_programs import SwappedProgram
from groundtruth.trained.tally import Tally
from groundtruth.trained.trained_network import TrainedNetwork
from groundtruth.trained.unread_edges import is_unread
from groundtruth.truth.circuits.circuit import ABLATIONS, Ablation, Sufficiency, Witness
from groundtruth.truth.circuits.patched_runs import TOLERANCE, distinct, largest
from mib.graph import Edge

MAX_INPUTS = 4096
"""Domains up to this size are enumerated; every pair of inputs is run with every edge cut."""

N_SUBSETS = 20_000
"""Random (pair, set of needless edges) draws that are counted under resample; a tenth of them under the others."""

_PAIRS = 2**16
"""Pairs whose runs are made together."""

_SUBSET_ROWS = 512
"""Random sets that are run together; each has a mask of its own, so that they share no trie."""

Progress = Callable[[str, float], None]
"""Told what is being done, and which share of it is done."""

# For progress, as measured on an imported and two trained networks, where they differed by factors of two to four.
ABLATED = 0.8
"""Share of a certificate's time before its interchanges."""

RESAMPLED = 9
"""Time of resampling over that of another ablation: all pairs are run, not all inputs."""

ALONE = 1 / 3
"""Share of an ablation's time in which edges are cut alone; then circuits and random sets of edges are."""

Batch = tuple[Tensor, Tensor, PairTrie]
"""The inputs of some pairs, their donors, and their trie."""


@dataclass
class Certifier:
    """One enumeration of a network.

    Attributes:
        network: The network.
        seed: Draws random subsets.
        n_subsets: Number of subsets that are drawn.
        screen: Dtype that runs are made in first, see ``DomainRuns``.
        progress: Told what is being done.
        cells: Number of (edge, pair) runs that were made so far.
    """

    network: TrainedNetwork
    seed: int = 0
    n_subsets: int = N_SUBSETS
    screen: torch.dtype = torch.float32
    progress: Progress = lambda what, share: None
    cells: int = field(default=0, init=False)
    _batches: dict[tuple[int, ...], list[Batch]] = field(default_factory=dict[tuple[int, ...], list[Batch]], init=False)

    def __post_init__(self) -> None:
        size = self.network.domain.size
        if size is None or size > MAX_INPUTS:
            raise DomainError(
                f"the domain of '{self.network.name}' has {'too many' if size is None else format(size, ',')} inputs; "
                f"a certificate enumerates at most {MAX_INPUTS:,}. Take a smaller vocabulary or length."
            )
        self.runs = DomainRuns.of(self.network, self.screen)

    def certify(self, ablations: Sequence[Ablation] = ABLATIONS) -> Certificate:
        """Run everything."""
        start = time.process_time()
        parts = [RESAMPLED if kind == "resample" else 1 for kind in ablations]
        begun = [ABLATED * sum(parts[:index]) / sum(parts) for index in range(len(parts) + 1)]
        return Certificate(
            inputs=len(self.runs),
            behaviour=self.behaviour().claim(self.runs, donor=False),
            records=tuple(self.ablation(kind, (begun[at], begun[at + 1])) for at, kind in enumerate(ablations)),
            interchanges=self.interchanges(),
            seed=self.seed,
            cells=self.cells,
            rechecked=self.runs.rechecked,
            float32_error=self.runs.float32_error,
            seconds=time.process_time() - start,
        )

    def behaviour(self) -> Tally:
        """Every input against the program."""
        decoder, runs = self.network.decoder, self.runs
        outputs = evaluate_many(self.network.program, runs.inputs, causal=self.network.causal)
        wanted = torch.stack([decoder.encode(row) for row in outputs])
        tally, rows = Tally(), torch.arange(len(runs))
        # In float64 alone: the full runs are there in it anyway. Position 0 is BOS, where the program has no output.
        tally.add(rows, rows, exact_margins(decoder, runs.double.logits[:, 1:], wanted))
        return tally

    def ablation(self, ablation: Ablation, shares: tuple[float, float] = (0.0, 1.0)) -> AblationRecord:
        """Every edge alone, all needless ones together, random sets of them, and the circuits that suffice.

        Args:
            ablation: Kind of ablation of cut edges.
            shares: Shares of the whole certificate that are done before and after, for progress.
        """
        edges: list[EdgeRecord] = []

        def tell(what: str, share: float) -> None:
            self.progress(f"{ablation}: {what}", shares[0] + (shares[1] - shares[0]) * share)

        # Single cuts come first: which edges are absent or constant bounds the search for circuits, and that search
        # says which edges are needless where none were planned.
        for index, edge in enumerate(self.runs.graph.edges):
            tell(str(edge), ALONE * index / len(self.runs.graph.edges))
            edges.append(self.edge(edge, ablation))
        tell("circuits", ALONE)
        suffices, circuits, complete = self.circuits(edges, ablation)
        planned = self.network.correspondence.planned
        needless = (
            self.network.correspondence.needless(self.runs.graph) if planned else outside_of(circuits, self.runs.graph)
        )
        return AblationRecord(
            ablation=ablation,
            edges=tuple(edges),
            joint=self.circuit_tally(needless, ablation).claim(self.runs, donor=ablation == "resample"),
            subsets=self.subsets(needless, ablation),
            sufficiency=suffices,
            minimal_circuits=circuits,
            complete=complete,
        )

    def circuits(self, edges: Sequence[EdgeRecord], ablation: Ablation) -> tuple[Sufficiency, Circuits, bool]:
        """Tell whether the live edges suffice, the minimal circuits that are found, and whether they are all."""
        # Every other ablation puts one value at a cut edge, whatever the donor: an input alone makes the pair.
        n_pairs = len(self.runs) * (len(self.runs) if ablation == "resample" else 1)

        def first_wrong(cut: Sequence[Edge]) -> tuple[int, int] | None:
            tally = self.circuit_tally(cut, ablation, stop=True)
            return tally.pairs[0] if tally.pairs else None

        trials, planned = CircuitTrials(self.runs, ablation, first_wrong), self.network.correspondence.edges
        if planned and not self.planned_suffices:
            live = [record.edge for record in edges if record.status == "live"]
            # It is not going to be certified, so the search, which takes longest, is spared: one set that suffices is
            # named, and the family is called incomplete.
            alone = Sufficiency(trials.failing_pair(live) is None, "exhaustive", n_pairs)
            return alone, (tuple(live) if alone.holds else open_edges(self.runs.graph, edges),), False
        # A live edge is not beyond question: where other edges are cut too, the network may do without it.
        return trials.search(edges, n_pairs=n_pairs, planned=planned)

    @cached_property
    def planned_suffices(self) -> bool:
        """True if the planned edges reproduce the network under resampling; else it is not certified, nor searched."""
        return not self.circuit_tally(
            self.network.correspondence.needless(self.runs.graph), "resample", stop=True
        ).pairs

    def edge(self, edge: Edge, ablation: Ablation) -> EdgeRecord:
        """One edge cut alone, on every pair."""
        nothing = Claim(0, 0, float("inf"))
        # From the cheapest proof to the dearest: weights alone, then the values on the domain, then a run on every
        # pair.
        if is_unread(self.network, edge):
            return EdgeRecord(edge, "absent", "zero", nothing, 0.0)
        donors = self.donors_of(edge, ablation)
        if donors is None:
            return EdgeRecord(edge, "inert", "constant", nothing, 0.0)
        tally, moved = self.edge_tally(edge, ablation, donors)
        claim = tally.claim(self.runs, donor=ablation == "resample")
        if not tally.pairs:
            return EdgeRecord(edge, "inert", "exhaustive", claim, moved)
        return EdgeRecord(edge, "live", "witness", claim, moved, self._witness(edge, ablation, *tally.pairs[0]))

    def donors_of(self, edge: Edge, ablation: Ablation) -> Tensor | None:
        """One donor of each value that a cut edge can carry; ``None`` if nothing but its own value is among them."""
        source = self.runs.graph.source_index[edge.source]
        puts, own = self.runs.replacements(ablation, self.runs.double)[source], self.runs.double.sources[source]
        # Donors that write the same are one: an edge of few values needs few runs, and still each pair is decided.
        donors = distinct(puts)[0] if ablation == "resample" else torch.zeros(1, dtype=torch.long)
        # One value to put is not enough: under a mean it may differ from what the source writes itself.
        constant = len(donors) == 1 and largest(own - puts[donors]) <= TOLERANCE * max(1.0, largest(own))
        return None if constant else donors

    def edge_tally(self, edge: Edge, ablation: Ablation, donors: Tensor) -> tuple[Tally, float]:
        """Every run with one edge cut, and the largest movement of a logit."""
        tally, moved = Tally(), 0.0
        for inputs, others, trie in self.pairs(donors):
            margins, movement = self.runs.pair_margins(
                lambda some, passed: self.runs.cut_logits(edge, some, ablation, passed),
                inputs,
                others,
                self.runs.codes[inputs, 1:],
                trie,
            )
            tally.add(inputs, others, margins)
            moved = max(moved, movement)
        self.cells += tally.runs
        return tally, moved

    def pairs(self, donors: Tensor) -> Iterator[Batch]:
        """Every input with every one of some donors, in batches with their tries."""
        key = tuple(donors.tolist())
        if key not in self._batches:
            step = max(1, _PAIRS // len(donors))
            self._batches = {key: []}  # tries are large: those of other donors are forgotten
            for rows in torch.arange(len(self.runs)).split(step):
                inputs, others = rows.repeat_interleave(len(donors)), donors.repeat(len(rows))
                self._batches[key].append((inputs, others, self.runs.trie(inputs, others)))
        yield from self._batches[key]

    def _witness(self, edge: Edge, ablation: Ablation, row: int, donor: int) -> Witness:
        # Run anew in float64: the tally keeps pairs and margins, and the screen's output may be another.
        trie = self.runs.trie(torch.tensor([row]), torch.tensor([donor]))
        logits = self.runs.cut_logits(edge, trie, ablation, self.runs.double)
        found = self.network.decoder.codes(logits[trie.leaves[:, 1:]])
        decode = self.network.decoder.decode
        return Witness(
            clean=self.runs.inputs[row],
            counterfactual=self.runs.inputs[donor] if ablation == "resample" else None,
            output=tuple(decode(self.runs.codes[row, 1:])),
            cut_output=tuple(decode(found[0])),
        )

    def circuit_tally(self, cut: Sequence[Edge], ablation: Ablation, *, stop: bool = False) -> Tally:
        """A set of edges cut together, on every pair.

        Args:
            cut: Edges to cut.
            ablation: Kind of ablation of cut edges.
            stop: Whether to stop at the first batch of pairs on which an output changes.
        """
        mask = torch.zeros(self.runs.graph.edge_mask.shape, dtype=torch.bool)
        for edge in cut:
            mask[self.runs.graph.index(edge)] = True
        tally = Tally()
        for inputs, others, trie in self.pairs(torch.arange(len(self.runs) if ablation == "resample" else 1)):
            margins, _ = self.runs.pair_margins(
                lambda some, passed: self.runs.circuit_logits(mask, some, ablation, passed),
                inputs,
                others,
                self.runs.codes[inputs, 1:],
                trie,
            )
            tally.add(inputs, others, margins)
            if stop and tally.wrong:
                break
        return tally

    def subsets(self, needless: Sequence[Edge], ablation: Ablation) -> Claim:
        """Random sets of needless edges cut together, of every density, each on a random pair."""
        generator = torch.Generator().manual_seed(self.seed)
        shape = self.runs.graph.edge_mask.shape
        places = torch.tensor([s * shape[1] + d for s, d in map(self.runs.graph.index, needless)], dtype=torch.long)
        n, resampled = len(self.runs), ablation == "resample"
        total = (self.n_subsets if resampled else self.n_subsets // 10) if len(needless) else 0
        tally = Tally()
        for start in range(0, total, _SUBSET_ROWS):
            size = min(_SUBSET_ROWS, total - start)
            # A density for each set, drawn evenly: with one for all, sets would be all of about one size, and neither
            # few nor nearly all edges would be tried.
            density = torch.rand(size, 1, generator=generator)
            mask = torch.zeros(size, shape[0] * shape[1], dtype=torch.bool)
            mask[:, places] = torch.rand(size, len(places), generator=generator) < density
            inputs = torch.randint(n, (size,), generator=generator)
            donors = torch.randint(n if resampled else 1, (size,), generator=generator)
            tally.add(inputs, donors, self._subset_margins(mask.view(size, *shape), inputs, donors, ablation))
        return tally.claim(self.runs, donor=resampled)

    @torch.no_grad()
    def _subset_margins(self, mask: Tensor, inputs: Tensor, donors: Tensor, ablation: Ablation) -> Tensor:
        """Measure the margins [row] of runs, each with edges of its own cut [row, source, destination]."""
        codes = self.runs.codes[inputs, 1:]

        def run(some: Tensor, passed: Pass) -> Tensor:
            # Each row has a mask of its own, which runs on a trie cannot have: rows that share a state would share its
            # cuts.
            put = self.runs.replacements(ablation, passed)[:, donors[some]]
            cut = Cut(put, mask[some].to(put.dtype))
            return forward(self.network.architecture, passed.weights, self.runs.ids[inputs[some]], cut).logits[:, 1:]

        logits = run(torch.arange(len(inputs)), self.runs.single)
        return self.runs.margins(logits, codes, lambda rows: run(rows, self.runs.double))

    def interchanges(self) -> tuple[InterchangeRecord, ...]:
        """The interchange of every unit, on every pair."""
        found: list[InterchangeRecord] = []
        units = self.network.correspondence.units
        for unit in units:
            self.progress(f"interchange: {unit}", ABLATED + (1 - ABLATED) * len(found) / len(units))
            tally = self.interchange_tally(unit)
            claim = tally.claim(self.runs, donor=True)
            found.append(InterchangeRecord(unit.expressions, unit.components, claim, tally.partly))
        return tuple(found)

    def interchange_tally(self, unit: Unit) -> Tally:
        """The outputs of a unit's components replaced, on every pair on which the program then has an output."""
        tally = Tally()
        for inputs, others, trie in self.pairs(torch.arange(len(self.runs))):
            codes = self.swapped_codes(unit.expressions, inputs, others)
            margins, _ = self.runs.pair_margins(
                lambda some, passed: self.runs.swapped_logits(unit.components, some, passed),
                inputs,
                others,
                codes,
                trie,
            )
            tally.add_asked(codes, inputs, others, margins)
        return tally

    def swapped_codes(self, expressions: Sequence[str], inputs: Tensor, donors: Tensor) -> Tensor:
        """Return what the program gives with expressions' values of donors; see ``SwappedProgram.codes``."""
        return self._swapped.codes(self.network.decoder, expressions, inputs, donors)

    @cached_property
    def _swapped(self) -> SwappedProgram:
        return SwappedProgram(self.network.numbered_program(), self.runs.inputs)


def certify(
    network: TrainedNetwork, *, seed: int = 0, n_subsets: int = N_SUBSETS, progress: Progress | None = None
) -> Certificate:
    """Enumerate a network's domain: every input, every pair with every edge cut, and every interchange.

    Args:
        network: A trained network.
        seed: Draws random subsets of the needless edges.
        n_subsets: Number of subsets that are counted.
        progress: Told what is being done, and which share of it is done.

    Raises:
        DomainError: If the domain is too large to enumerate.
    """
    certifier = Certifier(network, seed, n_subsets)
    if progress is not None:
        certifier.progress = progress
    return certifier.certify()
