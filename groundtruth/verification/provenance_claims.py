"""What the provenance of an exact model says, shown on its weights: every direction, head and neuron by what it does.

All is looked up in the coordinates of directions (``CompiledNetwork.aligned``), where a weight of zero is exactly zero,
and all but the sizes of weights is the same under noise, which leaves zeros where they are.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from tracr.rasp import rasp

from groundtruth.compiled.domain import BOS, PAD
from groundtruth.compiled.forward import Weights, forward
from groundtruth.compiled.liveness import useful
from groundtruth.compiled.network import CompiledNetwork
from groundtruth.compiled.provenance import Direction, Head, Neuron
from groundtruth.compiled.recipe import BLURRING
from groundtruth.errors import GroundTruthError
from groundtruth.rasp.annotations import is_clean_at_bos
from groundtruth.rasp.expressions import walk

SCRATCH = "_selector_width_attn_output"
"""End of Tracr's name of the direction between the halves of a SelectorWidth."""

_HOLDING = ("token", "bos", "pad", "position", "variable")
"""Kinds of directions that hold an expression's values."""

_ROUNDING = 1e-9
"""Codes that a rotation has turned and a frame turned back are off by less."""


def require_provenance(model: CompiledNetwork) -> None:
    """See that every direction, head and neuron of an exact model is what it is said to be.

    Raises:
        GroundTruthError: If one is not, naming it.
        VariantError: If the frame is not that of the weights, or a decoy is of use.
    """
    claims = _Claims(model)
    _ = model.decoys
    claims.require_directions()
    claims.require_heads()
    claims.require_neurons()


def blurring_steps(model: CompiledNetwork) -> list[str]:
    """The steps of a model's recipe after which directions hold values only nearly."""
    return [step.name for step in model.recipe if step.name in BLURRING]


def require_mixed(model: CompiledNetwork) -> None:
    """See that no direction of a model in superposition is said to mean anything by itself.

    Raises:
        GroundTruthError: If one is, naming it.
    """
    for index, direction in enumerate(model.provenance.directions):
        if direction != Direction(f"superposed:{index}", "mixed", None, None):
            raise GroundTruthError(
                f"in superposition no direction means anything by itself, but '{direction.name}' is said to."
            )


