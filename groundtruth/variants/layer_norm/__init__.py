"""A compiled model whose destinations read through LayerNorm, as a network that is certified on its whole domain."""

from groundtruth.variants.layer_norm.normed_model import add_layer_norm

__all__ = ["add_layer_norm"]
