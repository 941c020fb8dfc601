"""A model made from another one, with where each part of the other went, and proofs that nothing was lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
import torch

from groundtruth.compiled.forward import logits
from groundtruth.compiled.program_network import ProgramNetwork
from groundtruth.compiled.recipe import Step
from groundtruth.errors import VariantError
from groundtruth.model import CompiledModel
from groundtruth.rasp.evaluate import batches_of_one_length
from groundtruth.truth.circuits.circuit import Circuit, EdgeTruth
from mib.errors import shorten
from mib.graph import Edge, Graph


@dataclass(frozen=True, eq=False)
class Variant:
    """A model that another one was turned into.

    Attributes:
        original: The model that it was made from.
        model: The variant itself.
        nodes: Place of each node of the original in the variant, by name (``a0.h1``, ``a0.h1<q>``, ``m0``, ``logits``).
    """

    original: CompiledModel
    model: CompiledModel
    nodes: Mapping[str, str]

    @cached_property
    def edges(self) -> Mapping[Edge, Edge]:
        """The place of each edge of the original in the variant."""
        return moved_edges(self.original.graph, self.nodes)

    def then(self, symmetry: Transformation, *, seed: int = 0, **parameters: Any) -> Variant:
        """The variant of the variant: first this, then another transformation."""
        last = symmetry.apply(self.model, seed=seed, **parameters)
        return Variant(self.original, last.model, {old: last.nodes[new] for old, new in self.nodes.items()})

    def largest_difference(self) -> float:
        """The greatest difference between the logits of both models on the domain (as far as it was checked)."""
        check = self.original.check
        inputs = self.original.domain.inputs(limit=max(check.inputs, 1), seed=check.seed).tokens
        worst = 0.0
        for indices in batches_of_one_length(inputs):
            batch = [inputs[i] for i in indices]
            ours, theirs = (logits(m.weights, m.encode(batch))[:, 1:] for m in (self.model, self.original))
            worst = max(worst, float((ours - theirs).abs().max()))
        return worst

    def differences(self, *, ablation: str = "resample", lengths: str | None = None) -> list[str]:
        """Edges whose truth, proven on the variant itself, is not what it was on the original; none if all is well.

        Args:
            ablation: Kind of value that a cut edge carries.
            lengths: Lengths of the inputs; see ``CompiledModel.circuit``.

        Returns:
            One line an edge: what it was, and what it is. Edges of the variant that the original has not are compared
            with ``absent``; what is undecided in one of them contradicts nothing.
        """
        before = self.original.circuit(ablation, lengths)
        after = self.model.circuit(ablation, before.lengths)
        expected = {self.edges[truth.edge]: _status(truth) for truth in before.truths}
        return [
            f"{truth.edge}: was {was}, is {now}"
            for truth in after.truths
            if (was := expected.get(truth.edge, "absent")) != (now := _status(truth)) and "undecided" not in (was, now)
        ]

    def require_same_truth(self, *, ablation: str = "resample", lengths: str | None = None) -> Circuit:
        """The circuit of the variant, proven on the variant, if it is the original's circuit, moved.

        Raises:
            VariantError: If an edge has another status, with the first such edges, or the live edges no longer suffice.
        """
        if wrong := self.differences(ablation=ablation, lengths=lengths):
            raise VariantError(f"{len(wrong)} edges of '{self.model.name}' have another truth: {shorten(wrong)}.")
        before, after = (m.circuit(ablation, lengths) for m in (self.original, self.model))
        known = {before.sufficiency.holds, after.sufficiency.holds} - {None}
        if len(known) > 1:
            raise VariantError(f"of '{self.model.name}': {after.sufficiency}; of the original: {before.sufficiency}.")
        moved = {frozenset(self.edges[edge] for edge in edges) for edges in before.minimal_circuits}
        if before.complete and after.complete and moved != {frozenset(edges) for edges in after.minimal_circuits}:
            raise VariantError(f"the minimal circuits of '{self.model.name}' are not those of the original.")
        return after


def _status(truth: EdgeTruth) -> str:
    return "redundant" if truth.redundant else truth.status


class Made(NamedTuple):
    """Outcome of a transformation.

    Attributes:
        model: The model that it made, not yet named.
        nodes: Places in it of the nodes of the model that was given.
        measured: Numbers that it found out by itself, to be kept in the recipe.
    """

    model: CompiledModel
    nodes: Mapping[str, str]
    measured: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Transformation:
    """A way to make variants.

    Attributes:
        name: In recipes, and after ``@`` in the name of a model.
        description: One line.
        make: Given the model, a generator of random numbers and parameters, makes a variant.
    """

    name: str
    description: str
    make: Callable[..., Made]

    def __call__(self, model: CompiledModel, *, seed: int = 0, **parameters: Any) -> CompiledModel:
        """The variant of a model; see ``apply`` for where its edges went."""
        return self.apply(model, seed=seed, **parameters).model

    def apply(self, model: CompiledModel, seed: int = 0, **parameters: Any) -> Variant:
        """The variant of a model, compared with it on its whole domain.

        Args:
            model: A compiled model, or a variant.
            seed: Seed of every random choice; the same seed gives the same variant.
            parameters: Parameters of the transformation.

        Raises:
            VariantError: If the model cannot be transformed so, or the variant decodes to something else on an input.
        """
        made, nodes, measured = self.make(model, generator_of(self.name, seed), **parameters)
        step = Step(self.name, seed, (*parameters.items(), *measured))
        named = replace(made, name=_named(model, self.name), folder=None, recipe=(*model.recipe, step))
        require_same_outputs(model, named)
        return Variant(model, named, nodes)


def generator_of(name: str, seed: int) -> np.random.Generator:
    """The generator of a transformation's random numbers: another one for each name and seed."""
    return np.random.default_rng([seed, crc32(name.encode())])


