"""A compiled model: weights that are proven equal to a RASP program on its declared domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor
from tracr.rasp import rasp

from groundtruth.compiled.decoder import Decoder
from groundtruth.compiled.domain import BOS, PAD, Domain
from groundtruth.compiled.forward import Weights, forward
from groundtruth.compiled.frame import aligned, chopped
from groundtruth.compiled.liveness import Parts, decoys, without
from groundtruth.compiled.provenance import Provenance
from groundtruth.compiled.recipe import Step
from groundtruth.errors import DomainError
from groundtruth.rasp.expressions import trace
from groundtruth.truth.circuits.circuit import ABLATIONS, LENGTHS, Circuit, require_ablation, require_lengths
from mib.errors import did_you_mean
from mib.graph import Graph

if TYPE_CHECKING:
    from groundtruth.compiled.torch_module import CompiledTransformer
    from groundtruth.truth.variables import VariableTruth

Certainty = Literal["exact", "measured"]


@dataclass(frozen=True)
class Check:
    """How a model was compared with its program.

    Attributes:
        inputs: How many inputs were run.
        exhaustive: Whether they are the whole domain.
        seed: Of the sample, where they are not.
    """

    inputs: int
    exhaustive: bool
    seed: int = 0

    def __str__(self) -> str:
        return (
            f"all {self.inputs:,} inputs"
            if self.exhaustive
            else f"a sample of {self.inputs:,} inputs (seed {self.seed})"
        )


@dataclass(frozen=True, eq=False)
class CompiledModel:
    """A transformer with its program, its domain and the provenance of its weights.

    Attributes:
        name: What it is called.
        program: The RASP program, with canonical labels.
        weights: float64 weights.
        token_values: The token of each id, BOS and PAD among them.
        decoder: Reads the output.
        provenance: Which expression each part implements.
        domain: The inputs on which it equals the program.
        check: How that was checked.
        description: One line.
        family: What the program is about.
        rasp_source: The program's text, as far as it is known.
        pad_safe: Whether padding on the right changes no output at the positions of the input, on the whole domain.
        folder: Where it was read from, with its proven circuits; ``None`` for a model just compiled.
        frame: Where each direction of the provenance lies in the residual stream [direction, d_model], orthonormal
            rows; ``None``: direction i is dimension i.
        recipe: The transformations that made it from a compiled model; empty for a compiled model itself.
        certainty: ``exact``; or ``measured`` for a model in superposition, whose edges are live by witness or inert or
            undecided after so many runs, and which has no exact variables.
    """

    name: str
    program: rasp.SOp
    weights: Weights
    token_values: tuple[Any, ...]
    decoder: Decoder
    provenance: Provenance
    domain: Domain
    check: Check
    description: str = field(default="", kw_only=True)
    family: str = field(default="custom", kw_only=True)
    rasp_source: str = field(default="", kw_only=True)
    pad_safe: bool = field(default=False, kw_only=True)
    folder: Path | None = field(default=None, kw_only=True)
    frame: Tensor | None = field(default=None, kw_only=True)
    recipe: tuple[Step, ...] = field(default=(), kw_only=True)
    certainty: Certainty = field(default="exact", kw_only=True)

    @cached_property
    def aligned(self) -> Weights:
        """The weights in the coordinates of provenance's directions, with the unembedding as the decoder reads it.

        Raises:
            VariantError: If the frame is not that of these weights.
        """
        found = self.weights if self.frame is None else aligned(self.weights, self.frame)
        return replace(found, W_U=chopped(self.decoder.read(found.W_U), axis=-2)) if self.decoder.centered else found

    @cached_property
    def decoys(self) -> Parts:
        """The heads and neurons that are called decoys, shown on the weights to be of no use to the output.

        Raises:
            VariantError: If one of them is of use.
        """
        return decoys(self.aligned, self.provenance)

    @cached_property
    def core(self) -> Weights:
        """The weights with zeros for decoys, and the unembedding as the decoder reads it.

        The same comes out, whatever is cut, since nothing that matters reads a decoy.

        Raises:
            VariantError: If one of them is of use.
        """
        kept = without(self.weights, self.decoys)
        return replace(kept, W_U=self.decoder.read(kept.W_U)) if self.decoder.centered else kept

    def held(self, residual: Tensor) -> Tensor:
        """What a residual stream [..., d_model] holds in the directions of the provenance [..., direction]."""
        return residual if self.frame is None else residual @ self.frame.T

    @property
    def causal(self) -> bool:
        """Whether a position sees only itself and the past."""
        return self.weights.causal

    @cached_property
    def graph(self) -> Graph:
        """Nodes and edges, with the position embedding as a source of its own."""
        w = self.weights
        return Graph(w.n_layers, w.n_heads, w.d_model, pos=True)

    @cached_property
    def token_ids(self) -> dict[Any, int]:
        """The id of each token."""
        return {value: index for index, value in enumerate(self.token_values)}

    @property
    def bos_id(self) -> int:
        """The id of BOS."""
        return self.token_ids[BOS]

    @property
    def pad_id(self) -> int:
        """The id of PAD."""
        return self.token_ids[PAD]

    @cached_property
    def transformer(self) -> CompiledTransformer:
        """The model as a float32 module with TransformerLens hooks (imports TransformerLens)."""
        from groundtruth.compiled.torch_module import CompiledTransformer

        return CompiledTransformer(self.weights, dtype=torch.float32)

    def encode(self, inputs: Sequence[Sequence[Any]], *, length: int | None = None) -> Tensor:
        """Token ids [input, position], BOS first, padded on the right.

        Args:
            inputs: Sequences of tokens, without BOS.
            length: Pad to this many tokens (without BOS); by default to the longest input.

        Raises:
            DomainError: For a token that the model does not know, or an input that is too long.
        """
        width = max((len(tokens) for tokens in inputs), default=0) if length is None else length
        limit = self.domain.max_seq_len
        ids = torch.full((len(inputs), width + 1), self.pad_id, dtype=torch.long)
        ids[:, 0] = self.bos_id
        for row, tokens in enumerate(inputs):
            if len(tokens) > limit:
                raise DomainError(
                    f"'{' '.join(map(str, tokens))}' has {len(tokens)} tokens; '{self.name}' takes {limit}."
                )
            try:
                ids[row, 1 : len(tokens) + 1] = torch.tensor([self.token_ids[token] for token in tokens])
            except KeyError as error:
                token = error.args[0]
                hint = did_you_mean(str(token), map(str, self.domain.vocab))
                allowed = " ".join(map(str, self.domain.vocab))
                raise DomainError(
                    f"token {token!r} is not in the vocabulary of '{self.name}': {allowed}.{hint}"
                ) from None
        return ids

    def run(self, tokens: Sequence[Any]) -> list[Any]:
        """The decoded output on one input, without BOS.

        Args:
            tokens: An input of the model's domain, without BOS.

        Raises:
            DomainError: If it is none.
        """
        self.domain.check(tokens)
        return self.run_many([tokens])[0]

    def run_many(self, inputs: Sequence[Sequence[Any]]) -> list[list[Any]]:
        """The decoded outputs on many inputs, those of one length in one batch and none of them padded."""
        outputs: list[list[Any]] = [[] for _ in inputs]
        by_length: dict[int, list[int]] = {}
        for index, tokens in enumerate(inputs):
            by_length.setdefault(len(tokens), []).append(index)
        for indices in by_length.values():
            codes = self.decoder.codes(forward(self.weights, self.encode([inputs[i] for i in indices])).logits[:, 1:])
            for index, row in zip(indices, codes, strict=True):
                outputs[index] = self.decoder.decode(row)
        return outputs

    def trace(self, tokens: Sequence[Any]) -> dict[str, list[Any]]:
        """The value of every expression of the program at every position of an input, by label."""
        self.domain.check(tokens)
        return {label: list(values) for label, values in trace(self.program, tokens, causal=self.causal).items()}

    def circuit(self, ablation: str = "resample", lengths: str | None = None) -> Circuit:
        """The exact circuit: a status and a proof for every edge.

        Taken from the artifact where the model was loaded from one that has it, else proven now; kept either way.

        Args:
            ablation: What a cut edge carries: ``resample``, ``zero``, ``mean`` or ``mean-positional``.
            lengths: ``fixed``: inputs of the greatest length; ``mixed``: of all lengths, padded on the right. By
                default mixed where padding is harmless and there are several lengths.

        Raises:
            DomainError: For an unknown ablation or kind of lengths, or mixed lengths of a model that padding disturbs.
            ArtifactError: If the stored circuits cannot be read.
        """
        from groundtruth.truth.circuits.prover import default_lengths, prove

        key = (require_ablation(ablation), require_lengths(lengths or default_lengths(self)))
        if key not in self._circuits:
            self._circuits[key] = prove(self, ablation=key[0], lengths=key[1])
        return self._circuits[key]

    @property
    def known_circuits(self) -> tuple[Circuit, ...]:
        """The circuits that were loaded or proven so far."""
        return tuple(self._circuits.values())

    @cached_property
    def _circuits(self) -> dict[tuple[str, str], Circuit]:
        """The circuits known so far, by ablation and lengths."""
        if self.folder is None:
            return {}
        from groundtruth.store import read_circuits

        return {(found.ablation, found.lengths): found for found in read_circuits(self.folder, self.graph)}

    def variables(self) -> tuple[VariableTruth, ...]:
        """Every expression as a variable: its directions, its sites, and the proof that interchanges there are exact.

        Taken from the artifact where the model was loaded from one that has them, else proven now; kept either way.

        Raises:
            ArtifactError: If the stored variables cannot be read.
        """
        return self._variables

    def variable(self, name: str) -> VariableTruth:
        """The variable of a name or label; of a SelectorWidth the one-hot one, unless it is ``1/(1+name)``.

        Raises:
            DomainError: If there is none, or several share the name; the message says which there are.
        """
        found = [truth for truth in self.variables() if name in (str(truth.variable), truth.variable.label)]
        one_hot = [truth for truth in found if truth.variable.encoding != "reciprocal"] or found
        if len(one_hot) != 1:
            known = [str(truth.variable) for truth in self.variables()]
            labels = ", ".join(truth.variable.label for truth in one_hot)
            raise DomainError(
                f"'{name}' names {len(one_hot)} variables of '{self.name}'; say which by label: {labels}."
                if one_hot
                else f"'{self.name}' has no variable '{name}'.{did_you_mean(name, known)} "
                f"Choose from {', '.join(known)}."
            )
        return one_hot[0]

    @cached_property
    def _variables(self) -> tuple[VariableTruth, ...]:
        from groundtruth.store import read_variables
        from groundtruth.truth.variables import prove_variables

        stored = [] if self.folder is None else read_variables(self.folder, self)
        return tuple(stored or prove_variables(self))

    def save(self, folder: str | Path) -> None:
        """Write the model with its circuits under every ablation and its variables, proving those not yet known.

        With a model in superposition goes what is measured on it, see ``groundtruth.truth.circuits.measured``.

        Args:
            folder: Made if it is not there. Each file is written whole or not at all.
        """
        from groundtruth.store import save

        kinds = LENGTHS if self.pad_safe and len(self.domain.lengths) > 1 else ("fixed",)
        circuits = [self.circuit(ablation, lengths) for ablation in ABLATIONS for lengths in kinds]
        save(self, Path(folder), circuits, variables=self.variables())
        if self.certainty == "measured":
            from groundtruth.truth.circuits.measured import write_measurements

            write_measurements(self, Path(folder))

    def __repr__(self) -> str:
        w = self.weights
        return f"CompiledModel({self.name!r}, {w.n_layers} layers x {w.n_heads} heads, d_model {w.d_model})"
