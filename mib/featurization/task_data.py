"""The data of a featurization task, which its checks and its runs read."""

from dataclasses import dataclass
from functools import cached_property

from jaxtyping import Bool, Float, Int
from torch import Tensor

from mib.featurization.readout import Readout
from mib.featurization.splits import Split
from mib.memory_budget import MEMORY
from mib.models.adapters.anatomy import Anatomy
from mib.models.adapters.decompose import Model, decompose
from mib.site import Site


@dataclass(frozen=True, eq=False, kw_only=True)
class TaskData:
    """A model, a site in it, pairs of inputs, and what the output must be when the variable is swapped.

    Attributes:
        model: Anything that ``mib.models.adapters.decompose`` takes apart.
        site: Site at which the variable is sought.
        base: Token ids of the inputs that are run, [example, position].
        source: Token ids of the inputs that the variable is taken from, in the same shape.
        expected: Prediction of the hypothesis when the variable is swapped, [example, position]: indices of outputs, or
            numbers where the model gives one number (or where ``readout`` says what is read).
        mask: Positions at which a prediction counts, [example, position]; at least one an example.
        isolates: Examples of which the prediction is the base's own answer, because the source differs only in other
            variables (RAVEL's isolation pairs), [example]; default: none.
        base_values: The variable's value on the base, a number from 0 for each distinct value, at each position of
            the site, [example, chosen]; what probes learn. -1 where it has none. Default: not known.
        source_values: The same on the source.
        family: Data set of counterfactuals that each pair is from, a number from 0, [example]: MIB averages over
            data sets. Default: all are from one.
        split: Examples to learn from, to choose by and to score on; default: 60, 20 and 20 %, shuffled by ``seed``.
        seed: Seeds every random choice of a method, by ``generator()``.
        base_positions: Positions of the site in each base, [example, chosen]; default: the site's own positions.
        source_positions: The same in each source, with as many chosen positions.
        base_attention_mask: True for real tokens, [example, position]; None if no padding is to be skipped.
        source_attention_mask: The same for the sources.
        readout: Function that reads the logits: numbers, [batch, position of expected], or, where outputs are expected,
            a score for each of them, [batch, position of expected, output]; default: the logits themselves.
        tolerance: Numbers this close count as equal.
        memory: Bytes that a run may use beside the model.
    """

    model: Model
    site: Site
    base: Int[Tensor, "example position"]
    source: Int[Tensor, "example position"]
    expected: Int[Tensor, "example place"] | Float[Tensor, "example place"]
    mask: Bool[Tensor, "example place"]
    isolates: Bool[Tensor, "example"] | None = None
    base_values: Int[Tensor, "example chosen"] | None = None
    source_values: Int[Tensor, "example chosen"] | None = None
    family: Int[Tensor, "example"] | None = None
    split: Split = None  # pyright: ignore[reportAssignmentType] - filled below
    seed: int = 0
    base_positions: Int[Tensor, "example chosen"] | None = None
    source_positions: Int[Tensor, "example chosen"] | None = None
    base_attention_mask: Bool[Tensor, "example position"] | None = None
    source_attention_mask: Bool[Tensor, "example position"] | None = None
    readout: Readout | None = None
    tolerance: float = 1e-3
    memory: int = MEMORY

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.base)

    @cached_property
    def anatomy(self) -> Anatomy:
        """The model, taken apart."""
        return decompose(self.model)
