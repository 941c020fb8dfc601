"""A model cut in two at a site: record the site's activation, then run on from another value of it.

Both are pure functions of a decomposed model; no hooks. What lies before the site is computed once an input.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mib.errors import TaskError
from mib.models.adapters.anatomy import Anatomy, Mask, Tokens
from mib.models.adapters.parts import Attention
from mib.site import Site

Activation = Float[Tensor, "batch position d_site"]


@dataclass(frozen=True, eq=False)
class Recording:
    """What a run leaves at a site.

    Attributes:
        activation: The site's value, [batch, position, d_site].
        others: Other values that the rest of the model reads, by name, each [batch, position, d_model].
    """

    activation: Activation
    others: dict[str, Float[Tensor, "batch position d_model"]]

    def rows(self, index: Int[Tensor, "chosen"]) -> "Recording":
        """The recording of some rows, in any order, with repetitions."""
        return Recording(self.activation[index], {name: value[index] for name, value in self.others.items()})

    def to(self, device: torch.device) -> "Recording":
        """The recording on a device."""
        return Recording(self.activation.to(device), {name: value.to(device) for name, value in self.others.items()})


def check_site(site: Site, anatomy: Anatomy) -> None:
    """Refuse a site that a model does not have.

    Raises:
        TaskError: If the layer or the head does not exist.
    """
    if site.layer >= anatomy.n_layers:
        raise TaskError(f"site {site}: the model has layers 0 to {anatomy.n_layers - 1}.")
    if site.head is not None and site.head >= anatomy.n_heads:
        raise TaskError(f"site {site}: the model has heads 0 to {anatomy.n_heads - 1} in a layer.")


def site_width(site: Site, anatomy: Anatomy) -> int:
    """d_site: the size of the site's activation at one position."""
    if site.output == "z":
        return anatomy.blocks[site.layer].attention.W_O.shape[1]
    return anatomy.d_model


@torch.no_grad()
def record(anatomy: Anatomy, site: Site, tokens: Tokens, mask: Mask | None = None) -> Recording:
    """Run a model up to a site.

    Args:
        anatomy: The model.
        site: Site to stop at; its positions play no part.
        tokens: Token ids, [batch, position].
        mask: True for real tokens; None if nothing is padding that attention skips.
    """
    context = anatomy.context(tokens, mask)
    stream = anatomy.embed(tokens) + anatomy.position(tokens, mask)
    for layer in range(site.layer):
        stream = anatomy.layer(layer, stream, context)
    if site.stage == "pre":
        return Recording(stream, {})
    block = anatomy.blocks[site.layer]
    attention, x = block.attention, stream[:, None]
    mixed = attention.mix(attention.queries(x, context), attention.keys(x, context), attention.values(x), context)
    summed = attention.sum_heads(mixed)
    if site.kind == "head":
        value = _head_output(attention, mixed, site)
        # The other heads as one sum: they stay what they are in every interchange at this one.
        return Recording(value, {"before": stream, "rest": summed - _head_result(attention, value, site)})
    attended = stream + attention.finish(summed)
    mlp = block.mlp(stream if anatomy.parallel else attended)
    if site.kind == "mlp":
        return Recording(mlp, {"attended": attended})
    if site.stage == "mid":
        return Recording(attended, {"mlp": mlp} if anatomy.parallel else {})
    return Recording(attended + mlp, {})


def resume(
    anatomy: Anatomy, site: Site, recording: Recording, tokens: Tokens, mask: Mask | None = None
) -> Float[Tensor, "batch position output"]:
    """Run the rest of a model on what a recording holds; differentiable in its activation.

    Args:
        anatomy: The model.
        site: Site to go on from.
        recording: The site's value, changed or not, and what else is read after it.
        tokens: The inputs of which the recording is: attention needs their positions.
        mask: As in ``record``.
    """
    context = anatomy.context(tokens, mask)
    stream = after_layer(anatomy, site, recording)
    for layer in range(next_layer(site), anatomy.n_layers):
        stream = anatomy.layer(layer, stream, context)
    return anatomy.unembed(stream)


def next_layer(site: Site) -> int:
    """The first layer that is behind a site as a whole."""
    return site.layer if site.stage == "pre" else site.layer + 1


def after_layer(anatomy: Anatomy, site: Site, recording: Recording) -> Float[Tensor, "batch position d_model"]:
    """The residual stream from which whole layers follow."""
    value, others, block = recording.activation, recording.others, anatomy.blocks[site.layer]
    if site.kind == "head":
        summed = others["rest"] + _head_result(block.attention, value, site)
        attended = others["before"] + block.attention.finish(summed)
        return attended + block.mlp(others["before"] if anatomy.parallel else attended)
    if site.kind == "mlp":
        return others["attended"] + value
    if site.stage == "mid":
        # A parallel MLP reads the stream before the block, which no interchange in the middle of it reaches.
        return value + (others["mlp"] if anatomy.parallel else block.mlp(value))
    return value


def _head_output(attention: Attention, mixed: Tensor, site: Site) -> Tensor:
    if site.head is None:
        raise TaskError(f"site {site} names no head.")
    z = mixed[:, site.head]
    return z if site.output == "z" else z @ attention.W_O[site.head]


def _head_result(attention: Attention, value: Tensor, site: Site) -> Tensor:
    """Give what the head writes, from the site's value."""
    return value @ attention.W_O[site.head] if site.output == "z" else value
