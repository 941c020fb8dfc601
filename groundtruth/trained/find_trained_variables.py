"""The variables of a trained network: their spans at every site, each tried on every pair of inputs.

A span is what the components of a unit *write* of it, as far as the later circuit *reads* it: the differences between
their mean outputs by value, projected onto all that is read. So an interchange of it gives every reader the donor's
value, and leaks only what other components write into the same directions. Neither that leak, nor what varies within
a value, nor what a norm makes of it is argued away: the subspace is run on every pair of the domain, and grows by what
varies most within values until it passes, or until all that is written and read is in it.

Interchanges are at all positions, BOS among them: without causal attention BOS's position carries values too, and this
is the interchange that networks are trained and certified by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from groundtruth.rasp.expressions import readable_names
from groundtruth.trained.certificate import Certificate, Claim
from groundtruth.trained.certify_network import Certifier
from groundtruth.trained.correspondence import Unit
from groundtruth.trained.domain_runs import Pass
from groundtruth.trained.pair_trie import PairTrie
from groundtruth.trained.reading_matrices import later_reads
from groundtruth.trained.tally import Tally
from groundtruth.trained.trained_network import TrainedNetwork
from groundtruth.trained.trained_variable import TrainedStage, TrainedVariable, TrainedVariableTruth
from groundtruth.truth.variables.position_wise import held_operands, leads_only_to
from groundtruth.truth.variables.residual_sites import Site, residual_sites
from mib.sublayers import sublayer_of

_FAINT = 1e-3
"""Beside the largest difference between values, what is smaller belongs to what varies within them."""


def find_trained_variables(network: TrainedNetwork, certificate: Certificate) -> tuple[TrainedVariableTruth, ...]:
    """Every unit whose interchange is certified as a variable, in the order of computation.

    Args:
        network: A trained network.
        certificate: Says which units' interchanges are right on every pair.
    """
    search, units = _Search(network), network.correspondence.units
    # If replacing all that the components write fails, so does every part of it: no subspace need be tried.
    right = [item.claim.runs and not item.claim.wrong for item in certificate.interchanges]
    return tuple(search.truth(unit) for unit, holds in zip(units, right, strict=True) if holds)


def find_trained_implicit(network: TrainedNetwork) -> tuple[TrainedVariableTruth, ...]:
    """Every expression at the streams where it is yet to be computed, position by position, from what units write.

    All that the units hold must lead to it alone. The span is sought as that of a unit is, by the values of the
    expression: it need not tell apart what the expression does not. Left out are expressions of which no unit leads to
    them alone, or of which one unit is read before the last has written.

    Args:
        network: A trained network.
    """
    search = _Search(network)
    found = [search.implicit(label, search.operands(label)) for label in search.program.sops]
    return tuple(truth for truth in found if truth is not None)


class _Search:
    """The runs of a network, and its program's values on them."""

    def __init__(self, network: TrainedNetwork) -> None:
        self.network, self.certifier = network, Certifier(network)
        self.program = network.numbered_program()
        self.columns = dict(self.program.run(list(self.certifier.runs.inputs)))
        self.numbers = self.program.numbers

    def truth(self, unit: Unit) -> TrainedVariableTruth:
        variable = TrainedVariable(
            unit.expressions, self._name(unit), unit.components, self._readers(unit), self._values(unit.expressions)
        )
        stages = tuple(self._stage(unit, sites) for sites in self._sites(unit))
        return TrainedVariableTruth(variable, stages, exact=self.network.training.kind == "wired")

    def operands(self, label: str) -> list[Unit]:
        """The units that an expression is computed from by its position alone; none if they lead to something else."""
        units = self.network.correspondence.units
        # Of an expression that lives on several units in turn the last is what later ones read.
        holder = {expression: unit for unit in units for expression in unit.expressions}
        found = held_operands(self.program, label, holder.keys() - {label})
        if not found:
            return []
        chosen = [unit for unit in units if any(holder[operand] is unit for operand in found)]
        held = [expression for unit in chosen for expression in unit.expressions]
        return chosen if leads_only_to(self.program, held, label, {}) else []

    def implicit(self, label: str, units: Sequence[Unit]) -> TrainedVariableTruth | None:
        """An expression at the streams that hold all of some units, none read yet; ``None`` if there is none."""
        if not units:
            return None
        windows = [self._window(unit) for unit in units]
        since, until = max(first for first, _ in windows), min(last for _, last in windows)
        if since > until:
            return None
        components = tuple(component for unit in units for component in unit.components)
        together = Unit((label,), components, (), "split" if len(components) > 1 else "single")
        variable = TrainedVariable(
            (label,), self._spelt(label), components, self._readers(together), self._values((label,))
        )
        stages = [self._stage(together, sites) for sites in self._streams(since, until)]
        return TrainedVariableTruth(variable, tuple(replace(one, state="implicit") for one in stages), exact=False)

    def _spelt(self, label: str) -> str:
        return readable_names(self.network.program).get(label, label)

    def _name(self, unit: Unit) -> str:
        names, units = readable_names(self.network.program), self.network.correspondence.units
        name = "+".join(names.get(label, label) for label in unit.expressions)
        # An expression may live on several units in turn, as a width does on a head and then on the MLP that counts:
        # the last one has the plain name.
        last = [other for other in units if set(other.expressions) & set(unit.expressions)][-1]
        return name if last is unit else f"{name}.{'+'.join(unit.components)}"

    def _values(self, labels: tuple[str, ...]) -> tuple[object, ...]:
        codes = np.unique(np.stack([self.columns[label].ravel() for label in labels], axis=1), axis=0)
        decoded = [self.numbers[label].decode(codes[:, i]) for i, label in enumerate(labels)]
        return tuple(decoded[0]) if len(labels) == 1 else tuple(zip(*decoded, strict=True))

    def _readers(self, unit: Unit) -> tuple[str, ...]:
        edges = self.network.correspondence.edges
        return tuple(edge.destination for edge in edges if edge.source in unit.components)

    def _sites(self, unit: Unit) -> Iterator[tuple[Site, ...]]:
        """The output of a unit's one component, then the residual streams up to its first reader, by sublayer."""
        if len(unit.components) == 1:
            yield (Site.parse(unit.components[0]),)
        yield from self._streams(*self._window(unit))

    def _window(self, unit: Unit) -> tuple[int, int]:
        """The first and the last sublayer that read a stream with the whole of a unit, up to its first reader."""
        # The residual stream holds the whole variable only once the last of its components has written, and up to the
        # first reader: from there on a reader may have copied it elsewhere.
        since = max(Site.parse(component).sublayer for component in unit.components)
        return since, min(sublayer_of(self.network.graph.locate(name)) for name in self._readers(unit))

    def _streams(self, since: int, until: int) -> Iterator[tuple[Site, ...]]:
        sites = residual_sites(self.network.architecture.n_layers, since=since)
        for sublayer in range(since, until + 1):
            yield tuple(site for site in sites if site.sublayer == sublayer)

    def _stage(self, unit: Unit, sites: tuple[Site, ...]) -> TrainedStage:
        trial, pairs = _Trial(self, unit, sites[0]), len(self.certifier.runs) ** 2
        closest: tuple[Claim, Claim] | None = None
        for span in trial.candidates():
            claims = trial.interchange(span), trial.rest(span)
            if not (claims[0].wrong or claims[1].wrong):
                return TrainedStage(sites, span, *claims, trial.distinguishing, pairs)
            # A failed search reports its best try, so that a reader sees whether one pair was wrong or all.
            if closest is None or max(c.wrong for c in claims) < max(c.wrong for c in closest):
                closest = claims
        nothing = Claim(0, 0, float("inf"))
        return TrainedStage(sites, None, *(closest or (nothing, nothing)), trial.distinguishing, pairs)


