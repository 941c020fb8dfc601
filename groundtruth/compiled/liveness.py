"""Which heads and neurons can matter to the output at all: what the others write is read by nothing that leads to it.

Shown on the weights, in the coordinates of provenance's directions, and so true of every input and every cut.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool
from torch import Tensor

from groundtruth.compiled.forward import Weights
from groundtruth.compiled.provenance import Provenance
from groundtruth.errors import VariantError


@dataclass(frozen=True, eq=False)
class Parts:
    """Some heads and neurons of a model.

    Attributes:
        heads: True if it is one of them [layer, head].
        neurons: True if it is one of them [layer, neuron].
    """

    heads: Bool[Tensor, "layer head"]
    neurons: Bool[Tensor, "layer neuron"]

    def __len__(self) -> int:
        return int(self.heads.sum()) + int(self.neurons.sum())


def useful(weights: Weights) -> Parts:
    """The parts from which a path of nonzero weights leads to the output, by walking back from the unembedding.

    Args:
        weights: In the coordinates of directions (``CompiledNetwork.aligned``).
    """
    heads = torch.zeros(weights.W_Q.shape[:2], dtype=torch.bool)
    neurons = torch.zeros((weights.n_layers, weights.d_mlp), dtype=torch.bool)
    needed = weights.W_U.ne(0).any(1)
    # Backwards, for what a part is needed for comes later; within a block the MLP first, which reads what the heads
    # write.
    for layer in reversed(range(weights.n_layers)):
        # Exact zeros count, which rotated weights have only in the coordinates of directions.
        neurons[layer] = weights.W_out[layer][:, needed].ne(0).any(1)
        needed = needed | weights.W_in[layer][:, neurons[layer]].ne(0).any(1)
        heads[layer] = weights.W_O[layer][:, :, needed].ne(0).flatten(1).any(1)
        for name in ("W_Q", "W_K", "W_V"):
            needed = needed | getattr(weights, name)[layer][heads[layer]].ne(0).any(2).any(0)
    return Parts(heads, neurons)


def decoys(weights: Weights, provenance: Provenance) -> Parts:
    """The parts that are called decoys, if they are of no use indeed.

    Args:
        weights: In the coordinates of directions.
        provenance: Provenance, which says what is a decoy.

    Raises:
        VariantError: If something that leads to the output reads one of them.
    """
    found = useful(weights)
    named = Parts(torch.zeros_like(found.heads), torch.zeros_like(found.neurons))
    for head in provenance.heads:
        named.heads[head.layer, head.head] = head.role == "decoy"
    for neuron in provenance.neurons:
        named.neurons[neuron.layer, neuron.index] = neuron.role == "decoy"
    for kind, wrong in (("head", named.heads & found.heads), ("neuron", named.neurons & found.neurons)):
        if bool(wrong.any()):
            layer, index = torch.nonzero(wrong)[0].tolist()
            raise VariantError(f"{kind} {index} of layer {layer} is called a decoy, but what it writes is read.")
    return named


def without(weights: Weights, parts: Parts) -> Weights:
    """Weights with zeros for some heads and neurons.

    Args:
        weights: In any coordinates of the residual stream.
        parts: Parts to leave out.
    """
    if not len(parts):
        return weights
    heads, neurons = (~parts.heads)[:, :, None, None].double(), (~parts.neurons).double()
    # Multiplied and not sliced: places of heads and neurons are names in the graph.
    kept = {name: getattr(weights, name) * heads for name in ("W_Q", "W_K", "W_V", "W_O")}
    kept |= {"W_in": weights.W_in * neurons[:, None], "W_out": weights.W_out * neurons[:, :, None]}
    return replace(weights, **kept)
