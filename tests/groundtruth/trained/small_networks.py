"""Small trained networks with random weights: whatever holds of every network is tested on these."""

from dataclasses import replace

import torch

from groundtruth.compiled.decoder import Decoder
from groundtruth.compiled.domain import Domain
from groundtruth.programs import get
from groundtruth.rasp.evaluate import evaluate_many
from groundtruth.trained.architecture import Architecture
from groundtruth.trained.correspondence import Correspondence, Unit
from groundtruth.trained.trained_network import TrainedNetwork, TrainingRecipe, token_values_of
from groundtruth.trained.trained_weights import initial_weights, weight_shapes

GPT2 = Architecture("gpt2", n_layers=2, n_heads=2, d_model=12, d_head=4, d_mlp=16)
LLAMA = Architecture("llama", n_layers=2, n_heads=2, d_model=12, d_head=4, d_mlp=16, n_kv_heads=1)
PLAIN = replace(GPT2, norm=False, causal=False)
LENS = replace(GPT2, norm=False, gains=False, activation="gelu", attention_biases=True)
ARCHITECTURES = {"gpt2": GPT2, "llama": LLAMA, "without norm, bidirectional": PLAIN, "biases, exact gelu": LENS}


def second_step_correspondence() -> Correspondence:
    """The heads and MLPs of ``second_step`` in two layers."""
    return Correspondence(
        units=(
            Unit(("previous_4",), ("a0.h1",), (("input", "a0.h1<v>"),)),
            Unit(("step_2",), ("m0",), (("input", "m0"), ("a0.h1", "m0"))),
            Unit(("previous_step_3",), ("a1.h0",), (("m0", "a1.h0<v>"),)),
            Unit(("second_step_1",), ("m1",), (("m0", "m1"), ("a1.h0", "m1"))),
        ),
        output=("m1",),
    )


def random_network(shape: Architecture, *, seed: int = 0, length: int = 3, scale: float = 2.0) -> TrainedNetwork:
    """A network of random weights that is said to compute ``second_step``.

    Args:
        shape: Its architecture.
        seed: Draws the weights.
        length: Of its inputs.
        scale: What gains and matrices are multiplied by, so that many edges change an output.
    """
    program = get("second_step")
    sop = program.build()
    domain = Domain(program.domain.vocab[:2], length, min_seq_len=length)
    outputs = evaluate_many(sop, list(domain.enumerate()), causal=shape.causal)
    decoder = Decoder(tuple(sorted({value for row in outputs for value in row})), centered=True)
    shapes = weight_shapes(shape, n_tokens=len(domain.vocab) + 2, n_positions=length + 1, n_outputs=len(decoder.values))
    generator = torch.Generator().manual_seed(seed)
    weights = initial_weights(shapes, generator)
    weights = weights.convert(
        lambda value: scale * value + 0.1 * torch.randn(value.shape, generator=generator).double()
    )
    return TrainedNetwork(
        name="random",
        program=sop,
        token_values=token_values_of(domain),
        decoder=decoder,
        domain=domain,
        correspondence=second_step_correspondence(),
        architecture=shape,
        weights=weights,
        training=TrainingRecipe("scratch", seed, 0),
    )
