"""Gradients one sublayer at a time, for models whose gradients of all sublayers together do not fit into the memory.

The forward pass keeps only the residual stream that each sublayer reads. The backward pass runs each sublayer again
from there, from the last to the first, and hands over the gradients at its destinations before it takes the next
(checkpointing; Chen et al. 2016, arXiv 1604.06174): one more forward pass, for a peak of one layer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mib.engine.source_changes import CompactOutputs, Written
from mib.models.adapters.anatomy import Anatomy
from mib.models.adapters.parts import Context, PerHead, Stream
from mib.sublayers import (
    block_sublayers,
    is_mlp_sublayer,
    next_sublayer,
    other_of_block,
    split_sublayer,
    unembedding_sublayer,
)

Visit = Callable[[int, Float[Tensor, "row destination position d_model"]], None]
"""Called with a sublayer and the gradients at its destinations' inputs, in the order of ``Graph.destinations``."""


@dataclass(frozen=True, eq=False)
class CheckpointedBackward:
    """A forward pass that can be gone back through, a sublayer at a time, numbered as in ``mib.sublayers``.

    Attributes:
        anatomy: The model.
        context: Attention masks and rotary tables.
        first: The sublayer that the pass starts at; of a model with parallel blocks, an attention or the
            unembedding.
        reads: The residual stream that each sublayer from ``first`` on reads; that of the unembedding is the last.
        mixed: Mixed values of the heads of each layer that was run.
        mlps: Output of each MLP that was run.
    """

    anatomy: Anatomy
    context: Context
    first: int
    reads: tuple[Stream, ...]
    mixed: tuple[PerHead, ...]
    mlps: tuple[Stream, ...]

    @classmethod
    @torch.no_grad()
    def of(cls, anatomy: Anatomy, stream: Stream, context: Context, *, first: int = 0) -> "CheckpointedBackward":
        """Run the model forward from a sublayer.

        Args:
            anatomy: The model.
            stream: The residual stream that sublayer ``first`` reads.
            context: Attention masks and rotary tables.
            first: The sublayer to start at.
        """
        reads, read, mixed, mlps = list[Stream](), stream, list[PerHead](), list[Stream]()
        for sublayer in block_sublayers(anatomy.n_layers, start=first):
            layer, is_mlp = split_sublayer(sublayer)
            block = anatomy.blocks[layer]
            read = read if is_mlp and anatomy.parallel else stream
            reads.append(read)
            if is_mlp:
                mlps.append(block.mlp(read))
                stream = stream + mlps[-1]
            else:
                mixed.append(block.attention.mix_stream(read, context))
                stream = stream + block.attention.total(mixed[-1])
        return cls(anatomy, context, first, (*reads, stream), tuple(mixed), tuple(mlps))

    def written(self, embeddings: Written) -> CompactOutputs:
        """Give what all sources wrote, of a run of all sublayers that started from these embeddings."""
        return CompactOutputs(embeddings, self.mixed, self.mlps, self.reads[-1])

    def after(self, sublayer: int) -> Stream:
        """The residual stream after a sublayer, which of a parallel block is that after both of its sublayers."""
        following = next_sublayer(sublayer, parallel=self.anatomy.parallel)
        return self.reads[following - self.first]

    def back(self, loss: Callable[[Tensor], Tensor], visit: Visit) -> Stream:
        """Visit the gradients of a number at all destinations, from the logits to ``first``.

        Args:
            loss: Number to differentiate, from the logits.
            visit: Called once a sublayer.

        Returns:
            The gradient at the stream that the pass started from; float32 if the model is of half precision.
        """
        with torch.enable_grad():
            last = self.reads[-1].detach().requires_grad_()
            (gradient,) = torch.autograd.grad(loss(self.anatomy.unembed(last)), last)
        visit(unembedding_sublayer(self.anatomy.n_layers), gradient[:, None])
        return self._back(gradient, visit, None)

    def pull_back(self, cotangents: Sequence[Stream], visit: Visit) -> Stream:
        """Turn gradients at the stream around each sublayer into those at all destinations."""
        return self._back(torch.zeros_like(self.reads[-1]), visit, cotangents)

    def _back(self, gradient: Stream, visit: Visit, around: Sequence[Stream] | None) -> Stream:
        parallel, gradient = self.anatomy.parallel, _at_least_single(gradient)
        entering = gradient
        for sublayer in reversed(block_sublayers(self.anatomy.n_layers, start=self.first)):
            if not parallel or is_mlp_sublayer(sublayer):
                entering = gradient  # both sublayers of a parallel block write to the stream after the block
            # The stream around a sublayer of a parallel block holds what the other one of the block writes.
            other = around[other_of_block(sublayer) - self.first] if parallel and around else None
            inside = self._gradients_inside(sublayer, entering if other is None else entering + other)
            visit(sublayer, inside)
            # What a sublayer reads flows on past it too, so that the gradient before it is that after it and its own.
            gradient = gradient + inside.sum(1, dtype=gradient.dtype)
            if around:
                gradient = gradient + around[sublayer - self.first]
        return gradient

    @torch.enable_grad()
    def _gradients_inside(self, sublayer: int, gradient: Stream) -> Float[Tensor, "row destination position d_model"]:
        """The gradients at a sublayer's destinations, from that at what the sublayer writes."""
        layer, is_mlp = split_sublayer(sublayer)
        block, stream = self.anatomy.blocks[layer], self.reads[sublayer - self.first].detach()
        n_destinations = 1 if is_mlp else 3 * self.anatomy.n_heads
        read = stream[:, None].expand(-1, n_destinations, -1, -1).requires_grad_()
        attention = block.attention
        written = block.mlp(read[:, 0]) if is_mlp else attention.total(attention.mix_reads(read, self.context))
        return torch.autograd.grad(written, read, gradient.to(written.dtype))[0]


def _at_least_single(gradient: Stream) -> Stream:
    """Sums over many sublayers are taken in float32 or better."""
    return gradient.float() if gradient.dtype.itemsize < 4 else gradient
