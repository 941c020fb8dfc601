"""A trained network that certifies without training: one MLP computes ``mark_first``, the next sets it right."""

from dataclasses import replace

import torch

from groundtruth.compiled.decoder import Decoder
from groundtruth.compiled.domain import Domain
from groundtruth.programs import get
from groundtruth.trained.architecture import Architecture
from groundtruth.trained.correspondence import Correspondence, Unit
from groundtruth.trained.trained_network import TrainedNetwork, TrainingRecipe, token_values_of
from groundtruth.trained.trained_weights import TrainedWeights, weight_shapes

SHAPE = Architecture(
    "gpt2", n_layers=2, n_heads=1, d_model=9, d_head=1, d_mlp=6, norm=False, gains=False, activation="relu"
)
READS = (("input", "m0"), ("pos", "m0"), ("input", "m1"), ("pos", "m1"), ("m0", "m1"))
FIRST = ("input->m0", "m0->logits")
SECOND = ("input->m1", "m1->logits")
LENGTH, N_TOKENS, SIZE = 2, 2, 4.0


def backed_up_network() -> TrainedNetwork:
    """The marked sequence lives on ``m0``; ``m1`` writes by how much ``m0`` differs from what it should be."""
    program = get("mark_first")
    sop, vocab = program.build(), tuple(program.domain.vocab[:N_TOKENS])
    shapes = weight_shapes(SHAPE, n_tokens=N_TOKENS + 2, n_positions=LENGTH + 1, n_outputs=N_TOKENS + 1)
    return TrainedNetwork(
        name="mark_first@wired-backup-0",
        program=sop,
        token_values=token_values_of(Domain(vocab, LENGTH, min_seq_len=LENGTH)),
        decoder=Decoder((*vocab, "^"), centered=True),
        domain=Domain(vocab, LENGTH, min_seq_len=LENGTH),
        correspondence=Correspondence((Unit((sop.label,), ("m0", "m1"), READS, "backup"),), output=("m0", "m1")),
        architecture=SHAPE,
        weights=_weights(shapes),
        training=TrainingRecipe("wired", 0, 0),
    )


def silenced(network: TrainedNetwork, layer: int) -> TrainedNetwork:
    """The same network with one MLP that writes nothing."""
    tensors = dict(network.weights.tensors) | {"W_out": network.weights.W_out.clone()}
    tensors["W_out"][layer] = 0.0
    return replace(network, weights=TrainedWeights.of(tensors))


def _weights(shapes: dict[str, tuple[int, ...]]) -> TrainedWeights:
    """Dimensions 0 and 1 hold the token, 2 to 4 the position (BOS has the first), 5 to 7 a token or the mark."""
    w = {name: torch.zeros(shape, dtype=torch.float64) for name, shape in shapes.items()}
    mark, first = 5 + N_TOKENS, 3
    for token in range(N_TOKENS):
        w["W_E"][token, token] = 1.0
    for position in range(LENGTH + 1):
        w["W_pos"][position, 2 + position] = 1.0
    for layer in range(2):
        for token in range(N_TOKENS):  # a token that does not stand first
            w["W_in"][layer, token, token], w["W_in"][layer, first, token] = 1.0, -1.0
            w["W_out"][layer, token, 5 + token] = SIZE
        w["W_in"][layer, first, N_TOKENS], w["W_out"][layer, N_TOKENS, mark] = 1.0, SIZE
    for value in range(N_TOKENS + 1):  # the second takes away what the first wrote
        neuron = N_TOKENS + 1 + value
        w["W_in"][1, 5 + value, neuron], w["W_out"][1, neuron, 5 + value] = 1.0, -1.0
        w["W_U"][5 + value, value] = 1.0
    return TrainedWeights.of(w)