@dataclass(frozen=True)
class _Claims:
    """The claims of one model's provenance, with what they are compared with."""

    model: CompiledNetwork

    @cached_property
    def weights(self) -> Weights:
        return self.model.aligned

    @cached_property
    def directions(self) -> tuple[Direction, ...]:
        return self.model.provenance.directions

    @cached_property
    def sops(self) -> dict[str, rasp.SOp]:
        """The program's S-Ops by label."""
        return {e.label: e for e in walk(self.model.program) if isinstance(e, rasp.SOp)}

    @cached_property
    def blurred(self) -> bool:
        return bool(blurring_steps(self.model))

    # -- directions ------------------------------------------------------------------------------------------------

    def require_directions(self) -> None:
        """Every value has its direction, under its name; embeddings write them; decoys are read by nothing of use."""
        names = [direction.name for direction in self.directions]
        if twice := {name for name in names if names.count(name) > 1}:
            raise GroundTruthError(f"two directions are called '{min(twice)}'.")
        for direction in self.directions:
            if (problem := self._misnamed(direction)) is not None:
                raise GroundTruthError(f"the direction '{direction.name}' ({direction.kind}) {problem}.")
        self._require_kinds()
        self._require_embedding("tokens", ("token", "bos", "pad"), self.weights.W_E, self.model.token_values)
        positions = list(range(self.model.domain.max_seq_len))
        self._require_embedding("indices", ("position",), self.weights.W_pos[: len(positions) + 1], [None, *positions])
        self._require_one()
        self._require_unread()

    def _misnamed(self, d: Direction) -> str | None:
        """Say what is wrong with the name, expression and value of a direction by itself."""
        sop = self.sops.get(d.expression or "")
        match d.kind:
            case "token" | "bos" | "pad":
                special = {"bos": BOS, "pad": PAD}.get(d.kind)
                allowed = d.value == special if special else d.value in self.model.domain.vocab
                return None if allowed and self._is(d, "tokens") else "is none of a token"
            case "position":
                return None if type(d.value) is int and self._is(d, "indices") else "is none of a position"
            case "one":
                return None if (d.name, d.expression, d.value) == ("one", None, None) else "is not called 'one'"
            case "variable" if sop is not None and d.expression not in ("tokens", "indices"):
                numerical = rasp.is_numerical(sop)
                fits = d.name == d.expression and d.value is None if numerical else self._is(d, d.expression)
                return None if fits else f"does not stand for a value of '{d.expression}'"
            case "scratch" if isinstance(sop, rasp.SelectorWidth):
                fits = d.name == f"{d.expression}{SCRATCH}" and d.value is None
                return None if fits else "is not named for its SelectorWidth"
            case "copy" if sop is not None:
                source = sop.label if rasp.is_numerical(sop) else f"{sop.label}:{d.value}"
                source = f"{sop.label}{SCRATCH}" if self._is_scratch_copy(d) else source
                fits = re.fullmatch(rf"(backup|copy \d+) of {re.escape(source)}", d.name)
                return None if fits else f"is not called 'backup of {source}' or a copy of it"
            case "cancelling" | "ignored":
                fits = d.name.startswith(f"{d.kind}:") and d.expression is None and d.value is None
                return None if fits else "is named for something that the model computes"
            case "decoy":
                fits = ":" in d.name and d.expression is None and d.value is None and not self._is_of_program(d.name)
                return None if fits else "is named for something that the model computes"
            case _:
                return f"holds '{d.expression}', which has no such direction"

    def _is_scratch_copy(self, d: Direction) -> bool:
        return d.name.endswith(SCRATCH) and isinstance(self.sops.get(d.expression or ""), rasp.SelectorWidth)

    def _is(self, d: Direction, label: str | None) -> bool:
        return d.expression == label and d.name == f"{label}:{d.value}"

    def _is_of_program(self, name: str) -> bool:
        return name.partition(":")[0] in {*self.sops, "tokens", "indices"} and not name.partition(": ")[1]

    def _require_kinds(self) -> None:
        """Every expression has directions of its own kind, a number one of them, and a SelectorWidth a scratch too."""
        for label, sop in self.sops.items():
            count = {kind: self._places(label, kind) for kind in ("variable", "scratch", "copy")}
            embedded = label in ("tokens", "indices")
            least = 0 if embedded else 1
            most = 0 if embedded else 1 if rasp.is_numerical(sop) else len(self.directions)
            if not least <= len(count["variable"]) <= most:
                raise GroundTruthError(f"'{sop.name}' has {len(count['variable'])} directions.")
            if len(count["scratch"]) != isinstance(sop, rasp.SelectorWidth):
                raise GroundTruthError(f"'{sop.name}' has {len(count['scratch'])} scratch directions.")
            own = [self.directions[i].value for i in count["variable"]]
            copies = [self.directions[i] for i in count["copy"]]
            copied = [direction.value for direction in copies if not self._is_scratch_copy(direction)]
            if copied and copied != own * (len(copied) // max(1, len(own))):
                raise GroundTruthError(f"the copies of '{sop.name}' are not of all its values.")

    def _places(self, label: str | None, *kinds: str) -> list[int]:
        return [i for i, d in enumerate(self.directions) if d.expression == label and d.kind in kinds]

    def _require_embedding(self, label: str, kinds: Sequence[str], rows: Tensor, values: Sequence[Any]) -> None:
        """Each row writes into the direction of its own value alone, among those of its kinds."""
        places = self._places(label, *kinds)
        held = [self.directions[i].value for i in places]
        if sorted(map(repr, held)) != sorted(repr(value) for value in values if value is not None):
            raise GroundTruthError(f"the directions of '{label}' are not those of {', '.join(map(str, values))}.")
        # Either embedding may write the constant too, and decoys: neither stands for a value.
        free = {*places, *(i for i, d in enumerate(self.directions) if d.kind in ("one", "decoy"))}
        if strange := [i for i in torch.nonzero(rows.ne(0).any(0))[:, 0].tolist() if i not in free]:
            raise GroundTruthError(f"the embedding of '{label}' writes into '{self.directions[strange[0]].name}'.")
        expected = torch.tensor([[value is not None and value == other for other in held] for value in values])
        written = rows[:, places]
        # Noise changes sizes and leaves zeros: then only where something is written can be held to the claim.
        wrong = written.ne(0) != expected if self.blurred else (written - expected.to(written)).abs() > _ROUNDING
        if bool(wrong.any()):
            row, column = torch.nonzero(wrong)[0].tolist()
            raise GroundTruthError(
                f"the embedding of {values[row]} writes {float(written[row, column]):.4g} into "
                f"'{self.directions[places[column]].name}', which is not its code."
            )

    def _require_one(self) -> None:
        """The direction of the constant is 1 at every position of an input, whatever is written after the embedding."""
        place = next((i for i, d in enumerate(self.directions) if d.kind == "one"), None)
        if place is None or self.blurred:
            return
        inputs = self.model.domain.inputs(limit=2).tokens
        for tokens in inputs:
            held = self.model.held(forward(self.model.weights, self.model.encode([tokens])).residual[0])[:, place]
            if bool((held - 1).abs().max() > _ROUNDING):
                raise GroundTruthError("the direction 'one' is not 1 at every position.")

    def _require_unread(self) -> None:
        """Decoy directions are read by nothing that leads to the output; copies only by backups."""
        w, parts = self.weights, useful(self.weights)
        # From the parts that lead to the output alone: what only decoys read is of no use either.
        needed = w.W_U.ne(0).any(1)
        for layer in range(w.n_layers):
            needed = needed | w.W_in[layer][:, parts.neurons[layer]].ne(0).any(1)
            for matrix in (w.W_Q, w.W_K, w.W_V):
                needed = needed | matrix[layer][parts.heads[layer]].ne(0).any(2).any(0)
        for index, direction in enumerate(self.directions):
            if direction.kind == "decoy" and bool(needed[index]):
                raise GroundTruthError(f"the direction '{direction.name}' is called a decoy, but it is read.")

    # -- heads -----------------------------------------------------------------------------------------------------

    def require_heads(self) -> None:
        """Each head writes into directions of its own expression alone; an idle one has no weights."""
        for head in self.model.provenance.heads:
            if (problem := self._head_problem(head)) is not None:
                raise GroundTruthError(
                    f"head {head.head} of layer {head.layer} is called '{head.role}', but {problem}."
                )
        for label, sop in self.sops.items():
            if isinstance(sop, rasp.Aggregate | rasp.SelectorWidth) and not any(
                head.expression == label and head.role in ("aggregate", "width", "voter")
                for head in self.model.provenance.heads
            ):
                raise GroundTruthError(f"no head is said to compute '{sop.name}'.")

    def _head_problem(self, head: Head) -> str | None:
        w, sop = self.weights, self.sops.get(head.expression or "")
        if head.role == "idle":
            own = [getattr(w, name)[head.layer, head.head] for name in ("W_Q", "W_K", "W_V", "W_O")]
            idle = head.expression is None and not any(bool(matrix.ne(0).any()) for matrix in own)
            return None if idle else "it has weights"
        # Heads are padded to one size: a row of W_O behind a coordinate that no value feeds writes nothing.
        fed = w.W_V[head.layer, head.head].abs().amax(0) > 0
        written = self._written(w.W_O[head.layer, head.head][fed])
        if not written:
            return "it writes nothing"
        match head.role:
            case "aggregate" if isinstance(sop, rasp.Aggregate):
                return self._strange(written, "variable", sop.label)
            case "width" if isinstance(sop, rasp.SelectorWidth):
                return self._strange(written, "scratch", sop.label)
            case "backup" if isinstance(sop, rasp.SelectorWidth):
                return self._strange(written, "copy", sop.label)
            case "backup" | "voter" if isinstance(sop, rasp.Aggregate):
                return self._strange(written, "copy", sop.label)
            case "cancelling" if head.expression is None:
                return self._uncancelled(head) or self._strange(written, "cancelling", None)
            case "ignored" if head.expression is None:
                return self._strange(written, "ignored", None)
            case "decoy" if head.expression is None:
                return self._strange(written, "decoy", None)
            case _:
                return f"'{head.expression}' is not computed so"

    def _uncancelled(self, head: Head) -> str | None:
        """Find the fault of a head of a pair: another one of its layer should attend alike and write the opposite."""
        w, layer = self.weights, head.layer
        scores, moved = w.W_Q[layer] @ w.W_K[layer].mT, w.W_V[layer] @ w.W_O[layer]
        others = [h.head for h in self.model.provenance.heads if h.layer == layer and h.role == "cancelling"]
        tolerance = _ROUNDING * max(1.0, float(scores.abs().max()), float(moved.abs().max()))
        opposite = any(
            bool(((scores[head.head] - scores[other]).abs() <= tolerance).all())
            and bool(((moved[head.head] + moved[other]).abs() <= tolerance).all())
            for other in others
        )
        return None if opposite or self.blurred else "no head of its layer writes the opposite"

    # -- neurons ---------------------------------------------------------------------------------------------------

    def require_neurons(self) -> None:
        """Each neuron with weights is named once, in order, and writes into directions of its own expression alone."""
        w, neurons = self.weights, self.model.provenance.neurons
        has_weights = w.W_in.ne(0).any(1) | w.W_out.ne(0).any(2)  # [layer, neuron]
        named = [(neuron.layer, neuron.index) for neuron in neurons]
        there = [tuple(place) for place in torch.nonzero(has_weights).tolist()]
        if named != there:
            wrong = next(iter(sorted({*named} ^ {*there}) or named))
            raise GroundTruthError(f"the neurons with weights, in order, are others than those named: see {wrong}.")
        for neuron in neurons:
            if (problem := self._neuron_problem(neuron)) is not None:
                raise GroundTruthError(
                    f"neuron {neuron.index} of layer {neuron.layer} is called '{neuron.role}', but {problem}."
                )

    def _neuron_problem(self, neuron: Neuron) -> str | None:
        w, label = self.weights, neuron.expression
        read = self._written(w.W_in[neuron.layer][:, neuron.index][None])
        written = self._written(w.W_out[neuron.layer][neuron.index][None])
        sop = self.sops.get(label)
        match neuron.role:
            case "compute" | "voter" if isinstance(sop, rasp.Map | rasp.SequenceMap | rasp.SelectorWidth):
                kind = "variable" if neuron.role == "compute" else "copy"
                return self._not_of(read, sop) or self._strange(written, kind, label)
            case "majority" if {(d.kind, d.expression) for d in read} <= {("copy", label), ("one", None)}:
                return self._strange(written, "variable", label) if written else "it writes nothing"
            case "clean_bos" if self._cleans(sop) and {d.kind for d in read} == {"bos"}:
                return self._strange(written, ("scratch", "variable"), label) if written else "it writes nothing"
            case "backup" if any(d.kind == "copy" and d.expression == label for d in read):
                return self._strange(written, ("variable", "scratch"), label) if written else "it writes nothing"
            case "ignoring" if {d.kind for d in read} <= {"ignored", "one"}:
                return self._strange(written, "variable", label) if written else "it writes nothing"
            case "decoy" if any(d.expression == label for d in read) or self._is_of_guest(read, label):
                return self._strange(written, "decoy", None)
            case _:
                return f"it does not do so for '{label}'"

    def _cleans(self, sop: rasp.SOp | None) -> bool:
        """Tell whether what an expression writes at BOS is taken away: a width's always, another's after a repair."""
        return isinstance(sop, rasp.SelectorWidth) or (sop is not None and is_clean_at_bos(sop))

    def _not_of(self, read: Iterable[Direction], sop: rasp.SOp) -> str | None:
        """Say what a neuron reads that is no part of an expression, nor the constant."""
        match sop:
            case rasp.Map():
                parts = {(sop.inner.label, kind) for kind in _HOLDING}
            case rasp.SequenceMap():
                parts = {(part.label, kind) for part in (sop.fst, sop.snd) for kind in _HOLDING}
            case _:
                parts = {(sop.label, "scratch")}
        strange = [d.name for d in read if d.kind not in ("one", "cancelling") and (d.expression, d.kind) not in parts]
        return f"it reads '{strange[0]}'" if strange else None

    def _is_of_guest(self, read: Iterable[Direction], label: str) -> bool:
        """Tell whether a neuron is a guest's, which are said to read tokens, and reads directions of guests."""
        return label == "tokens" and all(d.kind == "decoy" for d in read)

    def _written(self, rows: Tensor) -> list[Direction]:
        """The directions in which some rows are not zero."""
        return [self.directions[i] for i in torch.nonzero(rows.ne(0).any(0))[:, 0].tolist()]

    def _strange(self, written: Iterable[Direction], kinds: str | Sequence[str], label: str | None) -> str | None:
        """Say what is written that is no direction of one of some kinds and of an expression."""
        allowed = (kinds,) if isinstance(kinds, str) else kinds
        strange = [d.name for d in written if d.kind not in allowed or d.expression != label]
        return f"it writes into '{strange[0]}'" if strange else None
