"""Models taken apart compute what the models compute."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import nn

import mib
from mib.engine import Engine
from mib.errors import TaskError
from mib.metrics import LogitDifference
from mib.models.adapters import decompose
from tests.mib.checkpoints import make_tokenizer
from tests.mib.small_models import bridge, golden_gpt2, random_model

SIZES: dict[str, Any] = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "vocab_size": 60, "max_position_embeddings": 64, "initializer_range": 0.2,
}  # fmt: skip
GEMMA: dict[str, Any] = {
    "head_dim": 8, "sliding_window": 4, "query_pre_attn_scalar": 9, "attn_logit_softcapping": 2.0,
    "final_logit_softcapping": 3.0,
}  # fmt: skip
PYTHIA = {key: value for key, value in SIZES.items() if key != "num_key_value_heads"}
CONFIGS = {
    "qwen2": transformers.Qwen2Config(**SIZES),
    "qwen3": transformers.Qwen3Config(**SIZES, head_dim=8),
    "gemma2": transformers.Gemma2Config(**SIZES, **GEMMA),
    "gpt_neox": transformers.GPTNeoXConfig(**PYTHIA),
    "gemma": transformers.GemmaConfig(**SIZES, head_dim=8),
    "phi": transformers.PhiConfig(**SIZES),
    "mistral": transformers.MistralConfig(**SIZES, sliding_window=10),
    "phi3": transformers.Phi3Config(**SIZES, sliding_window=9, pad_token_id=0),
    "starcoder2": transformers.Starcoder2Config(**SIZES, sliding_window=9),
    "qwen2-window": transformers.Qwen2Config(**SIZES, sliding_window=9, use_sliding_window=True, max_window_layers=1),
    "llama-biases": transformers.LlamaConfig(**SIZES, mlp_bias=True, attention_bias=True),
    "gpt2": transformers.GPT2Config(
        n_embd=32, n_layer=3, n_head=4, vocab_size=60, n_positions=64, initializer_range=0.2
    ),
}


@pytest.fixture(scope="module", params=CONFIGS)
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random checkpoint of a real architecture, with norms and biases that are not trivial."""
    torch.manual_seed(0)
    model: Any = transformers.AutoModelForCausalLM.from_config(CONFIGS[request.param])
    for name, parameter in model.named_parameters():
        if "norm" in name or "bias" in name or "ln_" in name:
            parameter.data += 0.3 * torch.randn_like(parameter)
    folder = tmp_path_factory.mktemp(request.param)
    model.save_pretrained(folder)
    make_tokenizer(folder)
    return folder


@pytest.fixture(scope="module")
def model(checkpoint: Path) -> Any:
    """The checkpoint's model, which nothing here changes."""
    return bridge(checkpoint)


@pytest.fixture(scope="module")
def reference(checkpoint: Path) -> Any:
    """The same in Hugging Face's own code."""
    return transformers.AutoModelForCausalLM.from_pretrained(checkpoint).eval()


TOKENS = torch.randint(60, (4, 12), generator=torch.Generator().manual_seed(0))
KINDS = ("left", "right", "none")


def mask_of(kind: str) -> torch.Tensor | None:
    mask = torch.ones(4, 12, dtype=torch.bool)
    mask[0, :4], mask[1, :1] = False, False
    return {"left": mask, "right": mask.flip(1), "none": None}[kind]


@pytest.mark.parametrize("padding", KINDS)
def test_logits_are_hugging_face_s(model: Any, reference: Any, padding: str) -> None:
    mask = mask_of(padding)
    arguments: dict[str, Any] = {}
    if mask is not None:
        arguments = {"attention_mask": mask.long(), "position_ids": (mask.long().cumsum(1) - 1).clamp(min=0)}
    with torch.no_grad():
        expected = reference(TOKENS, **arguments).logits
    got = decompose(model).logits(TOKENS, mask)
    real = torch.ones(4, 12, dtype=torch.bool) if mask is None else mask
    torch.testing.assert_close(got[real], expected[real], atol=2e-5, rtol=1e-4)


