"""How large a language model is, from its configuration alone: no weight is read, and the network is not used."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mib.errors import ModelError, first_line
from mib.graph import Graph
from mib.models.model_names import Source


@dataclass(frozen=True)
class PlannedSize:
    """The sizes of a language model.

    Attributes:
        graph: Its nodes and edges.
        d_head: Width of a head.
        d_mlp: Width of the hidden layer of an MLP.
        vocabulary: Number of tokens that it knows.
        parameters: Number of weights that it has, those that are shared counted once.
        repeated: Number of weights added when keys and values of a group are repeated for each of its query heads.
    """

    graph: Graph
    d_head: int
    d_mlp: int
    vocabulary: int
    parameters: int
    repeated: int


def plan_size(name: str | Path) -> PlannedSize:
    """Read the configuration of a checkpoint from its folder, or from the hub's cache.

    Args:
        name: As of ``load_model``.

    Raises:
        ModelError: If there is no configuration on this machine, saying how to fetch it, or it is of no model with
            heads and layers.
    """
    import transformers

    source = Source.of(name)
    try:
        config: Any = transformers.AutoConfig.from_pretrained(
            source.location, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError) as error:
        if source.local:
            raise ModelError(f"'{source.name}' has no configuration that can be read: {first_line(error)}") from error
        raise ModelError(
            f"the configuration of '{source.name}' is not on this machine, and a plan does not use the network. Fetch "
            f"it (a few kB) by: hf download {source.location} config.json"
        ) from error
    text = config.get_text_config()
    try:
        layers, heads, width = text.num_hidden_layers, text.num_attention_heads, text.hidden_size
        with torch.device("meta"):
            model = transformers.AutoModelForCausalLM.from_config(config)
    except (AttributeError, ValueError) as error:
        raise ModelError(f"'{source.name}' is no language model with heads and layers: {first_line(error)}") from error
    d_head = getattr(text, "head_dim", None) or width // heads
    groups = getattr(text, "num_key_value_heads", None) or heads
    d_mlp = getattr(text, "intermediate_size", None) or getattr(text, "n_inner", None) or 4 * width
    return PlannedSize(
        graph=Graph(layers, heads, width, parallel=bool(getattr(text, "use_parallel_residual", False))),
        d_head=d_head,
        d_mlp=d_mlp,
        vocabulary=text.vocab_size,
        parameters=sum(weight.numel() for weight in model.parameters()),
        repeated=2 * layers * width * heads * d_head if groups < heads else 0,
    )
