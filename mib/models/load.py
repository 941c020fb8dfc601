"""From a name to a model that is ready for tasks."""

import copy
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mib.errors import ModelError, TaskError, first_line
from mib.learned.checkpoint_files import NAME as LEARNED
from mib.models.adapters import decompose
from mib.models.adapters.decompose import Model
from mib.models.checkpoint import Checkpoint, read_checkpoint
from mib.models.loaded_model import LoadedModel
from mib.models.model_names import Source

DTYPES = {"float32": torch.float32, "float64": torch.float64, "bfloat16": torch.bfloat16, "float16": torch.float16}


def load_model(
    name: str | Path,
    *,
    device: str | torch.device = "cpu",
    dtype: str | torch.dtype = torch.float32,
    revision: str | None = None,
) -> LoadedModel:
    """Load a language model through TransformerLens, as it is, with every hook.

    Weights are not processed (no folded norms, no centring), dropout is off, gradients of weights are off. On the
    bridge, inputs of queries, keys, values and MLPs and results of heads have hooks of their own, before the layer
    norm; that costs memory in its forward pass, and ``model.set_use_split_qkv_input(False)`` and its like turn it off.
    Tasks and the engine do not run the bridge, but its parts (``mib.models.adapters``).

    A folder is read without the network. So is a model of the hub's cache; the hub is asked only for what is missing.

    Args:
        name: ``learned``, the model that ships; ``gpt2``, ``qwen2.5``, ``gemma2`` or ``llama3``, any id on the Hugging
            Face hub, or a folder in the Hugging Face checkpoint format: ``config.json``, safetensors, tokenizer.
        device: Device to put it on.
        dtype: Type of the weights, however stored: a torch dtype or its name. ``bfloat16`` halves the memory of
            large models; scores are summed in float32 or better all the same.
        revision: Branch, tag or commit, of a model on the hub.

    Raises:
        ModelError: If the model cannot be found, reached, read or run, or its tokenizer is not of it.
    """
    source, dtype, device = Source.of(name, revision), _dtype(dtype), _device(device)
    checkpoint = read_checkpoint(source, dtype)
    _move(checkpoint, source, device)
    bridge = _bridge(checkpoint, source, device, dtype)
    kind = checkpoint.model.config.model_type
    try:
        anatomy = decompose(bridge)
    except TaskError as error:
        raise ModelError(f"'{source.name}': {error}") from error
    except torch.OutOfMemoryError as error:
        raise _too_large(checkpoint, source, device) from error
    except Exception as error:  # of the model's own code
        kind, reason = checkpoint.model.config.model_type, f"{type(error).__name__}: {first_line(error)}"
        raise ModelError(
            f"'{source.name}', of the architecture '{kind}', was read but does not run: {reason}"
        ) from error
    return LoadedModel(bridge, checkpoint.tokenizer, anatomy, source.name, checkpoint.revision)


def wrap_model(model: Model, tokenizer: Any, *, name: str = "own") -> LoadedModel:
    """Take a model of one's own as a loaded one, with its tokenizer: tasks and the engine take it as any other.

    Args:
        model: A module in the TransformerLens convention, such as a ``HookedTransformer`` or a ``HookedRootModule``
            with ``cfg``, ``embed.W_E``, ``blocks[l].attn.W_Q`` and so on, a ``TransformerBridge``, or a
            ``mib.models.adapters.Anatomy``. Its parts are compared with the model, once.
        tokenizer: A fast tokenizer of ``transformers``.
        name: Its name in reports.

    Raises:
        TaskError: If the model is of no known kind, or its parts do not compute what it computes.
    """
    anatomy = decompose(model)
    module = model if isinstance(model, nn.Module) else nn.Module()
    return LoadedModel(module.eval().requires_grad_(False), tokenizer, anatomy, name)


def learned_model(*, device: str = "cpu", dtype: str = "float32") -> LoadedModel:
    """The learned model, ready for tasks; the same as ``load_model("learned")``.

    Args:
        device: Device to put it on.
        dtype: Dtype of its weights, which are stored in float32.
    """
    return load_model(LEARNED, device=device, dtype=dtype)


def _dtype(dtype: str | torch.dtype) -> torch.dtype:
    found = DTYPES.get(dtype) if isinstance(dtype, str) else dtype
    if found is None or found not in DTYPES.values():
        raise ModelError(f"dtype={dtype!r} is none of a model. Choose from {', '.join(DTYPES)}.")
    return found


def _device(device: str | torch.device) -> torch.device:
    try:
        return torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ModelError(f"device={device!r} is none: write 'cpu', 'cuda', 'cuda:1' or 'mps'.") from error


def _move(checkpoint: Checkpoint, source: Source, device: torch.device) -> None:
    try:
        checkpoint.model.to(device)
    except torch.OutOfMemoryError as error:
        raise _too_large(checkpoint, source, device) from error
    except (AssertionError, RuntimeError) as error:  # torch was built without it, or there is no such device
        raise ModelError(f"device='{device}' cannot be used: {first_line(error)}") from error


def _too_large(checkpoint: Checkpoint, source: Source, device: torch.device) -> ModelError:
    size = sum(weight.nbytes for weight in checkpoint.model.parameters()) / 2**30
    return ModelError(
        f"'{source.name}' takes {size:.1f} GiB and room to run, more than '{device}' has free. dtype='bfloat16' takes "
        "least."
    )


def _bridge(checkpoint: Checkpoint, source: Source, device: torch.device, dtype: torch.dtype) -> Any:
    from transformer_lens.model_bridge import TransformerBridge

    tokenizer = copy.deepcopy(checkpoint.tokenizer)  # the bridge gives its own what it lacks, such as a bos token
    tokenizer.init_kwargs["add_bos_token"] = True  # keeps the bridge from reading another one from the hub
    try:
        bridge: Any = TransformerBridge.boot_transformers(
            source.location,
            hf_model=checkpoint.model,
            tokenizer=tokenizer,
            device=str(device),
            dtype=dtype,
            trust_remote_code=False,
        )
        bridge.eval().requires_grad_(False)
        bridge.enable_compatibility_mode(no_processing=True, disable_warnings=True)
        bridge.set_use_attn_result(True)
        bridge.set_use_split_qkv_input(True)
        bridge.set_use_hook_mlp_in(True)
    except torch.OutOfMemoryError as error:
        raise _too_large(checkpoint, source, device) from error
    except Exception as error:  # an adapter that was never tried on such a model raises anything
        kind, reason = checkpoint.model.config.model_type, first_line(error).partition(". ")[0]
        raise ModelError(
            f"'{source.name}' is of the architecture '{kind}', whose heads TransformerLens gives no hooks: {reason}"
        ) from error
    return bridge
