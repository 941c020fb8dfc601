"""Gradients one step at a time, for models of which the gradients of all steps together do not fit into the memory.

The forward pass keeps only the residual stream that each step reads. The backward pass runs each step again from
there, from the last to the first, and hands over the gradients at that step's destinations before it takes the next
(checkpointing; Chen et al. 2016, arXiv 1604.06174): one more forward pass, for a peak of one layer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mib.engine.gradients import attend
from mib.models.adapters import Anatomy, Context
from mib.models.adapters.parts import Stream

Visit = Callable[[int, Float[Tensor, "row destination position d_model"]], None]
"""Called with a step and the gradients at its destinations' inputs, in the order of ``Graph.destinations``."""


@dataclass(frozen=True, eq=False)
class Sweep:
    """A forward pass that can be gone back through, a step at a time. Steps are numbered as in ``Columns``.

    Attributes:
        anatomy: The model.
        context: Attention masks and rotary tables.
        first: The step that the pass starts at; of a model with parallel blocks, an attention step or the logits.
        reads: The residual stream that each step from ``first`` on reads; that of the logits is the last.
    """

    anatomy: Anatomy
    context: Context
    first: int
    reads: tuple[Stream, ...]

    @classmethod
    @torch.no_grad()
    def of(cls, anatomy: Anatomy, stream: Stream, context: Context, *, first: int = 0) -> "Sweep":
        """Run the model forward from a step.

        Args:
            anatomy: The model.
            stream: The residual stream that step ``first`` reads.
            context: Attention masks and rotary tables.
            first: The step to start at.
        """
        reads, read = list[Stream](), stream
        for step in range(first, 2 * anatomy.n_layers):
            layer, is_mlp = divmod(step, 2)
            block = anatomy.blocks[layer]
            read = read if is_mlp and anatomy.parallel else stream
            reads.append(read)
            stream = stream + (block.mlp(read) if is_mlp else block.attention(read, context))
        return cls(anatomy, context, first, (*reads, stream))

    def after(self, step: int) -> Stream:
        """The residual stream after a step, which of a parallel block is that after both of its steps."""
        following = step + 1 if not self.anatomy.parallel else step + 2 - step % 2
        return self.reads[following - self.first]

    def back(self, loss: Callable[[Tensor], Tensor], visit: Visit) -> Stream:
        """Visit the gradients of a number at all destinations, from the logits to ``first``.

        Args:
            loss: Of the logits.
            visit: Called once a step.

        Returns:
            The gradient at the stream that the pass started from; float32 if the model is of half precision.
        """
        with torch.enable_grad():
            last = self.reads[-1].detach().requires_grad_()
            (gradient,) = torch.autograd.grad(loss(self.anatomy.unembed(last)), last)
        visit(2 * self.anatomy.n_layers, gradient[:, None])
        return self._back(gradient, visit, None)

    def pull_back(self, cotangents: Sequence[Stream], visit: Visit) -> Stream:
        """As ``Trace.pulled_back``: from gradients at the stream around each step to those at all destinations."""
        return self._back(torch.zeros_like(self.reads[-1]), visit, cotangents)

    def _back(self, gradient: Stream, visit: Visit, around: Sequence[Stream] | None) -> Stream:
        parallel, gradient = self.anatomy.parallel, _at_least_single(gradient)
        entering = gradient
        for step in reversed(range(self.first, 2 * self.anatomy.n_layers)):
            if not parallel or step % 2:
                entering = gradient  # both steps of a parallel block write to the stream after the block
            other = around[(step ^ 1) - self.first] if parallel and around else None
            inside = self._step(step, entering if other is None else entering + other)
            visit(step, inside)
            gradient = gradient + inside.sum(1, dtype=gradient.dtype)
            if around:
                gradient = gradient + around[step - self.first]
        return gradient

    @torch.enable_grad()
    def _step(self, step: int, gradient: Stream) -> Float[Tensor, "row destination position d_model"]:
        """The gradients at a step's destinations, from that at what the step writes."""
        layer, is_mlp = divmod(step, 2)
        block, stream = self.anatomy.blocks[layer], self.reads[step - self.first].detach()
        n_destinations = 1 if is_mlp else 3 * self.anatomy.n_heads
        read = stream[:, None].expand(-1, n_destinations, -1, -1).requires_grad_()
        written = block.mlp(read[:, 0]) if is_mlp else attend(block, read, self.context)
        return torch.autograd.grad(written, read, gradient.to(written.dtype))[0]


def _at_least_single(gradient: Stream) -> Stream:
    """Sums over many steps are taken in float32 or better."""
    return gradient.float() if gradient.dtype.itemsize < 4 else gradient
