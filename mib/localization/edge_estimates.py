"""First-order estimates of all cuts of a batch, as gradients come in: all in memory, or a sublayer at a time.

Both classes do the same arithmetic. ``InMemoryEstimate`` adds gradients up and multiplies them with the changes once.
``StreamingEstimate`` multiplies each sublayer's gradients as they come and keeps neither them nor the changes: for
models of which one example's would not fit into the memory.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from mib.engine.checkpointed_backward import CheckpointedBackward, Visit
from mib.engine.gradients import Gradients, Trace
from mib.engine.source_changes import Changes, KnownOutputs
from mib.localization.gradient_products import embeddings, sum_of_products
from mib.localization.task import Batch, LocalizationTask
from mib.models.adapters.anatomy import Anatomy
from mib.models.adapters.parts import Stream
from mib.sublayers import block_sublayers, next_sublayer

Scores = Float[Tensor, "*draw source destination"]
Products = Callable[..., Tensor]
"""From task, changes, gradients and weights to scores, as ``sum_of_products``."""


class EdgeEstimate(Protocol):
    """What cutting each edge is estimated to cost, summed over the examples of a batch and over all runs so far."""

    @property
    def scores(self) -> Scores:
        """The estimate, float64; 0 where there is no edge."""
        ...

    def at(self, share: float | None = None) -> None:
        """Add the gradients of a run.

        Args:
            share: The run starts from token embeddings this share of the way from ablated to clean ones; None for
                the clean ones.
        """
        ...

    def unchanged(self) -> list[Stream]:
        """Add the gradients of the clean run: once, and at each destination once for every sublayer before it.

        That is what ``at(1)`` adds, and ``after`` for each sublayer with no change, in one run.

        Returns:
            Result of ``after`` for each sublayer.
        """
        ...

    def change(self, sublayer: int) -> Stream:
        """Give what cutting changes in all outputs of a sublayer together, [example, position, d_model]."""
        ...

    def after(self, sublayer: int, change: Stream) -> Stream:
        """Add the gradients of the clean run's sublayers after one, whose output is changed.

        Returns:
            The gradient at the changed stream, for ``pull_back``.
        """
        ...

    def pull_back(self, around: Sequence[Stream]) -> None:
        """Add gradients at the stream around each sublayer, carried back through the clean run."""
        ...


def edge_estimates(
    task: LocalizationTask,
    *,
    through: Anatomy | None = None,
    weights: Float[Tensor, "draw example"] | None = None,
    products: Products = sum_of_products,
) -> Iterator[EdgeEstimate]:
    """An empty estimate for each batch of a task, streaming if one example's gradients do not fit into the memory.

    Args:
        task: Whose edges.
        through: The model with another backward pass; default: its own.
        weights: Number of times each of many draws counts each example: one estimate a draw, in a first axis. None: one
            estimate that counts each once, without that axis.
        products: Product of changes and gradients; default: one number an edge.
    """
    kind = StreamingEstimate if task.engine.must_stream else InMemoryEstimate
    for batch in task.batches(work=task.engine.gradient_work):
        own = None if weights is None else weights[:, batch.examples.cpu()]
        yield kind(task, batch, through, own, products)


class _Runs:
    def __init__(
        self,
        task: LocalizationTask,
        batch: Batch,
        through: Anatomy | None,
        weights: Tensor | None,
        products: Products,
    ) -> None:
        self.task, self.batch, self.through, self.weights = task, batch, through, weights
        self._products = products
        self._known = KnownOutputs()
        self._changes: Changes | None = None

    def find_changes(self) -> Changes:
        """Find what cutting changes, the first time from the full runs that were made by then: none is made twice."""
        if self._changes is None:
            self._changes = self.task.engine.changes(self.batch.clean, self.batch.counterfactual, known=self._known)
        return self._changes

    def remember(self, share: float | None, run: Trace | CheckpointedBackward) -> None:
        """Keep what the sources of a run wrote, if it was the full run of the clean or counterfactual inputs."""
        embeddings = self.task.engine.embeddings
        if share is None:
            self._known = replace(self._known, clean=run.written(embeddings(self.batch.clean)))
        elif share == 0 and self.task.cuts_to_counterfactual:
            other = run.written(embeddings(self.batch.counterfactual))
            self._known = replace(self._known, counterfactual=other)

    def loss(self, logits: Tensor) -> Tensor:
        """Give what is differentiated: examples do not depend on each other."""
        return self.task.metric(logits, self.batch.examples).sum()

    def products(self, gradients: Iterable[tuple[int, Tensor]]) -> Scores:
        """The estimate from some sublayers' gradients."""
        return self._products(self.task, self.find_changes(), gradients, weights=self.weights)

    def back_through_clean(self, visit: Visit) -> None:
        """Visit the gradients of the clean run, whose forward pass is kept for ``pull_back``."""
        raise NotImplementedError

    def add(self, sublayer: int, gradient: Tensor) -> None:
        """Add the gradient at one sublayer's destinations."""
        raise NotImplementedError

    def unchanged(self) -> list[Stream]:
        """See ``EdgeEstimate``."""
        task = self.task
        following = [
            next_sublayer(sublayer, parallel=task.graph.parallel) for sublayer in block_sublayers(task.graph.n_layers)
        ]
        at_stream, total = dict[int, Stream](), None

        def visit(sublayer: int, gradient: Tensor) -> None:
            nonlocal total
            inside = gradient.sum(1)
            total = inside if total is None else total + inside
            at_stream[sublayer] = total
            self.add(sublayer, (1 + sum(reader <= sublayer for reader in following)) * gradient)

        self.back_through_clean(visit)
        return [at_stream[reader] for reader in following]

    def start(self, share: float | None) -> Stream | None:
        """The residual stream before the first layer; None for the clean one."""
        if share is None:
            return None
        if self._known.clean and not self.task.cuts_to_counterfactual:
            self.find_changes()  # a mean over clean outputs is next, which takes in those that are known
        clean, ablated = embeddings(self.task, self.batch)
        return torch.lerp(ablated, clean, share) + self.task.engine.position(self.batch.clean)


