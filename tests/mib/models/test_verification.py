"""A model whose parts compute something else is refused; one whose parts only round otherwise is not."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

import mib
from mib.errors import ModelError, TaskError
from mib.models.adapters import bridge, decompose
from mib.models.adapters.parts import Mlp
from tests.mib.checkpoints import SIZES, make_checkpoint, make_tokenizer
from tests.mib.small_models import random_model

DTYPES = ("float32", "float64", "bfloat16", "float16")


def saved(folder: Path, config: Any) -> Path:
    """A random checkpoint, with biases that are not 0."""
    torch.manual_seed(0)
    model: Any = transformers.AutoModelForCausalLM.from_config(config)
    for name, parameter in model.named_parameters():
        if "bias" in name:
            parameter.data += 0.3 * torch.randn_like(parameter)
    model.save_pretrained(folder)
    make_tokenizer(folder)
    return folder


def plain(folder: Path, tokens: torch.Tensor) -> torch.Tensor:
    """Hugging Face's logits of a fresh model on some prompts of one length."""
    model: Any = transformers.AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager").eval()
    with torch.no_grad():
        return model(tokens).logits


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_deep_model_with_large_weights_is_sound(tmp_path: Path, dtype: str) -> None:
    """In bfloat16 its own rounding is half of its largest logit; in float64 its norms still round to float32."""
    make_checkpoint(tmp_path, "llama", num_hidden_layers=12, initializer_range=1.0)
    assert mib.load_model(tmp_path, dtype=dtype).anatomy.n_layers == 12


def test_half_precision_weights_are_back_and_shared_after_the_comparison(tmp_path: Path) -> None:
    folder = make_checkpoint(tmp_path, "gemma2", stored=torch.bfloat16)
    loaded = mib.load_model(folder, dtype="bfloat16")
    tensors = [*loaded.model.parameters(), *loaded.model.buffers()]
    assert {tensor.dtype for tensor in loaded.model.parameters()} == {torch.bfloat16}
    shared = {tensor.untyped_storage().data_ptr() for tensor in tensors}
    assert loaded.anatomy.blocks[1].mlp.W_in.untyped_storage().data_ptr() in shared
    model: Any = loaded.model
    assert (model.original_model.config.sliding_window, loaded.anatomy.window) == (4, 4)
    assert not any(block._forward_hooks or block._forward_pre_hooks for block in model.blocks)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", [10, 5000])
def test_a_window_that_is_left_out_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: int, dtype: str
) -> None:
    """Also one that is wider than any input on which the two are compared."""
    saved(tmp_path, transformers.MistralConfig(**{**SIZES, "num_hidden_layers": 2}, sliding_window=width))
    assert mib.load_model(tmp_path, dtype=dtype).anatomy.window == width
    original = bridge.decompose_block

    def without_window(model: Any, block: Any, layer: int) -> Any:
        found = original(model, block, layer)
        return replace(found, attention=replace(found.attention, local=layer == 0))

    for name in ("bridge", "verification"):
        monkeypatch.setattr(f"mib.models.adapters.{name}.decompose_block", without_window)
    with pytest.raises(ModelError, match="block 1: off by"):
        mib.load_model(tmp_path, dtype=dtype)


@pytest.mark.parametrize(
    ("part", "dtype"), [("b_gate", "bfloat16"), ("b_in", "bfloat16"), *(("b_out", dtype) for dtype in DTYPES)]
)
def test_a_small_bias_that_is_left_out_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str, dtype: str
) -> None:
    """One of a hundredth of a unit, which moves bfloat16 logits by less than their rounding."""
    torch.manual_seed(0)
    model: Any = transformers.LlamaForCausalLM(transformers.LlamaConfig(**SIZES, mlp_bias=True))
    for name, parameter in model.named_parameters():
        if "mlp" in name and "bias" in name:
            parameter.data += 0.01 * torch.randn_like(parameter)
    model.save_pretrained(tmp_path)
    make_tokenizer(tmp_path)
    assert getattr(mib.load_model(tmp_path, dtype=dtype).anatomy.blocks[2].mlp, part) is not None
    original = bridge._mlp

    def without(cfg: Any, block: Any) -> Mlp:
        return replace(original(cfg, block), **{part: None})

    monkeypatch.setattr("mib.models.adapters.bridge._mlp", without)
    with pytest.raises(ModelError, match="cannot take apart model_type 'llama': block 0: off by"):
        mib.load_model(tmp_path, dtype=dtype)


