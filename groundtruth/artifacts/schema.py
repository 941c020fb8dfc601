"""What is in the JSON files of an artifact, checked at the boundary."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

SCHEMA_VERSION = 1


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DomainData(_Strict):
    """A program's declared inputs.

    Attributes:
        vocab: Tokens.
        min_seq_len: Shortest input.
        max_seq_len: Longest input.
        valid_text: The rule for valid inputs in words; empty if there is none.
        inputs: Where there is a rule, every input, as positions in ``vocab``.
    """

    vocab: list[Any]
    min_seq_len: int
    max_seq_len: int
    valid_text: str = ""
    inputs: list[list[int]] | None = None


class CheckData(_Strict):
    """How weights and program were compared."""

    inputs: int
    exhaustive: bool
    seed: int = 0


class ModelData(_Strict):
    """``model.json``.

    Attributes:
        schema_version: Of this file.
        name: Of the model.
        description: One line.
        family: What the program is about.
        causal: Whether attention sees only the past.
        pad_safe: Whether padding on the right changes nothing.
        token_values: The token of each row of ``W_E``.
        output_values: The value of each column of ``W_U``; empty for a number.
        domain: Declared inputs.
        check: How weights and program were compared.
        directions: ``[name, kind, expression, value]`` for each residual dimension.
        heads: ``[layer, head, expression, role]``.
        neurons: ``[layer, index, expression, role]`` for each neuron that has weights.
        program: The program as tables.
        rasp_source: Its text.
        weights_sha256: Of ``model.safetensors``.
    """

    schema_version: Literal[1]
    name: str
    description: str
    family: str
    causal: bool
    pad_safe: bool
    token_values: list[Any]
    output_values: list[Any]
    domain: DomainData
    check: CheckData
    directions: list[tuple[str, str, str | None, Any]]
    heads: list[tuple[int, int, str | None, str]]
    neurons: list[tuple[int, int, str, str]]
    program: dict[str, Any]
    rasp_source: str
    weights_sha256: str


class EdgeData(_Strict):
    """Status of one edge that is not absent.

    Attributes:
        status: See ``groundtruth.circuit.EdgeTruth``.
        proof: Likewise.
        tried: Likewise.
        redundant: Likewise.
        witness: ``[clean, counterfactual, output, cut output]``.
    """

    status: Literal["inert", "live", "undecided"]
    proof: Literal["constant", "absorbed", "exhaustive", "witness", "none"]
    tried: int = 0
    redundant: bool = False
    witness: tuple[list[Any], list[Any] | None, list[Any], list[Any]] | None = None


class SufficiencyData(_Strict):
    """See ``groundtruth.circuit.Sufficiency``."""

    holds: bool | None
    by: Literal["induction", "local", "exhaustive", "sample"]
    runs: int


class CircuitData(_Strict):
    """The circuit under one ablation on one set of inputs.

    Attributes:
        ablation: What a cut edge carries.
        lengths: Which inputs.
        inputs: How many.
        exhaustive: Whether they are all.
        edges: Each edge that is not absent.
        sufficiency: Of the live edges.
        minimal_circuits: Where they do not suffice, minimal sets that do; else empty.
        complete: Whether these are all.
    """

    ablation: Literal["resample", "zero", "mean", "mean-positional"]
    lengths: Literal["fixed", "mixed"]
    inputs: int
    exhaustive: bool
    edges: dict[str, EdgeData]
    sufficiency: SufficiencyData
    minimal_circuits: list[list[str]]
    complete: bool


class TruthData(_Strict):
    """``truth.json``.

    Attributes:
        schema_version: Of this file.
        name: Of the model.
        model_sha256: Of ``model.json``.
        absent: Edges whose source writes nothing that the destination reads.
        reasons: ``[carries, travels, used for]`` for each other edge.
        circuits: One for each ablation and set of inputs.
    """

    schema_version: Literal[1]
    name: str
    model_sha256: str
    absent: list[str]
    reasons: dict[str, tuple[str, list[str], list[str]]]
    circuits: list[CircuitData]
