"""Tracr's own models, run with JAX: what ours are held to. Each is built once a session."""

import functools
import itertools
from unittest import mock

import numpy as np
from tracr.rasp import rasp

from groundtruth import programs
from groundtruth.compiled.domain import BOS


def compiled_by_tracr(build, vocab, max_seq_len, *, causal=False):
    """What ``compile_rasp_to_model`` gives in a fresh process: labels hold a counter, which starts again here."""
    import haiku
    import jax
    from haiku import initializers
    from tracr.compiler import compile_rasp_to_model

    rasp.RASPExpr._ids = itertools.count(1)
    jax.config.update("jax_disable_most_optimizations", True)  # each step runs a few times and is compiled for it
    plain = haiku.without_apply_rng

    def jitted(transformed):
        # One program to compile instead of one for every step and shape.
        functions = plain(transformed)
        return haiku.Transformed(jax.jit(functions.init), jax.jit(functions.apply))

    # Tracr writes over all that Haiku draws, and JAX compiles the drawing anew for every shape: most of a compile.
    zeros = mock.patch.object(
        initializers.TruncatedNormal, "__call__", lambda self, shape, dtype: np.zeros(shape, dtype)
    )
    with zeros, mock.patch.object(haiku, "without_apply_rng", jitted):
        return compile_rasp_to_model(build(), set(vocab), max_seq_len, causal=causal)


@functools.cache
def tracr_model(name):
    program = programs.get(name)
    return compiled_by_tracr(program.function, program.domain.vocab, program.domain.max_seq_len, causal=program.causal)


def tracr_arrays(model):
    """Tracr's parameters (float32) in the convention of ours, without the unembedding, which is no parameter."""
    n_layers, n_heads = model.model_config.num_layers, model.model_config.num_heads

    def stacked(part):
        weights = [np.asarray(model.params[f"transformer/layer_{layer}/{part}"]["w"]) for layer in range(n_layers)]
        return np.stack(weights)

    def by_head(part):
        return stacked(part).reshape(n_layers, -1, n_heads, model.model_config.key_size).transpose(0, 2, 1, 3)

    return {
        "W_E": np.asarray(model.params["token_embed"]["embeddings"]),
        "W_pos": np.asarray(model.params["pos_embed"]["embeddings"]),
        "W_Q": by_head("attn/query"),
        "W_K": by_head("attn/key"),
        "W_V": by_head("attn/value"),
        "W_O": stacked("attn/linear").reshape(n_layers, n_heads, model.model_config.key_size, -1),
        "W_in": stacked("mlp/linear_1"),
        "W_out": stacked("mlp/linear_2"),
    }


def tracr_run(model, tokens):
    """The residual stream after each half-layer [half-layer, position, d_model], and the decoded output without BOS."""
    run = model.apply([BOS, *tokens])
    return np.stack([np.asarray(residual)[0] for residual in run.residuals]), run.decoded[1:]


def tracr_output(model, tokens):
    """The decoded output, without BOS."""
    return tracr_run(model, tokens)[1]
