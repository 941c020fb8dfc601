"""What is measured on a model in superposition, where nothing holds for a reason that could be proven.

Every direction is read a little wherever another one is, so that hardly an edge carries nothing. Two numbers say how
much that matters: by how much each output is decoded (the margin), and how far an edge that is cut alone moves it.
"""

from dataclasses import dataclass

import torch
from pydantic import ConfigDict
from torch import Tensor

from groundtruth.compiled.decoder import NONE_BELOW, NUMERIC_TOLERANCE, Decoder
from groundtruth.compiled.forward import logits
from groundtruth.compiled.network import CompiledNetwork
from groundtruth.rasp.evaluate import batches_of_one_length
from groundtruth.truth.circuits.circuit import ABLATIONS, Ablation, Lengths
from groundtruth.truth.circuits.patched_runs import Runs
from groundtruth.truth.circuits.prover import default_lengths, ground
from groundtruth.truth.circuits.reasons import structure
from mib.graph import Edge
from mib.sublayers import unembedding_sublayer

SCHEMA_VERSION = 1

N_PAIRS = 1_024
"""On how many pairs of inputs, drawn with seed 0, each edge is cut; under zero and mean ablation each input once."""


@dataclass(frozen=True)
class Effect:
    """What cutting one edge alone does.

    Attributes:
        edge: MIB's name of it.
        changed: On what share of the runs another output is decoded at some position.
        moved: Distance that a logit moves at most, or its distance from the one decoded, in margins of the model.
            Below 1 no output can change.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    edge: str
    changed: float
    moved: float


@dataclass(frozen=True)
class Effects:
    """What cutting each edge alone does under one ablation.

    Attributes:
        ablation: Kind of ablation of cut edges.
        lengths: Lengths of the inputs.
        runs: Number of runs that each edge was cut in.
        edges: The edges that carry anything that is read, in the order of the graph.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    ablation: Ablation
    lengths: Lengths
    runs: int
    edges: tuple[Effect, ...]


@dataclass(frozen=True)
class Measurements:
    """What was measured on a model in superposition.

    Attributes:
        model_sha256: SHA-256 of its ``model.json``; empty if it is not stored.
        inputs: On how many inputs the margin was measured.
        margin: The least distance of an output's logits from decoding to something else.
        effects: One entry for each ablation.
        schema_version: Version of the file's schema.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    model_sha256: str
    inputs: int
    margin: float
    effects: tuple[Effects, ...]
    schema_version: int = SCHEMA_VERSION

    def under(self, ablation: str) -> Effects:
        """Pick the effects of an ablation."""
        return next(effects for effects in self.effects if effects.ablation == ablation)


def measure(model: CompiledNetwork) -> Measurements:
    """Run a model on its domain and, with each edge cut, on pairs of inputs.

    Args:
        model: A compiled model.
    """
    inputs = model.domain.inputs(limit=max(model.check.inputs, 1), seed=model.check.seed).tokens
    # One length a batch and no padding, as the model was checked against its program.
    batches = [model.encode([inputs[i] for i in indices]) for indices in batches_of_one_length(inputs)]
    margin = min(float(margins(model.decoder, logits(model.weights, batch)[:, 1:]).min()) for batch in batches)
    lengths = default_lengths(model)
    return Measurements("", len(inputs), margin, tuple(_effects(model, kind, lengths, margin) for kind in ABLATIONS))


def margins(decoder: Decoder, given: Tensor) -> Tensor:
    """Measure how far each output's logits are from decoding to something else [..., position].

    Args:
        decoder: Decoder that reads them. Where nothing is selected, the distance is to the least logit that counts; a
            number is as far from another one as numbers must be not to count as equal.
        given: Logits [..., position, output].
    """
    if not decoder.categorical:
        return torch.full_like(given[..., 0], NUMERIC_TOLERANCE)
    best = decoder.read(given).sort(-1, descending=True).values
    # Two ways to decode to something else: another logit overtakes, or all fall below what counts as nothing selected.
    above_none = best[..., 0] - NONE_BELOW
    chosen = torch.minimum(best[..., 0] - best[..., 1], above_none) if best.shape[-1] > 1 else above_none
    return torch.where(above_none >= 0, chosen, -above_none)


def _effects(model: CompiledNetwork, ablation: Ablation, lengths: Lengths, margin: float) -> Effects:
    runs = ground(model, ablation, lengths).runs
    rows, replacements = _drawn(runs)
    edges = tuple(
        _effect(runs, edge, rows, replacements, margin) for edge in model.graph.edges if edge in structure(model)
    )
    return Effects(ablation, lengths, len(rows), edges)


def _drawn(runs: Runs) -> tuple[Tensor, Tensor]:
    """Inputs and what is put in [run]: pairs under resample, each input once elsewhere, up to ``N_PAIRS``."""
    n, generator = len(runs.tokens), torch.Generator().manual_seed(0)
    if runs.n_replacements > 1:
        pairs = torch.randint(n, (2, N_PAIRS), generator=generator)
        return pairs[0], pairs[1]
    rows = torch.randperm(n, generator=generator)[:N_PAIRS]
    return rows, torch.zeros_like(rows)


def _effect(runs: Runs, edge: Edge, rows: Tensor, replacements: Tensor, margin: float) -> Effect:
    place = runs.graph.locate(edge.destination)
    delta = (runs.replacement_outputs[edge.source][replacements] - runs.outputs[edge.source][rows]) @ runs.reading(
        place
    )
    key = place.letter if place.kind == "head" else ""
    cut = runs.logits_after(place, rows, runs.node_output(place, rows, {key: delta}))
    full = (runs.streams[unembedding_sublayer(runs.weights.n_layers)] @ runs.weights.W_U)[rows]
    change = runs.decoder.read(cut - full)
    chosen = change.gather(-1, runs.decoder.read(full).argmax(-1, keepdim=True))
    # A logit may cross the bound of None by itself, or overtake the decoded one: the larger of both bounds either.
    moved = torch.maximum(change.abs(), (change - chosen).abs()).amax(-1)
    moved = torch.where(runs.counts[rows], moved, 0.0)
    share = runs.changed(rows, runs.decoder.codes(cut)).double().mean()
    return Effect(str(edge), float(share), float(moved.abs().max()) / margin)
