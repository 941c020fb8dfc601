"""What no interchange of a task changes, run once: all that stands before the first position that it touches.

In a causal model a change at a position reaches only that position and later ones. So of the earlier positions the
keys, values and logits of the base are kept, and only the rest of the positions is run on: of a site at the last of
twenty tokens a twentieth of the work.
"""

from dataclasses import dataclass
from typing import Self

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mib.featurization.site_runs import Recording, after_layer, next_layer
from mib.models.adapters.anatomy import Anatomy, Mask, Tokens
from mib.models.adapters.parts import Context, PerHead
from mib.site import Site


@dataclass(frozen=True, eq=False)
class PrefixCache:
    """Base runs of some inputs, at the positions before the first that is touched.

    Attributes:
        first: First position that is touched.
        keys: Keys of each layer behind the site, [input, head, first, d_head].
        values: Values of these layers, in the same shape.
        logits: [input, first, output].
    """

    first: int
    keys: tuple[PerHead, ...]
    values: tuple[PerHead, ...]
    logits: Float[Tensor, "input first output"]

    @classmethod
    @torch.no_grad()
    def of(
        cls, anatomy: Anatomy, site: Site, recording: Recording, tokens: Tokens, mask: Mask | None, *, first: int
    ) -> Self:
        """Run the rest of a model as it is.

        Args:
            anatomy: A causal model.
            site: Site at which it was recorded.
            recording: Recording of these inputs at the site.
            tokens: The inputs.
            mask: True for real tokens.
            first: The first position that interchanges will touch.
        """
        # Cut before the positions are counted: in a causal model those of a prefix do not depend on what follows.
        earlier = None if mask is None else mask[:, :first]
        context = anatomy.context(tokens[:, :first], earlier)
        stream = after_layer(anatomy, site, _cut(recording, slice(0, first)))
        keys, values = list[Tensor](), list[Tensor]()
        for layer in range(next_layer(site), anatomy.n_layers):
            attention = anatomy.blocks[layer].attention
            keys.append(attention.keys(stream[:, None], context))
            values.append(attention.values(stream[:, None]))
            stream = anatomy.layer(layer, stream, context)
        return cls(first, tuple(keys), tuple(values), anatomy.unembed(stream))

    @staticmethod
    def size(anatomy: Anatomy, site: Site, *, first: int) -> int:
        """Floats that are kept of an input."""
        widths = [block.attention.W_K.shape[0] * block.attention.W_K.shape[2] for block in anatomy.blocks]
        return first * (2 * sum(widths[next_layer(site) :]) + anatomy.W_U.shape[1])

    def rows(self, index: Int[Tensor, "chosen"]) -> "PrefixCache":
        """Take some inputs, in any order, with repetitions."""
        keys, values = (tuple(layer[index] for layer in side) for side in (self.keys, self.values))
        return PrefixCache(self.first, keys, values, self.logits[index])

    def resume(
        self, anatomy: Anatomy, site: Site, recording: Recording, tokens: Tokens, mask: Mask | None = None
    ) -> Float[Tensor, "batch position output"]:
        """Do as ``site_runs.resume``, from the first touched position on; arguments as there, of the same rows."""
        context = _cut_context(anatomy.context(tokens, mask), self.first)
        stream = after_layer(anatomy, site, _cut(recording, slice(self.first, None)))
        for layer, keys, values in zip(range(next_layer(site), anatomy.n_layers), self.keys, self.values, strict=True):
            block, x = anatomy.blocks[layer], stream[:, None]
            attention = block.attention
            # Keys of the prefix were turned by their own positions when they were kept.
            seen = torch.cat((keys, attention.keys(x, context)), 2), torch.cat((values, attention.values(x)), 2)
            attended = stream + attention.total(attention.mix(attention.queries(x, context), *seen, context))
            stream = attended + block.mlp(stream if anatomy.parallel else attended)
        return torch.cat((self.logits, anatomy.unembed(stream)), 1)


def _cut(recording: Recording, positions: slice) -> Recording:
    others = {name: value[:, positions] for name, value in recording.others.items()}
    return Recording(recording.activation[:, positions], others)


def _cut_context(context: Context, first: int) -> Context:
    """For queries from a position on; keys are those of all positions."""

    def queries(bias: Tensor | None) -> Tensor | None:
        return None if bias is None else bias[:, :, first:]

    rotary = None if context.rotary is None else (context.rotary[0][:, :, first:], context.rotary[1][:, :, first:])
    return Context(queries(context.bias), queries(context.local_bias), rotary)
