"""A localization task: all that a method may see. It has no channel to any truth."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mib.engine.ablations import Ablation, check_ablation
from mib.engine.engine import Engine
from mib.engine.metric import Metric, first_position
from mib.engine.metric_contract import check_first_position, check_metric
from mib.engine.row_batches import Work
from mib.errors import TaskError, did_you_mean
from mib.graph import Graph
from mib.levels import LEVELS, Level
from mib.memory_budget import MEMORY
from mib.models.adapters.anatomy import Anatomy
from mib.models.adapters.decompose import Model, decompose
from mib.tensor_checks import as_mask, require_integers, require_tensor, require_whole_number

WORTH_SKIPPING = 2**16
"""Products that unembedding the positions that a metric does not read takes, from which on it is left out."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Some examples of a task, and where their inputs are in the engine's pool.

    Attributes:
        examples: Numbers of the examples.
        clean: Pool indices of their clean inputs.
        counterfactual: Pool indices of their counterfactual inputs.
    """

    examples: Int[Tensor, "batch"]
    clean: Int[Tensor, "batch"]
    counterfactual: Int[Tensor, "batch"]


@dataclass(frozen=True, eq=False, kw_only=True)
class LocalizationTask:
    """Find the parts of a model that a behaviour runs through.

    Attributes:
        model: Anything that ``mib.models.adapters.decompose`` takes apart.
        clean: Token ids that show the behaviour, [example, position].
        counterfactual: Token ids of each example's counterfactual, in the same shape.
        metric: One number an example, higher is better; see ``mib.engine.Metric``. It is tried when the task is made.
        ablation: Kind of ablation of cut edges.
        level: Parts that are scored: edges, nodes, or neurons (residual dimensions of each node's output).
        graph: The nodes and edges; default: the model's own.
        seed: Seeds every random choice of a method, by ``generator()``.
        attention_mask: True (or 1, as tokenizers have it) for real tokens, [example, position]; None if nothing is
            padding that attention skips.
        counterfactual_mask: The same for the counterfactual inputs; default: as the clean ones.
        constants: For the ablation ``optimal``: one constant a source, [source, d_model].
        memory: Bytes that a run may use beside the model.

    Raises:
        TaskError: If the parts do not fit together.
    """

    model: Model
    clean: Int[Tensor, "example position"]
    counterfactual: Int[Tensor, "example position"]
    metric: Metric
    ablation: Ablation = "resample"
    level: Level = "edge"
    graph: Graph = None  # pyright: ignore[reportAssignmentType] - filled below
    seed: int = 0
    attention_mask: Bool[Tensor, "example position"] | None = None
    counterfactual_mask: Bool[Tensor, "example position"] | None = None
    constants: Float[Tensor, "source d_model"] | None = None
    memory: int = MEMORY

    def __post_init__(self) -> None:
        check_ablation(self.ablation)
        if self.level not in LEVELS:
            raise TaskError(
                f"unknown level '{self.level}'.{did_you_mean(self.level, LEVELS)} Known: {', '.join(LEVELS)}."
            )
        require_whole_number(self.seed, "seed", least=0)
        require_whole_number(self.memory, "memory", least=1)
        self._check_inputs()
        if self.ablation == "optimal" and self.constants is None:
            raise TaskError("constants=None, but the ablation is 'optimal': give one constant a source.")
        if not callable(self.metric):
            raise TaskError(f"metric is a {type(self.metric).__name__}; expected a callable (logits, examples).")
        check_first_position(self.metric, self.clean.shape[1])
        if self.graph is None:  # pyright: ignore[reportUnnecessaryComparison]
            object.__setattr__(self, "graph", self.engine.graph)
        self._check_metric()

    def _check_inputs(self) -> None:
        for name in ("clean", "counterfactual"):
            require_integers(getattr(self, name), name, "token ids [example, position]")
        if self.clean.ndim != 2 or self.clean.shape != self.counterfactual.shape or not self.clean.numel():
            raise TaskError(
                f"clean has shape {tuple(self.clean.shape)}, counterfactual {tuple(self.counterfactual.shape)}; "
                "expected one [example, position] shape for both, with at least one example. Pad the shorter inputs."
            )
        if self.counterfactual_mask is not None and self.attention_mask is None:
            raise TaskError("counterfactual_mask is given, but attention_mask is not: give both or neither.")
        for name in ("attention_mask", "counterfactual_mask"):
            if (mask := getattr(self, name)) is not None:
                object.__setattr__(self, name, as_mask(mask, name, self.clean.shape))
        if self.constants is not None:
            require_tensor(self.constants, "constants", "one constant a source, [source, d_model]")

    def _check_metric(self) -> None:
        """Run the model on the first and the last example: a metric's faults show in no score (see ``check_metric``).

        The engine's own checks of tokens, graph and masks run here too, not in the middle of a method.
        """
        ends = torch.tensor([0, len(self) - 1], device=self.engine.inputs.device)
        with torch.no_grad():  # one at a time where two do not fit into the memory
            logits = [self.engine.anatomy.logits(*self.engine.tokens(end)) for end in self.engine.chunks(ends)]
        check_metric(self.metric, torch.cat(logits), ends, shape=self.clean.shape)

    @cached_property
    def engine(self) -> Engine:
        """The engine over the clean inputs, then the counterfactual ones.

        Its logits are NaN at positions before the metric's ``first_position``, if it has one and the model is large.
        """
        mask = None
        if self.attention_mask is not None:
            other = self.attention_mask if self.counterfactual_mask is None else self.counterfactual_mask
            mask = torch.cat((self.attention_mask, other.to(self.attention_mask.device)))
        return Engine(
            self._as_read(),
            torch.cat((self.clean, self.counterfactual.to(self.clean.device))),
            graph=self.graph,
            attention_mask=mask,
            ablation=self.ablation,
            mean_over=torch.arange(len(self)),
            constants=self.constants,
            memory=self.memory,
        )

    def _as_read(self) -> Anatomy:
        """The model without the logits that the metric does not read, where that saves more than it costs."""
        anatomy, unread = decompose(self.model), first_position(self.metric, self.clean.shape[1])
        return replace(anatomy, unread=unread if unread * anatomy.W_U.numel() >= WORTH_SKIPPING else 0)

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.clean)

    @property
    def cuts_to_counterfactual(self) -> bool:
        """True if the model with everything cut is the model on the counterfactual inputs: they are padded alike."""
        clean, other = self.attention_mask, self.counterfactual_mask
        return self.ablation == "resample" and (clean is None or other is None or torch.equal(clean, other.to(clean)))

    def generator(self) -> torch.Generator:
        """A fresh generator on the CPU, seeded by the task."""
        return torch.Generator().manual_seed(self.seed)

    @property
    def everything(self) -> Batch:
        """All examples as one batch."""
        examples = torch.arange(len(self), device=self.engine.inputs.device)
        return Batch(examples, examples, examples + len(self))

    def batches(self, *, work: Work = "gradients") -> Iterator[Batch]:
        """All examples, in batches that fit into the memory.

        Args:
            work: Work that is done with them; see ``mib.engine.row_batches.rows_that_fit``.
        """
        for examples in self.engine.chunks(self.everything.examples, work=work):
            yield Batch(examples, examples, examples + len(self))
