"""What an index says of each model that ships."""

from typing import Annotated, Literal

from pydantic import Field

from groundtruth.store.program_schema import Count, Strict
from groundtruth.trained.kinds import Origin


class SummaryData(Strict):
    """One shipped model in the index: what ``groundtruth models`` lists without reading the model.

    Attributes:
        name: Name of the model and of its folder.
        family: Subject of the program.
        description: One line.
        layers: Number of blocks.
        heads: Heads of the widest layer.
        d_model: Width of the residual stream.
        d_mlp: Width of the MLPs.
        domain: Declared inputs, in words.
        inputs: Number of inputs that were run.
        causal: True if attention sees only the past.
        pad_safe: True if padding on the right changes nothing.
        output: Kind of what it gives: one of some values, or a number.
        edges: Number of edges.
        live: Number of live edges, by ``ablation/lengths``.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
    family: str
    description: str
    layers: Count
    heads: Count
    d_model: Count
    d_mlp: Count
    domain: str
    inputs: Count
    causal: bool
    pad_safe: bool
    output: Literal["categorical", "numerical"]
    edges: Count
    live: dict[str, Count]


class TrainedSummaryData(Strict, strict=True):
    """One shipped trained model in the index: what ``groundtruth models`` lists without reading the model.

    Attributes:
        name: Name of the model and of its folder, such as ``second_step@free-7``.
        program: Name of its program.
        family: Subject of the program.
        description: One line.
        kind: Kind of its training, by how edges were held.
        seed: Seed of its training.
        architecture: Its shape, in words.
        layers: Number of blocks.
        heads: Heads a block.
        d_model: Width of the residual stream.
        domain: Declared inputs, in words.
        inputs: Number of inputs.
        edges: Number of edges.
        live: Number of live edges, by ablation.
        redundant: Number of edges that are inert alone and needed by a minimal circuit, by ablation.
        margin: Smallest margin on the domain.
        interchange_accuracy: Smallest share of any unit; ``null`` where there is none.
        certified: True if nothing in its certificate fails; ``scratch`` claims no variables.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+@[A-Za-z0-9_+-]+$")]
    program: str
    family: str
    description: str
    kind: Origin
    seed: Count
    architecture: str
    layers: Count
    heads: Count
    d_model: Count
    domain: str
    inputs: Count
    edges: Count
    live: dict[str, Count]
    redundant: dict[str, Count]
    margin: float | None
    interchange_accuracy: float | None
    certified: bool
