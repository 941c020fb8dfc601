"""Gradients of a metric at what every destination reads, and at what every source writes."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mib.engine.source_changes import CompactOutputs, Written
from mib.models.adapters.anatomy import Anatomy
from mib.models.adapters.parts import Context, PerHead, Stream
from mib.sublayers import block_sublayers, is_mlp_sublayer, split_sublayer

Gradients = tuple[Float[Tensor, "row _destination position d_model"], ...]
"""One tensor a sublayer of the forward pass, in the order of ``Graph.destinations``."""


@dataclass(frozen=True, eq=False)
class Trace:
    """A forward pass with a handle on each destination's own input.

    Sublayers are numbered as in ``mib.sublayers``.

    Attributes:
        first: The sublayer that the pass starts at.
        start: The residual stream that it starts from.
        reads: Values that the destinations of each sublayer from ``first`` on read, [row, destination, position,
            d_model], in the order of ``Graph.destinations``: three a head for attention, one for an MLP and for the
            logits.
        around: Per sublayer but the last, the stream after it without what the sublayer itself writes.
        after: Per sublayer but the last, the stream after it.
        logits: [row, position, output].
        mixed: Mixed values of the heads of each layer that was run, without a gradient.
        mlps: Output of each MLP that was run, without a gradient.
    """

    first: int
    start: Stream
    reads: tuple[Tensor, ...]
    around: tuple[Stream, ...]
    after: tuple[Stream, ...]
    logits: Float[Tensor, "row position output"]
    mixed: tuple[PerHead, ...]
    mlps: tuple[Stream, ...]

    def written(self, embeddings: Written) -> CompactOutputs:
        """Give what all sources wrote, of a run of all sublayers that started from these embeddings."""
        return CompactOutputs(embeddings, self.mixed, self.mlps, self.reads[-1][:, 0].detach())

    def destination_gradients(self, loss: Tensor) -> Gradients:
        """Gradients of a number at each destination's own input, for each sublayer from ``first`` on."""
        return torch.autograd.grad(loss, self.reads)

    def gradients_and_start(self, loss: Tensor) -> tuple[Gradients, Stream]:
        """Gradients of a number at each destination's own input, and at the stream that the pass starts from."""
        *reads, start = torch.autograd.grad(loss, (*self.reads, self.start))
        return tuple(reads), start

    def pulled_back(self, cotangents: Sequence[Stream]) -> Gradients:
        """From gradients at ``around`` to gradients at each destination's own input (zeros where nothing flows)."""
        return torch.autograd.grad(self.around, self.reads, cotangents, allow_unused=True, materialize_grads=True)

    def output_gradients(self, loss: Tensor) -> tuple[Stream, ...]:
        """Gradients of a number at what each writer adds: the embeddings, then attention and MLP of each layer."""
        # Kept, for gradients at what is read are asked for next, of the same run.
        return torch.autograd.grad(loss, (self.start, *self.after), retain_graph=True)

    def mlp_read_gradients(self, loss: Tensor) -> tuple[Stream, ...]:
        """Gradients of a number at each MLP's own input."""
        mlps = [read for sublayer, read in enumerate(self.reads, self.first) if is_mlp_sublayer(sublayer)]
        reads = torch.autograd.grad(loss, mlps)
        return tuple(gradient[:, 0] for gradient in reads)


@torch.enable_grad()
def trace(anatomy: Anatomy, stream: Stream, context: Context, *, first: int = 0, split: bool = True) -> Trace:
    """Run the model so that gradients can be taken.

    Args:
        anatomy: The model.
        stream: The residual stream that sublayer ``first`` reads.
        context: Attention masks and rotary tables.
        first: The sublayer to start at; of a model with parallel blocks, an attention or the
            unembedding.
        split: True if each head's q, k and v get an input of their own (else ``reads`` has one an attention layer).
    """
    # Cut off what came before: gradients end here, and nothing of another run is kept alive.
    start = stream.detach().requires_grad_()
    reads, around, after = list[Tensor](), list[Tensor](), list[Tensor]()
    mixed, mlps = list[PerHead](), list[Stream]()
    before = stream = start
    for sublayer in block_sublayers(anatomy.n_layers, start=first):
        layer, is_mlp = split_sublayer(sublayer)
        block = anatomy.blocks[layer]
        if not is_mlp:
            before = stream
            # Expanded, not copied: every destination has a gradient of its own all the same, and the forward pass needs
            # no more memory.
            read = stream[:, None].expand(-1, 3 * anatomy.n_heads if split else 1, -1, -1)
            heads = block.attention.mix_reads(read, context)
            written = block.attention.total(heads)
            mixed.append(heads.detach())
            around.append(stream)
        else:
            read = (before if anatomy.parallel else stream)[:, None]
            written = block.mlp(read[:, 0])
            mlps.append(written.detach())
            if anatomy.parallel:
                around[-1] = around[-1] + written
            around.append(stream)
        stream = stream + written
        reads.append(read)
        after.append(stream)
    last = stream[:, None]
    logits = anatomy.unembed(last[:, 0])
    return Trace(first, start, (*reads, last), tuple(around), tuple(after), logits, tuple(mixed), tuple(mlps))
