"""What is in the JSON files of an artifact, checked at the boundary."""

from typing import Literal, Self

from pydantic import Field, model_validator

from groundtruth.compiled.provenance import DirectionKind, HeadRole, NeuronRole
from groundtruth.store.json_values import Packed
from groundtruth.store.program_schema import Count, DomainData, ProgramData, Strict
from groundtruth.store.recipe_data import StepData
from groundtruth.store.witness_data import WitnessData
from groundtruth.truth.circuits.circuit import Ablation, Carries, Lengths
from groundtruth.truth.variables.variable import Encoding
from groundtruth.truth.variables.variable_truth import Pairs, State


class CheckData(Strict):
    """How weights and program were compared."""

    inputs: Count
    exhaustive: bool
    seed: int = 0


class SettingsData(Strict):
    """How a program was compiled, under the names of ``groundtruth.compiled.settings.Settings``."""

    mlp_exactness: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    undiluted_softmax: bool = True
    own_clean_bos: bool = True
    value_sized_heads: bool = True
    repairs: bool = True


class ModelData(Strict):
    """``model.json``.

    Attributes:
        schema_version: Version of this file's schema.
        name: Name of the model.
        description: One line.
        family: Subject of the program.
        causal: True if attention sees only the past.
        pad_safe: Whether padding on the right changes nothing.
        token_values: The token of each row of ``W_E``.
        output_values: The value of each column of ``W_U``; empty for a number.
        certainty: Whether what is known was proven, or measured; see ``groundtruth.compiled.network.CompiledNetwork``.
        centered: Whether logits are read relative to their mean; see ``groundtruth.compiled.decoder.Decoder``.
        domain: Declared inputs.
        check: Comparison of weights and program.
        directions: ``[name, kind, expression, value]`` for each residual dimension; where the weights have a
            ``frame``, for each of its rows.
        heads: ``[layer, head, expression, role]`` for each head.
        neurons: ``[layer, index, expression, role]`` for each neuron that has weights.
        program: The program as tables.
        rasp_source: Its text.
        weights_sha256: SHA-256 of ``model.safetensors``.
        settings: Settings by which the program was compiled, as far as they are not the defaults.
        recipe: ``[name, seed, parameters]`` for each transformation that made a variant.
    """

    schema_version: Literal[1]
    name: str
    description: str
    family: str
    causal: bool
    pad_safe: bool
    token_values: list[Packed]
    output_values: list[Packed]
    domain: DomainData
    check: CheckData
    directions: list[tuple[str, DirectionKind, str | None, Packed]]
    heads: list[tuple[Count, Count, str | None, HeadRole]]
    neurons: list[tuple[Count, Count, str, NeuronRole]]
    program: ProgramData
    rasp_source: str
    weights_sha256: str
    settings: SettingsData = SettingsData()
    recipe: list[StepData] = []
    centered: bool = False
    certainty: Literal["exact", "measured"] = "exact"


class EdgeData(Strict):
    """Status of one edge that is not absent.

    Attributes:
        status: See ``groundtruth.truth.circuits.circuit.EdgeTruth``.
        proof: Likewise.
        tried: Likewise.
        redundant: Likewise.
        witness: ``[clean, counterfactual, output, cut output]``; a live edge has one, others have none.
    """

    status: Literal["inert", "live", "undecided"]
    proof: Literal["constant", "unread", "absorbed", "exhaustive", "witness", "sampled", "none"]
    tried: Count = 0
    redundant: bool = False
    witness: WitnessData | None = None

    @model_validator(mode="after")
    def _is_proven_as_it_should_be(self) -> Self:
        proofs = {
            "live": ("witness",),
            "undecided": ("sampled", "none"),
            "inert": ("constant", "unread", "absorbed", "exhaustive"),
        }
        if self.proof not in proofs[self.status]:
            raise ValueError(f"{self.status} is proven by {' or '.join(proofs[self.status])}, not by {self.proof}")
        if (self.witness is not None) != (self.status == "live"):
            raise ValueError("a live edge has a witness, and only a live edge")
        return self


class SufficiencyData(Strict):
    """See ``groundtruth.truth.circuits.circuit.Sufficiency``."""

    holds: bool | None
    by: Literal["induction", "local", "classes", "exhaustive", "sample"]
    runs: Count


