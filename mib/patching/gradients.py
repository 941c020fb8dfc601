"""Gradients of a metric at what every destination reads, and at what every source writes."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mib.anatomy import Anatomy, Context
from mib.anatomy.parts import Stream

Gradients = Float[Tensor, "row destination position d_model"]


@dataclass(frozen=True, eq=False)
class Trace:
    """One forward pass with a handle on each destination's own input.

    Attributes:
        reads: A step's inputs, [row, destination, position, d_model], in the order of ``Graph.destinations``:
            attention has three a head, an MLP and the logits one.
        streams: The residual stream after the embedding, and after each attention and each MLP.
        logits: [row, position, output].
    """

    reads: tuple[Tensor, ...]
    streams: tuple[Stream, ...]
    logits: Float[Tensor, "row position output"]

    def destination_gradients(self, loss: Tensor) -> Gradients:
        """Gradients of a number with respect to each destination's own input."""
        gradients = torch.autograd.grad(loss, self.reads)
        return torch.cat(gradients, dim=1)

    def stream_gradients(self, loss: Tensor) -> tuple[Stream, ...]:
        """Gradients of a number with respect to the residual stream after each of its writers."""
        return torch.autograd.grad(loss, self.streams)


@torch.enable_grad()
def trace(
    anatomy: Anatomy,
    embedding: Stream,
    position: Stream,
    context: Context,
    *,
    split: bool = True,
) -> Trace:
    """Run the model so that gradients can be taken.

    Args:
        anatomy: The model.
        embedding: What the token embedding writes; may be interpolated.
        position: What the position embedding writes.
        context: Attention masks and rotary tables.
        split: Whether each head's q, k and v get an input of their own (else ``reads`` has one an attention layer).
    """
    stream = (embedding + position).detach().requires_grad_()
    reads, streams = list[Tensor](), [stream]
    for block in anatomy.blocks:
        before, attention = stream, block.attention
        copies = 3 * anatomy.n_heads if split else 1
        read = before[:, None].expand(-1, copies, -1, -1)
        q, k, v = read.chunk(3, dim=1) if split else (read, read, read)
        mixed = attention.mix(attention.queries(q, context), attention.keys(k, context), attention.values(v), context)
        middle = before + attention.total(mixed)
        mlp_read = (before if anatomy.parallel else middle)[:, None]
        stream = middle + block.mlp(mlp_read[:, 0])
        reads += [read, mlp_read]
        streams += [middle, stream]
    last = stream[:, None]
    return Trace((*reads, last), tuple(streams), anatomy.unembed(last[:, 0]))


def summed(metric: Callable[[Tensor, Tensor], Tensor], logits: Tensor, examples: Tensor) -> Tensor:
    """The sum of a metric over rows: its gradient is that of each example's own number, whatever the batch."""
    return metric(logits, examples).sum()