@dataclass(frozen=True, eq=False)
class _Trial:
    """Interchanges of subspaces of one unit at one site.

    Attributes:
        search: Search that they belong to.
        unit: Whose variable it is.
        site: The component's output, or a residual stream.
    """

    search: _Search
    unit: Unit
    site: Site

    def candidates(self) -> Iterator[Float[Tensor, "d_model rank"]]:
        """Yield the span that is written and read, then with more and more of what varies within a value."""
        reads = later_reads(self.search.network, self.site.sublayer)
        between, within = self._variation(self._written(self.search.certifier.runs.double))
        # Only what the later circuit reads can matter, and a smaller subspace is the sharper claim.
        between, within = reads @ (reads.T @ between), within @ reads @ reads.T
        u, s, _ = torch.linalg.svd(between, full_matrices=False)
        span = u[:, s > _FAINT * s[:1].sum()]
        least = _FAINT * float(between.norm() + within.norm())
        while True:
            yield span
            # One direction at a time, the loudest first: the smallest subspace that passes is the one wanted.
            left = within - within @ span @ span.T
            _, s, directions = torch.linalg.svd(left, full_matrices=False)
            if float(s[0]) <= least:
                return
            span = torch.linalg.qr(torch.cat([span, directions[:1].T], dim=1))[0]

    def _variation(self, written: Float[Tensor, "input position d_model"]) -> tuple[Tensor, Tensor]:
        """Differences of means by value [d_model, value - 1], and what is left of each output [output, d_model]."""
        columns = [self.search.columns[label].ravel() for label in self.unit.expressions]
        _, codes = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)
        value = torch.from_numpy(codes.reshape(-1))
        # BOS has no value of the variable: what it writes is centred by itself and counts as variation within a value.
        outputs, bos = written[:, 1:].flatten(0, 1), written[:, 0]
        counts = torch.bincount(value).to(outputs)
        means = torch.zeros(len(counts), outputs.shape[1], dtype=outputs.dtype).index_add_(0, value, outputs)
        means = means / counts[:, None]
        return (means[1:] - means[:1]).T, torch.cat([outputs - means[value], bos - bos.mean(0)])

    def interchange(self, span: Tensor) -> Claim:
        """The interchange of a subspace of the site, held against the program's of the variable."""

        def changed(trie: PairTrie, passed: Pass) -> Tensor:
            held = self._written(passed) if not self.site.residual else passed.streams[self.site.sublayer]
            basis = span.to(held)
            return (trie.of_donors(held) - trie.of_inputs(held)) @ basis @ basis.T

        return self._claim(changed, self._swapped)

    def rest(self, span: Tensor) -> Claim:
        """The interchange of all that the unit's components write outside a subspace, which may change no output."""

        def changed(trie: PairTrie, passed: Pass) -> Tensor:
            written = self._written(passed)
            basis, difference = span.to(written), trie.of_donors(written) - trie.of_inputs(written)
            return difference - difference @ basis @ basis.T

        runs = self.search.certifier.runs
        return self._claim(changed, [runs.codes[inputs, 1:] for inputs, _, _ in self._pairs])

    @cached_property
    def distinguishing(self) -> int:
        """On how many pairs the program's output is another with the donor's values."""
        runs, found = self.search.certifier.runs, 0
        for (inputs, _, _), codes in zip(self._pairs, self._swapped, strict=True):
            found += int(((codes != runs.codes[inputs, 1:]) & (codes >= -1)).any(1).sum())
        return found

    @property
    def _pairs(self) -> list[tuple[Tensor, Tensor, PairTrie]]:
        certifier = self.search.certifier
        return list(certifier.pairs(torch.arange(len(certifier.runs))))

    @cached_property
    def _swapped(self) -> list[Int[Tensor, "pair position"]]:
        """Outputs of the program on every pair with the donor's values of the variable."""
        swapped_codes, labels = self.search.certifier.swapped_codes, self.unit.expressions
        return [swapped_codes(labels, inputs, donors) for inputs, donors, _ in self._pairs]

    def _written(self, passed: Pass) -> Float[Tensor, "input position d_model"]:
        places = self.search.network.graph.source_index
        return passed.sources[[places[component] for component in self.unit.components]].sum(0)

    def _claim(self, changed: Callable[[PairTrie, Pass], Tensor], wanted: list[Tensor]) -> Claim:
        """Add something to the stream that the next sublayer reads, on every pair, and count what comes of it."""
        runs, sublayer, tally = self.search.certifier.runs, self.site.sublayer, Tally()

        def run(trie: PairTrie, passed: Pass) -> Tensor:
            stream = trie.of_inputs(passed.streams[sublayer]) + changed(trie, passed)
            return runs.logits_from(sublayer, trie, stream, passed)

        for (inputs, donors, trie), codes in zip(self._pairs, wanted, strict=True):
            margins, _ = runs.pair_margins(run, inputs, donors, codes, trie)
            tally.add_asked(codes, inputs, donors, margins)
        return tally.claim(runs, donor=True)
