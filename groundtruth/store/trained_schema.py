"""What is in the JSON files of a trained model, checked at the boundary."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from groundtruth.store.json_values import Packed
from groundtruth.store.program_schema import Count, DomainData, ProgramData
from groundtruth.store.recipe_data import StepData
from groundtruth.store.witness_data import WitnessData
from groundtruth.trained.architecture import Activation, Style
from groundtruth.trained.correspondence import Sharing
from groundtruth.trained.kinds import Origin
from groundtruth.truth.circuits.circuit import ABLATIONS, Ablation

FORM = "trained"
"""The ``form`` of both files of a trained model; those of a compiled one have none."""

WeightsDtype = Literal["float32", "float64"]

Size = Annotated[int, Field(ge=1)]

Input = list[Packed]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ArchitectureData(_Strict):
    """See ``groundtruth.trained.architecture.Architecture``."""

    style: Style
    n_layers: Size
    n_heads: Size
    d_model: Size
    d_head: Size
    d_mlp: Size
    n_kv_heads: Size | None
    causal: bool
    norm: bool
    gains: bool
    activation: Activation = "gelu_new"
    attention_biases: bool = False


class UnitData(_Strict):
    """See ``groundtruth.trained.correspondence.Unit``; edges are written as everywhere, ``m0->a1.h2<k>``."""

    expressions: list[str]
    components: list[str]
    reads: list[str]
    sharing: Sharing = "single"


class CorrespondenceData(_Strict):
    """Which expressions live where; see ``groundtruth.trained.correspondence.Correspondence``.

    Attributes:
        units: Likewise.
        output: Likewise.
        spares: ``{component: variable}``.
        folded: Likewise.
    """

    units: list[UnitData]
    output: list[str]
    spares: dict[str, str] = {}
    folded: list[str] = []


class TrainingData(_Strict):
    """See ``groundtruth.trained.trained_network.TrainingRecipe``."""

    kind: Origin
    seed: Count
    steps: Count
    settings: dict[str, Packed]


class TrainedModelData(_Strict):
    """``model.json`` of a trained model.

    Attributes:
        schema_version: Version of this file's schema.
        form: ``trained``.
        name: Name of the model.
        description: One line.
        family: Subject of the program.
        architecture: Shape of the transformer.
        correspondence: Expressions that live on each component.
        training: Record of how the weights were trained.
        recipe: ``[name, seed, parameters]`` for each symmetry that made a variant.
        token_values: The token of each row of ``W_E``.
        output_values: The value of each column of ``W_U``.
        centered: Whether logits are read relative to their mean; see ``groundtruth.compiled.decoder.Decoder``.
        domain: Declared inputs, all of one length.
        program: The program as tables.
        rasp_source: Its text.
        weights_dtype: The dtype in which weights are stored and certified.
        weights_sha256: SHA-256 of ``model.safetensors``.
    """

    schema_version: Literal[1]
    form: Literal["trained"]
    name: str
    description: str
    family: str
    architecture: ArchitectureData
    correspondence: CorrespondenceData
    training: TrainingData
    recipe: list[StepData] = []
    token_values: list[Packed]
    output_values: list[Packed]
    centered: bool = False
    domain: DomainData
    program: ProgramData
    rasp_source: str
    weights_dtype: WeightsDtype
    weights_sha256: str


class ClaimData(_Strict):
    """What came of many runs; see ``groundtruth.trained.certificate.Claim``.

    Attributes:
        runs: Likewise.
        wrong: Likewise.
        margin: Likewise; ``null`` where there was no run, or none that asked for an output.
        worst: Likewise.
    """

    runs: Count
    wrong: Count = 0
    margin: float | None = None
    worst: list[Input] = []

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.wrong > self.runs:
            raise ValueError(f"{self.wrong} of {self.runs} runs cannot be wrong")
        if self.margin is not None and (self.margin > 0) == bool(self.wrong):
            raise ValueError(f"with {self.wrong} runs wrong the smallest margin is not {self.margin}")
        if len(self.worst) > 2:
            raise ValueError(f"the worst run has an input and at most one donor, not {len(self.worst)} inputs")
        return self


class EdgeRecordData(ClaimData):
    """One edge cut alone; see ``groundtruth.trained.certificate.EdgeRecord``.

    Attributes:
        status: Likewise.
        proof: Likewise.
        moved: Likewise.
        witness: ``[clean, counterfactual, output, cut output]``; a live edge has one, others have none.
    """

    status: Literal["absent", "inert", "live"]
    proof: Literal["zero", "constant", "exhaustive", "witness"]
    moved: Annotated[float, Field(ge=0)] = 0.0
    witness: Annotated[WitnessData, Field(strict=False)] | None = None

    @model_validator(mode="after")
    def _is_proven_as_it_should_be(self) -> Self:
        proofs = {"absent": ("zero",), "inert": ("constant", "exhaustive"), "live": ("witness",)}[self.status]
        if self.proof not in proofs:
            raise ValueError(f"{self.status} is proven by {' or '.join(proofs)}, not by {self.proof}")
        if (self.witness is not None) != (self.status == "live"):
            raise ValueError("a live edge has a witness, and only a live edge")
        if bool(self.wrong) != (self.status == "live"):
            raise ValueError(f"{self.status} does not agree with {self.wrong} of {self.runs} runs that change")
        if bool(self.runs) != (self.proof in ("exhaustive", "witness")):
            raise ValueError(f"{self.proof} does not agree with {self.runs} runs")
        return self


class TrainedSufficiencyData(_Strict):
    """Whether the live edges alone reproduce the network on every pair, and how many pairs that is."""

    holds: bool
    runs: Count


class AblationRecordData(_Strict):
    """All that was shown under one ablation; see ``groundtruth.trained.certificate.AblationRecord``.

    Attributes:
        ablation: Likewise.
        edges: Every edge of the graph, in its order.
        joint: Likewise.
        subsets: Likewise.
        sufficiency: Likewise.
        minimal_circuits: Minimal sets that suffice; empty where that is the live edges alone.
        complete: Likewise.
    """

    ablation: Ablation
    edges: dict[str, EdgeRecordData]
    joint: ClaimData
    subsets: ClaimData
    sufficiency: TrainedSufficiencyData
    minimal_circuits: list[list[str]]
    complete: bool


class InterchangeRecordData(ClaimData):
    """The interchange of one unit; see ``groundtruth.trained.certificate.InterchangeRecord``."""

    expressions: list[str]
    components: list[str]
    partly: Count = 0

    @model_validator(mode="after")
    def _asks_something_in_every_run(self) -> Self:
        if self.partly > self.runs:
            raise ValueError(f"{self.partly} of {self.runs} runs cannot be asked partly")
        return self


class RunData(_Strict):
    """The cost of the enumeration and the error of its screening: no claims.

    Attributes:
        cells: See ``groundtruth.trained.certificate.Certificate``.
        rechecked: Likewise.
        float32_error: Likewise.
        seconds: Likewise.
    """

    cells: Count
    rechecked: Count
    float32_error: Annotated[float, Field(ge=0)]
    seconds: Annotated[float, Field(ge=0)]


class TrainedTruthData(_Strict):
    """``truth.json`` of a trained model: its certificate.

    Attributes:
        schema_version: Version of this file's schema.
        form: ``trained``.
        name: Name of the model.
        model_sha256: SHA-256 of ``model.json``.
        inputs: Number of inputs that the domain has; all were run.
        seed: Seed for drawing the random subsets.
        behaviour: Every input against the program.
        ablations: One record for each ablation.
        interchanges: One record for each unit of the correspondence.
        run: Cost of the enumeration.
    """

    schema_version: Literal[1]
    form: Literal["trained"]
    name: str
    model_sha256: str
    inputs: Count
    seed: Count
    behaviour: ClaimData
    ablations: list[AblationRecordData]
    interchanges: list[InterchangeRecordData]
    run: RunData

    @model_validator(mode="after")
    def _speaks_of_every_ablation(self) -> Self:
        there = [record.ablation for record in self.ablations]
        if there != list(ABLATIONS):
            raise ValueError(f"the ablations are {', '.join(there) or 'none'}; expected {', '.join(ABLATIONS)}")
        return self