class InMemoryEstimate(_Runs):
    """All sublayers' gradients at once."""

    @cached_property
    def _gradients(self) -> dict[int, Tensor]:
        return {}

    @property
    def scores(self) -> Scores:
        """See ``EdgeEstimate``."""
        return self.products(self._gradients.items())

    def at(self, share: float | None = None) -> None:
        """See ``EdgeEstimate``."""
        run = self.task.engine.trace(self.batch.clean, stream=self.start(share), through=self.through)
        self.remember(share, run)
        self._add(run.destination_gradients(self.loss(run.logits)))

    @cached_property
    def _clean(self) -> Trace:
        run = self.task.engine.trace(self.batch.clean, through=self.through)
        self.remember(None, run)
        return run

    def back_through_clean(self, visit: Visit) -> None:
        """See ``_Runs``."""
        run = self._clean
        gradients = torch.autograd.grad(self.loss(run.logits), run.reads, retain_graph=True)
        for sublayer, gradient in reversed([*enumerate(gradients)]):
            visit(sublayer, gradient)

    def change(self, sublayer: int) -> Stream:
        """See ``EdgeEstimate``."""
        return self.find_changes().of(sublayer).sum(1)

    def after(self, sublayer: int, change: Stream) -> Stream:
        """See ``EdgeEstimate``."""
        following = next_sublayer(sublayer, parallel=self.task.graph.parallel)
        # ``after`` has one entry a sublayer from 0 on: the one before ``following`` is the stream that this reads.
        stream = self._clean.after[following - 1].detach() + change
        run = self.task.engine.trace(self.batch.clean, stream=stream, first=following, through=self.through)
        gradients, start = run.gradients_and_start(self.loss(run.logits))
        self._add(gradients, first=following)
        return start

    def pull_back(self, around: Sequence[Stream]) -> None:
        """See ``EdgeEstimate``."""
        self.task.engine.count_backward(len(self.batch.clean))
        self._add(self._clean.pulled_back(around))

    def add(self, sublayer: int, gradient: Tensor) -> None:
        """See ``_Runs``."""
        known = self._gradients.get(sublayer)
        self._gradients[sublayer] = gradient if known is None else known + gradient

    def _add(self, gradients: Gradients, *, first: int = 0) -> None:
        for sublayer, gradient in enumerate(gradients, first):
            self.add(sublayer, gradient)


class StreamingEstimate(_Runs):
    """One sublayer's gradients, and one sublayer's changes, at a time."""

    @cached_property
    def _sum(self) -> Scores:
        return self.products(())

    @property
    def scores(self) -> Scores:
        """See ``EdgeEstimate``."""
        return self._sum

    def at(self, share: float | None = None) -> None:
        """See ``EdgeEstimate``."""
        run = self._backward(stream=self.start(share))
        self.remember(share, run)
        run.back(self.loss, self.add)

    @cached_property
    def _clean(self) -> CheckpointedBackward:
        run = self._backward()
        self.remember(None, run)
        return run

    def back_through_clean(self, visit: Visit) -> None:
        """See ``_Runs``."""
        self._clean.back(self.loss, visit)

    def change(self, sublayer: int) -> Stream:
        """See ``EdgeEstimate``."""
        return self.find_changes().of(sublayer).sum(1)

    def after(self, sublayer: int, change: Stream) -> Stream:
        """See ``EdgeEstimate``."""
        following = next_sublayer(sublayer, parallel=self.task.graph.parallel)
        stream = self._clean.reads[following] + change
        return self._backward(stream=stream, first=following).back(self.loss, self.add)

    def pull_back(self, around: Sequence[Stream]) -> None:
        """See ``EdgeEstimate``."""
        self.task.engine.count_backward(len(self.batch.clean))
        self._clean.pull_back(around, self.add)

    def add(self, sublayer: int, gradient: Float[Tensor, "example destination position d_model"]) -> None:
        """See ``_Runs``."""
        self._sum += self.products([(sublayer, gradient)])

    def _backward(self, *, stream: Stream | None = None, first: int = 0) -> CheckpointedBackward:
        return self.task.engine.checkpointed_backward(
            self.batch.clean, stream=stream, first=first, through=self.through
        )
