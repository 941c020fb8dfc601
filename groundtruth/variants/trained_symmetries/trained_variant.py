"""A trained network made from another one by a symmetry, with where each node went, and its truth enumerated anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import torch

from groundtruth.compiled.recipe import Step
from groundtruth.errors import VariantError
from groundtruth.trained.correspondence import Correspondence
from groundtruth.trained.trained_model import TrainedModel
from groundtruth.trained.trained_network import TrainedNetwork
from groundtruth.truth.circuits.circuit import Circuit
from groundtruth.variants.variant import generator_of, moved_edges
from mib.errors import shorten
from mib.graph import Edge


class TrainedChange(NamedTuple):
    """Outcome of a symmetry.

    Attributes:
        network: The network that it made, not yet named.
        nodes: Places in it of the nodes of the network that was given.
    """

    network: TrainedNetwork
    nodes: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class TrainedVariant:
    """A trained model that another one was turned into.

    Attributes:
        original: The model that it was made from.
        model: The variant itself, certified by enumeration when its truth is first asked for.
        nodes: Place of each node of the original in the variant, by name.
    """

    original: TrainedModel
    model: TrainedModel
    nodes: Mapping[str, str]

    @cached_property
    def edges(self) -> Mapping[Edge, Edge]:
        """The place of each edge of the original in the variant."""
        return moved_edges(self.original.graph, self.nodes)

    def then(self, symmetry: TrainedSymmetry, *, seed: int = 0, **parameters: Any) -> TrainedVariant:
        """The variant of the variant: first this, then another symmetry."""
        last = symmetry.apply(self.model, seed=seed, **parameters)
        return TrainedVariant(self.original, last.model, {old: last.nodes[new] for old, new in self.nodes.items()})

    def largest_difference(self) -> float:
        """The greatest difference between the logits of both models, on the whole domain."""
        ours, theirs = (model.logits(_whole_domain(model)) for model in (self.model, self.original))
        return float((ours - theirs).abs().max())

    def differences(self, ablation: str = "resample") -> list[str]:
        """Claims about edges and variables that came out otherwise than on the original; none if all is well.

        Edges that the original has not may not be live.
        """
        before, after = (model.certificate.under(ablation) for model in (self.original, self.model))
        expected = {self.edges[record.edge]: record.status for record in before.edges}
        wrong = [
            f"{found.edge}: was {expected.get(found.edge, 'not there')}, is {found.status}"
            for found in after.edges
            if (found.status == "live" if found.edge not in expected else found.status != expected[found.edge])
        ]
        pairs = zip(self.original.certificate.interchanges, self.model.certificate.interchanges, strict=True)
        return wrong + [
            f"interchange of {', '.join(new.expressions)}: was {old.claim}, is {new.claim}"
            for old, new in pairs
            if (old.claim.runs, old.claim.wrong) != (new.claim.runs, new.claim.wrong)
        ]

    def require_same_truth(self, ablation: str = "resample") -> Circuit:
        """The circuit of the variant, enumerated on the variant, if it is the original's circuit, moved.

        Raises:
            VariantError: If an edge or a variable is something else, with the first such, or other sets suffice.
        """
        if wrong := self.differences(ablation):
            raise VariantError(f"{len(wrong)} claims of '{self.model.name}' are others: {shorten(wrong)}.")
        before, after = (model.circuit(ablation) for model in (self.original, self.model))
        if before.sufficiency.holds != after.sufficiency.holds:
            raise VariantError(f"of '{self.model.name}': {after.sufficiency}; of the original: {before.sufficiency}.")
        moved = {frozenset(self.edges[edge] for edge in edges) for edges in before.minimal_circuits}
        # An incomplete family depends on the order in which edges were tried, and heads may be in another one.
        if before.complete and after.complete and moved != {frozenset(edges) for edges in after.minimal_circuits}:
            raise VariantError(f"the minimal circuits of '{self.model.name}' are not those of the original.")
        return after


@dataclass(frozen=True)
class TrainedSymmetry:
    """A change of weights under which function, circuit and variables of a trained network stay what they are.

    Attributes:
        name: In recipes, and after ``@`` in the name of a model; that of the same symmetry of compiled models.
        description: One line.
        make: Given a network, a generator of random numbers and parameters, makes another network.
    """

    name: str
    description: str
    make: Callable[..., TrainedChange]

    def __call__(self, model: TrainedModel, *, seed: int = 0, **parameters: Any) -> TrainedModel:
        """The variant of a model; see ``apply`` for where its edges went."""
        return self.apply(model, seed=seed, **parameters).model

    def apply(self, model: TrainedModel, *, seed: int = 0, **parameters: Any) -> TrainedVariant:
        """The variant of a trained model, compared with it on its whole domain.

        Args:
            model: A trained model, or a variant of one.
            seed: Seed of every random choice; the same seed gives the same variant.
            parameters: Parameters of the symmetry.

        Raises:
            VariantError: If the architecture does not have the symmetry, with the reason, or the variant answers
                otherwise on an input.
        """
        network, nodes = self.make(model, generator_of(self.name, seed), **parameters)
        name = f"{model.name}{'+' if model.recipe else '@'}{self.name}"
        recipe = (*model.recipe, Step(self.name, seed, tuple(parameters.items())))
        variant = TrainedModel.of(replace(network, name=name, recipe=recipe))
        require_same_answers(model, variant)
        return TrainedVariant(model, variant, nodes)


def require_same_answers(model: TrainedNetwork, variant: TrainedNetwork) -> None:
    """See that two networks give the same on the whole domain.

    Raises:
        VariantError: With the first input on which they do not.
    """
    ids, decoder = _whole_domain(model), model.decoder
    ours, theirs = (decoder.codes(network.logits(ids)[:, 1:]) for network in (variant, model))
    if len(wrong := torch.nonzero((ours != theirs).any(1))):
        first = int(wrong[0])
        tokens = [model.token_values[token] for token in ids[first, 1:].tolist()]
        raise VariantError(
            f"'{variant.name}' gives {decoder.decode(ours[first])} on {tuple(tokens)}, where '{model.name}' gives "
            f"{decoder.decode(theirs[first])}."
        )


def moved_correspondence(correspondence: Correspondence, nodes: Mapping[str, str]) -> Correspondence:
    """The same circuit with every node at its new place."""
    units = tuple(
        replace(
            unit,
            components=tuple(nodes[name] for name in unit.components),
            reads=tuple((nodes[source], nodes[destination]) for source, destination in unit.reads),
        )
        for unit in correspondence.units
    )
    spares = tuple(replace(spare, component=nodes[spare.component]) for spare in correspondence.spares)
    output = tuple(nodes[name] for name in correspondence.output)
    return Correspondence(units, output, spares, correspondence.folded)


def _whole_domain(model: TrainedNetwork) -> torch.Tensor:
    return model.encode(tuple(model.domain.enumerate()))