def test_sources_add_up_and_circuits_reach_both_ends(model: Any) -> None:
    """Grouped queries, post norms, soft caps, sliding windows and parallel blocks: all kept, all cut, single cuts."""
    engine = Engine(model, TOKENS)
    clean, other = torch.arange(2), torch.arange(2) + 2
    every = torch.ones(1, len(engine.graph.sources), len(engine.graph.destinations), dtype=torch.bool)
    close: dict[str, Any] = {"atol": 5e-5, "rtol": 1e-4}
    kept = torch.rand(*every.shape, generator=torch.Generator().manual_seed(1)) < 0.9
    torch.testing.assert_close(engine.run(every, clean, other), engine.logits(clean), **close)
    torch.testing.assert_close(engine.run(~every, clean, other), engine.logits(other), **close)
    assert not torch.allclose(engine.run(kept, clean, other), engine.logits(clean), **close)
    for edge in ("a0.h3->a1.h1<k>", "input->a2.h0<v>", "a1.h2->m1" if not engine.graph.parallel else "a0.h2->m1"):
        cut = every.clone()
        cut[0][engine.graph.index(edge)] = False
        fast = engine.run_single_cuts([edge], clean, other)[0]
        torch.testing.assert_close(fast, engine.run(cut, clean, other), **close)


def test_eap_is_the_slope_of_a_soft_cut_on_real_architectures(model: Any) -> None:
    metric = LogitDifference.at_position(torch.tensor([1, 2]), torch.tensor([3, 4]), n_positions=12)
    task = mib.LocalizationTask(model=model, clean=TOKENS[:2], counterfactual=TOKENS[2:], metric=metric)
    pairs, graph = task.everything, task.graph
    kept = torch.ones(1, len(graph.sources), len(graph.destinations), requires_grad=True)
    logits = task.engine.run_soft(kept, pairs.clean, pairs.counterfactual)
    (slope,) = torch.autograd.grad(metric(logits, pairs.examples).mean(), kept)
    scores = mib.localization.get("eap")(task)
    assert isinstance(scores, mib.EdgeScores)
    expected = slope[0][torch.from_numpy(graph.edge_mask.copy())]
    torch.testing.assert_close(torch.from_numpy(scores.flat).float(), expected, atol=1e-4, rtol=1e-3)


def test_weight_processing_comes_along() -> None:
    model: Any = golden_gpt2()
    before = decompose(model).logits(TOKENS[:, :10])
    model.enable_compatibility_mode()
    after = decompose(model)
    assert not torch.equal(after.W_U, decompose(golden_gpt2()).W_U)
    torch.testing.assert_close(after.logits(TOKENS[:, :10]).log_softmax(-1), before.log_softmax(-1), atol=1e-4, rtol=0)


def test_a_model_of_no_known_kind_is_refused() -> None:
    with pytest.raises(TaskError, match="cannot take apart a Linear: it has no cfg, embed.W_E"):
        decompose(nn.Linear(2, 2))


@pytest.mark.parametrize(
    ("dtype", "advice"),
    [
        (torch.float16, r"Try dtype='bfloat16' or 'float32'\."),
        (torch.bfloat16, r"Try dtype='float32'\."),
        (torch.float32, r"Try dtype='float64', or look for weights that are no numbers\."),
        (torch.float64, r"Look for weights that are no numbers\."),
    ],
)
def test_logits_that_are_no_numbers_are_refused_with_advice_that_helps(dtype: torch.dtype, advice: str) -> None:
    model = random_model(dtype=dtype)
    with torch.no_grad():
        model.unembed.W_U[0, 0] = float("nan")
    with pytest.raises(TaskError, match=f"is not finite in {dtype}. {advice}"):
        decompose(model)


def test_parts_that_float32_cannot_hold_are_not_excused_by_its_rounding() -> None:
    """In float32 this model puts out no numbers: nothing can be said to be small enough beside them, nor too large."""
    model = random_model(dtype=torch.float64)
    with torch.no_grad():
        model.embed.W_E *= 1e60
    decompose(model)
    plain = model.forward
    model.forward = lambda tokens: 2 * plain(tokens)
    with pytest.raises(TaskError, match="taken apart computes something else: its logits are off by"):
        decompose(model)


def test_parts_that_compute_something_else_are_refused() -> None:
    model = random_model()
    model.cfg.attention_dir = "causal"  # the parts are causal now,
    model._attention = random_model()._attention  # type: ignore[method-assign] # the model is not
    with pytest.raises(TaskError, match="taken apart computes something else: its logits are off by"):
        decompose(model)
    hooked = random_model()
    hooked.hook_embed.add_hook(lambda value, hook: 2 * value)
    with pytest.raises(TaskError, match="without hooks"):
        decompose(hooked)


def test_unknown_activations_and_norms_are_refused() -> None:
    model = random_model()
    model.cfg.act_fn = "gelu_newest"
    with pytest.raises(TaskError, match="unknown activation 'gelu_newest'. Did you mean: gelu_new"):
        decompose(model)
    model = random_model()
    model.cfg.normalization_type = "Group"
    with pytest.raises(TaskError, match="unknown normalization_type 'Group'"):
        decompose(model)
