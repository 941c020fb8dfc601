"""Find what keeps a network from being certified, with pairs to train on: the first kind of fault that there is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from groundtruth.trained.certificate import SUBSET_RATE
from groundtruth.trained.certify_network import Certifier
from groundtruth.trained.trained_network import TrainedNetwork
from groundtruth.trained.training_rows import RowMaker, Rows
from groundtruth.trained.unread_edges import is_unread
from mib.graph import Edge

_SUBSETS = 5_000
"""Random sets of needless edges that are tried after each cycle."""


@dataclass(frozen=True)
class Fault:
    """Something that is wrong on some pairs.

    Attributes:
        text: Description of the fault, with the claim.
        pairs: Some of the pairs, as numbers of input and donor.
        edges: The needless edges that were cut; none where a unit was interchanged.
        unit: Number of the unit that was interchanged, if one was.
        component: The component that another should back up, if it was replaced alone.
    """

    text: str
    pairs: tuple[tuple[int, int], ...]
    edges: tuple[Edge, ...] = ()
    unit: int | None = None
    component: str | None = None

    def rows(self, maker: RowMaker) -> Rows:
        """The pairs as rows to train on."""
        inputs, donors = torch.tensor(self.pairs).T
        if self.unit is not None:
            return maker.interchanges(self.unit, inputs, donors)
        if self.component is not None:
            return maker.replaced(self.component, inputs, donors)
        return maker.cut(self.edges, self.pairs) if self.edges else maker.plain(inputs)


def find_faults(network: TrainedNetwork, *, variables: bool = True) -> list[Fault]:
    """Find what an enumeration under resample shows wrong; behaviour first, other claims only where that is right.

    Args:
        network: The network.
        variables: Whether interchanges are asked for.
    """
    certifier = Certifier(network)
    behaviour = certifier.behaviour()
    # The other claims compare with the program's answer: while that is wrong, they would say the same of every edge.
    if behaviour.wrong:
        return [Fault(f"behaviour: {behaviour.claim(certifier.runs, donor=False)}", tuple(behaviour.pairs))]
    faults: list[Fault] = []
    for index, unit in enumerate(network.correspondence.units if variables else ()):
        tally = certifier.interchange_tally(unit)
        if tally.wrong:
            text = f"interchange of {unit}: {tally.claim(certifier.runs, donor=True)}"
            faults.append(Fault(text, tuple(tally.pairs), unit=index))
    needless = network.correspondence.needless(network.graph)
    faults += _backup_faults(certifier)
    # One batch of pairs that fail is enough to train on; the certificate will count them all.
    joint = certifier.circuit_tally(needless, "resample", stop=True)
    if joint.wrong:
        text = f"all needless edges cut together: {joint.claim(certifier.runs, donor=True)}"
        faults.append(Fault(text, tuple(joint.pairs), edges=needless))
    # Other draws than those that the certificate counts, lest these be trained for.
    subsets = Certifier(network, network.training.seed + 1, _SUBSETS).subsets(needless, "resample")
    if subsets.wrong > SUBSET_RATE * subsets.runs:
        # No failing pair is kept: strict training draws random sets anyway, and this fault only says that it must go
        # on.
        faults.append(Fault(f"random sets of needless edges: {subsets}", ((0, 0),)))
    # Only needless edges are asked about: a live edge that the plan has is as it should be.
    for edge in needless:
        donors = None if is_unread(network, edge) else certifier.donors_of(edge, "resample")
        tally = None if donors is None else certifier.edge_tally(edge, "resample", donors)[0]
        if tally is not None and tally.wrong:
            text = f"needless edge {edge} is live: {tally.claim(certifier.runs, donor=True)}"
            faults.append(Fault(text, tuple(tally.pairs), edges=(edge,)))
    return faults


def _backup_faults(certifier: Certifier) -> Iterator[Fault]:
    """Components that back each other up and are not enough alone, with all that nothing needs cut besides."""
    correspondence, graph = certifier.network.correspondence, certifier.runs.graph
    needless = set(correspondence.needless(graph))
    for unit in correspondence.backed_up:
        for component in unit.components:
            around = {edge for edge in graph.edges if component in (edge.source, edge.destination.split("<")[0])}
            tally = certifier.circuit_tally([edge for edge in graph.edges if edge in needless | around], "resample")
            if tally.wrong:
                text = f"without {component} of {unit}: {tally.claim(certifier.runs, donor=True)}"
                yield Fault(text, tuple(tally.pairs), component=component)
