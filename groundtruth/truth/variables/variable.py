"""One variable of a compiled model: an expression of its program in one encoding, with its directions and readers."""

from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Real
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from groundtruth.compiled.forward import Weights
from groundtruth.compiled.provenance import Provenance
from groundtruth.errors import GroundTruthError
from groundtruth.rasp.interning import UNEMBEDDING
from groundtruth.truth.variables.residual_sites import Site
from mib.sublayers import attention_sublayer, mlp_sublayer, unembedding_sublayer

Encoding = Literal["one-hot", "number", "reciprocal"]


@dataclass(frozen=True, slots=True)
class Reader:
    """A component that reads a variable.

    Attributes:
        destination: Its name in the graph: ``a1.h0<q>``, ``m0``, ``logits``.
        expression: Label of the expression that it computes from the variable; ``"logits"`` for the unembedding;
            ``None`` for a component that computes none.
        neurons: Indices of the neurons that read, for an MLP.
    """

    destination: str
    expression: str | None
    neurons: tuple[int, ...] = ()

    def sublayer(self, n_layers: int) -> int:
        """The sublayer in which it reads, by its number in ``mib.sublayers``."""
        if self.destination == UNEMBEDDING:
            return unembedding_sublayer(n_layers)
        layer = int(self.destination[1:].partition(".")[0])
        return mlp_sublayer(layer) if self.destination[0] == "m" else attention_sublayer(layer)


@dataclass(frozen=True, eq=False)
class Variable:
    """An expression of the program as the model holds it.

    A SelectorWidth is held twice: by its head as the number 1/(1+width) in a scratch direction (``reciprocal``), and
    by its MLP one-hot. These are two variables of one expression; to replace either is to replace the width.

    Attributes:
        label: Label of the expression, unique in the program.
        name: Name of the expression, as its author named it.
        encoding: ``one-hot``: one direction a value. ``number``: one direction. ``reciprocal``: 1/(1+value).
        values: The values that occur on the domain, each once; ``None`` writes nothing.
        dimensions: The residual dimensions that hold it, one a value that it could have, or one.
        held: Value that each dimension stands for; ``None`` for a number.
        d_model: Width of the residual stream.
        writer: The component that writes it, as a site.
        readers: The components that read its differences, in the order of computation.
        n_layers: Number of layers of the model.
        frame: Vectors of the dimensions in the residual stream; see ``groundtruth.compiled.network.CompiledNetwork``.
        other_writers: Components besides ``writer`` that write it, such as copies, none of them later.
    """

    label: str
    name: str
    encoding: Encoding
    values: tuple[Any, ...]
    dimensions: tuple[int, ...]
    held: tuple[Any, ...]
    d_model: int
    writer: Site
    readers: tuple[Reader, ...]
    n_layers: int
    frame: Tensor | None = None
    other_writers: tuple[Site, ...] = ()

    def __str__(self) -> str:
        return f"1/(1+{self.name})" if self.encoding == "reciprocal" else self.name

    @property
    def key(self) -> tuple[str, Encoding]:
        """Key that tells it from the model's other variables."""
        return self.label, self.encoding

    @property
    def labels(self) -> tuple[str]:
        """The one expression that an interchange replaces, as other kinds of variables replace several."""
        return (self.label,)

    @cached_property
    def directions(self) -> Float[Tensor, "d_model n"]:
        """Orthonormal columns that span all that it can write."""
        if self.frame is not None:
            return self.frame[list(self.dimensions)].T
        return torch.eye(self.d_model, dtype=torch.float64)[:, list(self.dimensions)]

    @cached_property
    def differences(self) -> Float[Tensor, "d_model n"]:
        """Differences of its states, from the first value's to each other's; for numbers one direction, if any."""
        if self.encoding != "one-hot":
            return self.directions[:, : min(1, len(self.values) - 1)]
        # Differences from one state span all differences: a - b = (a - first) - (b - first).
        states = torch.stack([self.state(value) for value in self.values], dim=1)
        return states[:, 1:] - states[:, :1]

    @cached_property
    def span(self) -> Float[Tensor, "d_model k"]:
        """Orthonormal columns that span the differences of its states: all that an interchange can change.

        The coordinates of one-hot values sum to one, so k is one less than the number of values that occur (``None``,
        which writes nothing, among them); 1 for numbers; 0 for what never varies.
        """
        # Values are different one-hot codes (or none), so that their differences from the first are independent and QR
        # loses no column.
        return torch.linalg.qr(self.differences)[0]

    def state(self, value: Any) -> Float[Tensor, " d_model"]:
        """Return what the residual stream holds of it when it has a value."""
        if self.encoding == "number":
            return self.directions[:, 0] * float(value)
        if self.encoding == "reciprocal":
            return self.directions[:, 0] / (1.0 + float(value))
        if value is None:
            return torch.zeros(self.d_model, dtype=torch.float64)
        return self.directions[:, self.held.index(value)]

    def span_at(self, site: Site, weights: Weights) -> Float[Tensor, "width k"]:
        """Orthonormal columns that span the differences of its states at a site.

        Args:
            site: One where it is written. At ``head_value`` the columns are in the head's own coordinates, else they
                are ``span``.
            weights: Weights of the model.
        """
        if site.kind != "head_value":
            return self.span
        return torch.linalg.qr(weights.W_O[site.layer, site.head] @ self.span)[0]

    def require_held(self) -> None:
        """See that every value that occurs has a state.

        Raises:
            GroundTruthError: If one has none, naming it.
        """
        for value in self.values:
            held = value is None or value in self.held if self.encoding == "one-hot" else isinstance(value, Real)
            if not held:
                raise GroundTruthError(f"its value {value!r} has no direction.")

    @property
    def aligned(self) -> "Variable":
        """The same in the coordinates of provenance's directions, to go with ``CompiledNetwork.aligned``."""
        return self if self.frame is None else replace(self, frame=None, d_model=len(self.frame))

    @property
    def since(self) -> int:
        """The first sublayer that can read it."""
        return self.writer.sublayer

    def readers_since(self, sublayer: int) -> tuple[Reader, ...]:
        """The readers that read in a sublayer or later."""
        return tuple(reader for reader in self.readers if reader.sublayer(self.n_layers) >= sublayer)


def dimensions(provenance: Provenance, label: str, encoding: Encoding) -> dict[int, Any]:
    """The residual dimensions that hold an expression, and what each stands for.

    Args:
        provenance: Provenance of the model.
        label: Label of the expression.
        encoding: ``reciprocal`` for the scratch direction of a SelectorWidth.

    Raises:
        GroundTruthError: If nothing holds it so.
    """
    kinds = ("scratch",) if encoding == "reciprocal" else ("variable", "token", "position")
    found = {
        index: item.value
        for index, item in enumerate(provenance.directions)
        if item.expression == label and item.kind in kinds
    }
    if not found:
        raise GroundTruthError(f"no direction holds '{label}' ({encoding}).")
    return found
