"""The configuration of a TransformerLens model, read strictly: what would change the computation must be understood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from groundtruth.errors import ArtifactError, DomainError
from groundtruth.trained.architecture import Architecture

_SIZES = ("n_layers", "n_heads", "d_model", "d_head", "d_mlp", "d_vocab", "d_vocab_out", "n_ctx")

_ONLY: dict[str, tuple[Any, ...]] = {
    "normalization_type": (None,),
    "positional_embedding_type": ("standard",),
    "use_attn_scale": (True,),
    "n_key_value_heads": (None,),
    "rotary_dim": (None,),
    "attn_only": (False,),
    "parallel_attn_mlp": (False,),
    "gated_mlp": (False,),
    "scale_attn_by_inverse_layer_idx": (False,),
    "use_local_attn": (False,),
    "attn_types": (None,),
    "window_size": (None,),
    "final_rms": (False,),
    "post_embedding_ln": (False,),
    "use_normalization_before_and_after": (False,),
    "num_experts": (None,),
    "experts_per_token": (None,),
    "attn_scores_soft_cap": (-1.0,),
    "output_logits_soft_cap": (-1.0,),
    "load_in_4bit": (False,),
    "use_NTK_by_parts_rope": (False,),
}
"""Fields that would change what a model computes, with the values that are understood."""

_IDLE = frozenset(
    {
        "NTK_by_parts_factor",
        "NTK_by_parts_high_freq_factor",
        "NTK_by_parts_low_freq_factor",
        "NTK_original_ctx_len",
        "checkpoint_index",
        "checkpoint_label_type",
        "checkpoint_value",
        "decoder_start_token_id",
        "default_prepend_bos",
        "device",
        "dtype",
        "eps",
        "from_checkpoint",
        "init_mode",
        "init_weights",
        "initializer_range",
        "model_name",
        "n_devices",
        "n_params",
        "original_architecture",
        "relative_attention_max_distance",
        "relative_attention_num_buckets",
        "rotary_adjacent_pairs",
        "rotary_base",
        "seed",
        "tie_word_embeddings",
        "tokenizer_name",
        "tokenizer_prepends_bos",
        "trust_remote_code",
        "ungroup_grouped_query_attention",
        "use_attn_in",
        "use_attn_result",
        "use_hook_mlp_in",
        "use_hook_tokens",
        "use_split_qkv_input",
    }
)
"""Fields that change nothing that a model with standard positions and no norm computes."""

_CAUSAL = {"causal": True, "bidirectional": False}
_READ = {*_SIZES, "act_fn", "attention_dir", "attn_scale"}


@dataclass(frozen=True)
class LensConfig:
    """The part of a configuration that says what a model computes.

    Attributes:
        architecture: The transformer's shape; it has no norm, and every bias.
        n_tokens: Rows of the token embedding.
        n_positions: Rows of the position embedding, BOS among them.
        n_outputs: Columns of the unembedding.
    """

    architecture: Architecture
    n_tokens: int
    n_positions: int
    n_outputs: int


def read_lens_config(fields: Mapping[str, Any], *, where: str) -> LensConfig:
    """Read a configuration's fields.

    Args:
        fields: By name, as ``HookedTransformerConfig.to_dict()`` has them.
        where: The file, for errors.

    Raises:
        ArtifactError: Naming the first field that is missing, unknown or of a value that is not understood.
    """
    # A field that nobody knows may change what is computed; to pass over it would measure another model.
    for name in sorted(set(fields) - _READ - _ONLY.keys() - _IDLE):
        raise ArtifactError(f"{where}: field '{name}' is not known; it may change what the model computes.")
    sizes = {name: _size(fields, name, where) for name in _SIZES}
    for name, allowed in _ONLY.items():
        if name in fields and fields[name] not in allowed:
            raise ArtifactError(
                f"{where}: {name}={fields[name]!r} is not supported; only {', '.join(map(repr, allowed))} is. "
                "InterpBench's models of compiled programs have no norm and standard positions."
            )
    direction, scale = fields.get("attention_dir", "causal"), fields.get("attn_scale", -1.0)
    if direction not in _CAUSAL:
        raise ArtifactError(f"{where}: attention_dir={direction!r}; choose from {', '.join(_CAUSAL)}.")
    # TransformerLens writes -1 for "the root of d_head" until a model is built.
    if scale != -1.0 and abs(scale - sizes["d_head"] ** 0.5) > 1e-6:
        raise ArtifactError(f"{where}: attn_scale={scale!r} is not supported; only the root of d_head is.")
    try:
        shape = Architecture(
            n_layers=sizes["n_layers"],
            n_heads=sizes["n_heads"],
            d_model=sizes["d_model"],
            d_head=sizes["d_head"],
            d_mlp=sizes["d_mlp"],
            causal=_CAUSAL[direction],
            norm=False,
            gains=False,
            activation=fields.get("act_fn"),  # pyright: ignore[reportArgumentType] - checked there
            attention_biases=True,
        )
    except DomainError as error:
        raise ArtifactError(f"{where}: {error}") from error
    return LensConfig(shape, sizes["d_vocab"], sizes["n_ctx"], sizes["d_vocab_out"])


def _size(fields: Mapping[str, Any], name: str, where: str) -> int:
    value = fields.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ArtifactError(f"{where}: {name}={value!r} is not a positive whole number.")
    return value