class Symmetry(Transformation):
    """A transformation under which function, circuit and variables stay what they are, but for where they are."""


def require_same_outputs(model: CompiledModel, variant: CompiledModel) -> None:
    """See that two models decode to the same on the domain, as far as the first was checked against its program.

    Raises:
        VariantError: With the first input on which they do not.
    """
    inputs = model.domain.inputs(limit=max(model.check.inputs, 1), seed=model.check.seed).tokens
    for indices in batches_of_one_length(inputs):
        batch = [inputs[i] for i in indices]
        ours, theirs = (m.decoder.codes(logits(m.weights, m.encode(batch))[:, 1:]) for m in (variant, model))
        wrong = torch.nonzero(model.decoder.differ(ours, theirs).any(1))
        if len(wrong):
            first = int(wrong[0])
            decode = model.decoder.decode
            raise VariantError(
                f"'{variant.name}' gives {decode(ours[first])} on {batch[first]}, where '{model.name}' gives "
                f"{decode(theirs[first])}."
            )


def moved_edges(graph: Graph, nodes: Mapping[str, str]) -> dict[Edge, Edge]:
    """The place of each edge of a graph whose nodes moved."""
    return {edge: Edge(nodes[edge.source], nodes[edge.destination]) for edge in graph.edges}


def same_nodes(model: ProgramNetwork) -> dict[str, str]:
    """Every node where it was."""
    return {name: name for name in (*model.graph.sources, *model.graph.destinations)}


def moved_nodes(model: ProgramNetwork, layers: Sequence[int], heads: Sequence[Sequence[int]]) -> dict[str, str]:
    """Locate nodes if layers and heads moved.

    Args:
        model: Before.
        layers: The new layer of each layer.
        heads: The new index of each head, by old layer.
    """
    nodes = same_nodes(model)
    for name in nodes:
        place = model.graph.locate(name)
        if place.kind == "mlp":
            nodes[name] = f"m{layers[place.layer]}"
        elif place.kind == "head":
            letter = f"<{place.letter}>" if place.letter else ""
            nodes[name] = f"a{layers[place.layer]}.h{heads[place.layer][place.head]}{letter}"
    return nodes


def _named(model: CompiledModel, name: str) -> str:
    return f"{model.name}+{name}" if "@" in model.name else f"{model.name}@{name}"
