"""What a program is in the JSON files of an artifact: its declared inputs, and its expressions as tables."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from groundtruth.store.json_values import Packed

Count = Annotated[int, Field(ge=0)]


class Strict(BaseModel):
    """An object of a file: no other fields, and no change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DomainData(Strict):
    """A program's declared inputs.

    Attributes:
        vocab: Tokens.
        min_seq_len: Shortest input.
        max_seq_len: Longest input.
        valid_text: The rule for valid inputs in words; empty if there is none.
        inputs: Every input, as positions in ``vocab``, if there is a rule.
    """

    vocab: list[Packed]
    min_seq_len: int
    max_seq_len: int
    valid_text: str = ""
    inputs: list[list[Count]] | None = None


class _Expression(Strict):
    """What every expression has: Tracr's label, name and counter (``null`` for tokens and indices)."""

    label: str
    name: str
    id: int | None


class _SOp(_Expression):
    """What every S-Op has.

    Attributes:
        encoding: Encoding in which the model holds it.
        numbers: The numbers that neurons tell apart where they read it; ``None`` = those that Tracr lists.
        clean_at_bos: Whether a neuron takes away what is written of it at BOS.
    """

    encoding: Literal["categorical", "numerical"]
    numbers: list[int | float] | None = None
    clean_at_bos: bool = False


class PrimitiveData(_SOp):
    """The tokens, or the positions."""

    kind: Literal["tokens", "indices"]


class MapData(_SOp):
    """A function of one S-Op as ``[x, f(x)]``."""

    kind: Literal["map"]
    inner: str
    table: list[tuple[Packed, Packed]]


class LinearData(_SOp):
    """A weighted sum of two S-Ops."""

    kind: Literal["linear"]
    fst: str
    snd: str
    factors: tuple[int | float, int | float]


class SequenceMapData(_SOp):
    """A function of two S-Ops as ``[x, y, f(x, y)]``."""

    kind: Literal["sequence_map"]
    fst: str
    snd: str
    table: list[tuple[Packed, Packed, Packed]]


class SelectData(_Expression):
    """A predicate as ``[key, query, whether chosen]``."""

    kind: Literal["select"]
    keys: str
    queries: str
    table: list[tuple[Packed, Packed, bool]]


class AggregateData(_SOp):
    """A mean over selected positions."""

    kind: Literal["aggregate"]
    selector: str
    sop: str
    default: Packed


class WidthData(_SOp):
    """How many positions are selected."""

    kind: Literal["selector_width"]
    selector: str


ExpressionData = Annotated[
    PrimitiveData | MapData | LinearData | SequenceMapData | SelectData | AggregateData | WidthData,
    Field(discriminator="kind"),
]


class ProgramData(Strict):
    """A program as tables.

    Attributes:
        output: Label of the expression that it computes.
        expressions: Each after all that it is computed from.
    """

    output: str
    expressions: list[ExpressionData]