@pytest.mark.parametrize(("part", "says"), [("token_embedding", "embeddings: off by"), ("W_U", "unembedding: off by")])
def test_what_is_before_and_behind_the_blocks_is_compared_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str, says: str
) -> None:
    saved(tmp_path, transformers.LlamaConfig(**SIZES))
    original = bridge.decompose_ends

    def changed(model: Any, blocks: Any) -> Any:
        found = original(model, blocks)
        return replace(found, **{part: 1.001 * getattr(found, part)})

    for name in ("bridge", "verification"):
        monkeypatch.setattr(f"mib.models.adapters.{name}.decompose_ends", changed)
    with pytest.raises(ModelError, match=says):
        mib.load_model(tmp_path)


ROPES: dict[str, Any] = {
    "dynamic": transformers.LlamaConfig(
        **{**SIZES, "max_position_embeddings": 16},
        rope_parameters={"rope_type": "dynamic", "factor": 4.0, "rope_theta": 10000.0},
    ),
    "longrope": transformers.Phi3Config(
        **SIZES,
        original_max_position_embeddings=16,
        rope_parameters={
            "rope_type": "longrope", "rope_theta": 10000.0, "short_factor": [1.0] * 4, "long_factor": [3.0] * 4,
            "original_max_position_embeddings": 16,
        },
    ),
    "yarn": transformers.LlamaConfig(
        **SIZES,
        rope_parameters={
            "rope_type": "yarn", "factor": 4.0, "rope_theta": 10000.0, "original_max_position_embeddings": 16
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", ROPES)
def test_rotary_scalings_by_length_are_those_of_the_prompt_alone(tmp_path: Path, kind: str) -> None:
    """Whatever ran before, and whatever longer prompt is padded beside it."""
    folder = saved(tmp_path, ROPES[kind])
    anatomy = mib.load_model(folder).anatomy
    generator = torch.Generator().manual_seed(0)
    long = torch.randint(4, 60, (1, 40), generator=generator)
    short = torch.randint(4, 60, (1, 12), generator=generator)
    middle = torch.randint(4, 60, (1, 20), generator=generator)
    padded = [torch.cat((torch.zeros(1, 40 - row.shape[1], dtype=torch.long), row), 1) for row in (short, middle)]
    tokens = torch.cat((long, *padded))
    together = anatomy.logits(tokens, tokens != 0)
    for i, prompt in enumerate((long, short, middle)):
        expected = plain(folder, prompt)[0]
        torch.testing.assert_close(anatomy.logits(prompt)[0], expected, atol=2e-5, rtol=1e-4)
        torch.testing.assert_close(together[i, -prompt.shape[1] :], expected, atol=2e-5, rtol=1e-4)


def test_windows_of_several_widths_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(tmp_path, transformers.MistralConfig(**SIZES, sliding_window=10))
    monkeypatch.setattr("mib.models.adapters.bridge._width", lambda model, block, layer: 10 + layer)
    with pytest.raises(ModelError, match="its layers have sliding windows of 3 widths; mib has one for all"):
        mib.load_model(tmp_path)


def test_logits_that_overflow_are_refused(tmp_path: Path) -> None:
    config = transformers.LlamaConfig(**SIZES)
    torch.manual_seed(0)
    model: Any = transformers.LlamaForCausalLM(config)
    model.model.norm.weight.data *= 60_000
    model.save_pretrained(tmp_path)
    make_tokenizer(tmp_path)
    mib.load_model(tmp_path)
    with pytest.raises(ModelError, match="not finite in torch.float16. Try dtype='bfloat16' or 'float32'"):
        mib.load_model(tmp_path, dtype="float16")


def test_a_window_of_a_module_of_ones_own_shows_on_longer_inputs() -> None:
    """It says nothing of it in its configuration, and sees 40 positions."""
    model = random_model(n_context=100, causal=True)
    plain_attention = model._attention

    def windowed(attn: Any, stream: torch.Tensor) -> torch.Tensor:
        n = stream.shape[1]
        return plain_attention(attn, stream) if n <= 40 else plain_attention(attn, stream.flip(1))

    assert decompose(model).max_positions == 100
    model._attention = windowed  # type: ignore[method-assign]
    with pytest.raises(TaskError, match="taken apart computes something else.* on 100 tokens"):
        decompose(model)
