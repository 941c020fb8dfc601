"""Compiled models as folders of InterpBench: a network whose claimed circuit is known to hold."""

from pathlib import Path

import torch

from groundtruth.compiler.compile_program import compile
from groundtruth.interpbench.import_model import BOS, PAD, token_order
from groundtruth.interpbench.model_folder import write_interpbench
from groundtruth.interpbench.tracr_layout import TracrLayout, hook_pairs
from groundtruth.model import CompiledModel
from groundtruth.programs import get
from groundtruth.trained.trained_weights import TrainedWeights
from mib.graph import Edge

LENGTH = 3


def compiled_at(name: str, length: int = LENGTH) -> CompiledModel:
    """A program of the library compiled for inputs of one length, as InterpBench does."""
    program = get(name)
    return compile(
        program.build(),
        name=name,
        vocab=program.domain.vocab,
        min_seq_len=length,
        max_seq_len=length,
        causal=program.causal,
    )


def lens_weights(compiled: CompiledModel) -> TrainedWeights:
    """A compiled model's weights in InterpBench's order of tokens, with biases of 0."""
    w, names = compiled.weights, {"compiler_bos": BOS, "compiler_pad": PAD}
    own = [names.get(token, token) for token in compiled.token_values]
    rows = [own.index(token) for token in token_order(compiled.domain.vocab)]
    layers, heads, d, k = w.W_Q.shape
    return TrainedWeights(
        W_E=w.W_E[rows],
        W_pos=w.W_pos,
        W_Q=w.W_Q,
        W_K=w.W_K,
        W_V=w.W_V,
        W_O=w.W_O,
        W_in=w.W_in,
        W_out=w.W_out,
        W_U=w.W_U,
        b_in=torch.zeros(layers, w.W_in.shape[-1]),
        b_out=torch.zeros(layers, d),
        b_Q=torch.zeros(layers, heads, k),
        b_K=torch.zeros(layers, heads, k),
        b_V=torch.zeros(layers, heads, k),
        b_U=torch.zeros(w.W_U.shape[1]),
    )


def write_compiled(
    folder: Path, compiled: CompiledModel, *, weights: TrainedWeights | None = None, edges: list[Edge] | None = None
) -> Path:
    """A compiled model as a folder of InterpBench, claiming what InterpBench would."""
    weights = lens_weights(compiled) if weights is None else weights
    layers, heads, d, k = weights.W_Q.shape
    fields = {
        "n_layers": layers,
        "n_heads": heads,
        "d_model": d,
        "d_head": k,
        "d_mlp": weights.W_in.shape[-1],
        "n_ctx": compiled.domain.max_seq_len + 1,
        "d_vocab": len(weights.W_E),
        "d_vocab_out": weights.W_U.shape[1],
        "act_fn": "relu",
        "attention_dir": "causal" if compiled.causal else "bidirectional",
        "normalization_type": None,
        "positional_embedding_type": "standard",
    }
    claimed = TracrLayout.of(compiled, compiled.provenance).edges() if edges is None else edges
    write_interpbench(folder, weights, fields, hook_pairs(claimed, compiled.graph.n_layers), {"seed": 0})
    return folder
