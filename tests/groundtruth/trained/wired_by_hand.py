"""A trained network that certifies without training: one head that copies the token before, its weights set by hand."""

import torch

from groundtruth.compiled.decoder import Decoder
from groundtruth.compiled.domain import Domain
from groundtruth.programs import get
from groundtruth.trained.architecture import Architecture
from groundtruth.trained.correspondence import Correspondence, Unit
from groundtruth.trained.kinds import Kind
from groundtruth.trained.trained_network import TrainedNetwork, TrainingRecipe, token_values_of
from groundtruth.trained.trained_weights import TrainedWeights, weight_shapes

SHAPE = Architecture("gpt2", n_layers=1, n_heads=2, d_model=12, d_head=4, d_mlp=2, norm=False, gains=False)
CIRCUIT = ("pos->a0.h1<q>", "pos->a0.h1<k>", "input->a0.h1<v>", "a0.h1->logits")
LENGTH = 3


def copying_network(*, kind: Kind = "free", seed: int = 7) -> TrainedNetwork:
    """A network that computes ``previous_token`` on head ``a0.h1``, which attends by position alone."""
    program = get("previous_token")
    sop = program.build()
    vocab = program.domain.vocab[:3]
    domain = Domain(vocab, LENGTH, min_seq_len=LENGTH)
    decoder = Decoder(tuple(vocab), centered=True)
    label = sop.label
    reads = (("pos", "a0.h1<q>"), ("pos", "a0.h1<k>"), ("input", "a0.h1<v>"))
    return TrainedNetwork(
        name=f"previous_token@{kind}-{seed}",
        program=sop,
        token_values=token_values_of(domain),
        decoder=decoder,
        domain=domain,
        correspondence=Correspondence((Unit((label,), ("a0.h1",), reads),), output=("a0.h1",)),
        architecture=SHAPE,
        weights=_weights(len(vocab)),
        training=TrainingRecipe(kind, seed, 0, {"noise": 0.5}),
        description=program.description,
        family=program.family,
        rasp_source=program.rasp_source or "",
    )


def _weights(n_tokens: int) -> TrainedWeights:
    """Dimensions 0 to 2 hold the token, 3 to 6 the position, 7 to 9 what the head writes."""
    shapes = weight_shapes(SHAPE, n_tokens=n_tokens + 2, n_positions=LENGTH + 1, n_outputs=n_tokens)
    tensors = {name: torch.zeros(shape, dtype=torch.float64) for name, shape in shapes.items()}
    for token in range(n_tokens):
        tensors["W_E"][token, token] = 1.0
        tensors["W_V"][0, 1, token, token] = 1.0
        tensors["W_O"][0, 1, token, 7 + token] = 4.0
        tensors["W_U"][7 + token, token] = 1.0
    for position in range(LENGTH + 1):
        tensors["W_pos"][position, 3 + position] = 1.0
        tensors["W_K"][0, 1, 3 + position, position] = 40.0
        tensors["W_Q"][0, 1, 3 + position, max(position - 1, min(position, 1))] = 1.0
    return TrainedWeights.of(tensors)