class CircuitData(Strict):
    """The circuit under one ablation on one set of inputs.

    Attributes:
        ablation: Kind of ablation of cut edges.
        lengths: Lengths of the inputs.
        inputs: Number of inputs that were run.
        exhaustive: Whether they are all.
        coverage: Part of the domain that the statuses speak of, where not all; see ``Circuit.coverage``.
        edges: Each edge that is not absent.
        sufficiency: Sufficiency of the live edges.
        minimal_circuits: The minimal sufficient circuits; empty where the live edges are the one that is known.
        complete: Whether these are known to be all.
    """

    ablation: Ablation
    lengths: Lengths
    inputs: Count
    exhaustive: bool
    coverage: Literal["value classes", "sample"] | None = None
    edges: dict[str, EdgeData]
    sufficiency: SufficiencyData
    minimal_circuits: list[list[str]]
    complete: bool

    @model_validator(mode="after")
    def _claims_no_more_than_was_run(self) -> Self:
        if self.exhaustive != (self.coverage is None):
            raise ValueError(
                f"circuit {self.ablation}/{self.lengths} "
                + (
                    "ran the whole domain, so it has no coverage"
                    if self.exhaustive
                    else "speaks of a sample of the domain without saying how much of it is proven (coverage); older "
                    "versions called edges inert there that they had only not seen live. Compile and save it again"
                )
            )
        undecided = any(edge.status == "undecided" for edge in self.edges.values())
        if self.coverage == "value classes" and (undecided or self.sufficiency.holds is None):
            raise ValueError(
                f"circuit {self.ablation}/{self.lengths} is said to be decided by value classes, and is not"
            )
        return self


class FailureData(Strict):
    """See ``groundtruth.truth.variables.Failure``."""

    base: list[int | float | str]
    source: list[int | float | str]
    positions: list[Count]
    expected: list[Packed]
    actual: list[Packed]


class InterchangesData(Strict):
    """See ``groundtruth.truth.variables.Interchanges``."""

    pairs: Pairs
    tried: Count
    undefined: Count
    distinguishing: Count
    wrong: Count
    exhaustive: bool
    failure: FailureData | None = None


class StageData(Strict):
    """Sites of a variable between which nothing reads or writes it; see ``groundtruth.truth.variables.Stage``.

    Attributes:
        state: Likewise.
        sites: Likewise, by name.
        rank: Likewise.
        runs: Likewise.
        interchanges: Likewise.
    """

    state: State
    sites: list[str]
    rank: Count
    runs: Count
    interchanges: list[InterchangesData]


class VariableData(Strict):
    """One variable; see ``groundtruth.truth.variables.VariableTruth``.

    Attributes:
        label: Label of its expression.
        encoding: Encoding in which it is held.
        values: Values that occur.
        writer: The component that writes it.
        other_writers: Further ones, in a model with copies.
        readers: ``[destination, expression, neurons]``.
        spread: See there.
        exhaustive: See there.
        stages: Its sites.
    """

    label: str
    encoding: Encoding
    values: list[Packed]
    writer: str
    other_writers: list[str] = []
    readers: list[tuple[str, str | None, list[Count]]]
    spread: float | None
    exhaustive: bool
    stages: list[StageData]


class HoldsData(Strict):
    """What an artifact holds that does not hold everything.

    Attributes:
        circuits: ``ablation/lengths`` of each circuit.
        variables: Whether it holds the variables.
    """

    circuits: list[str]
    variables: bool


class TruthData(Strict):
    """``truth.json``.

    Attributes:
        schema_version: Version of this file's schema.
        name: Name of the model.
        model_sha256: SHA-256 of ``model.json``.
        absent: Edges whose source writes nothing that the destination reads.
        reasons: ``[carries, travels, used for]`` for each other edge.
        circuits: One for each ablation and set of inputs.
        variables: Every variable with its sites; empty if none were proven.
        holds: Parts that are here, if that is not every circuit and every variable; what is not named must not be
            missing.
    """

    schema_version: Literal[1]
    name: str
    model_sha256: str
    absent: list[str]
    reasons: dict[str, tuple[Carries, list[str], list[str]]]
    circuits: list[CircuitData]
    variables: list[VariableData] = []
    holds: HoldsData | None = None
