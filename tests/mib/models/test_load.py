"""Real models are loaded as they are, or refused in one line."""

import contextlib
import json
import shutil
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

import mib
from mib.errors import ModelError
from mib.metrics import LogitDifference
from mib.models.model_names import MODELS, Source
from tests.mib.checkpoints import ARCHITECTURES, SIZES, WORDS, make_tokenizer

TOKENS = torch.randint(4, 60, (3, 9), generator=torch.Generator().manual_seed(0))


@pytest.fixture
def copied(checkpoints: dict[str, Path], tmp_path: Path) -> Path:
    """A checkpoint to break."""
    return Path(shutil.copytree(checkpoints["llama"], tmp_path / "model"))


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty cache, and a hub that must not be asked."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the hub was asked")

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("socket.getaddrinfo", refuse)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.usefixtures("no_hub")
def test_a_folder_is_loaded_unprocessed_and_offline(
    checkpoints: dict[str, Path], architecture: str, dtype: torch.dtype
) -> None:
    loaded, expected = mib.load_model(checkpoints[architecture], dtype=dtype), plain_logits(checkpoints[architecture])
    torch.testing.assert_close(loaded.model(TOKENS).double(), expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(loaded.anatomy.logits(TOKENS).double(), expected, atol=1e-5, rtol=0)
    assert (loaded.dtype, loaded.device.type, loaded.revision) == (dtype, "cpu", None)
    assert not loaded.model.training
    assert not any(parameter.requires_grad for parameter in loaded.model.parameters())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_is_as_exact_as_hugging_face_s(
    checkpoints: dict[str, Path], architecture: str, dtype: str
) -> None:
    """Both are compared with what the rounded weights compute in double precision."""
    folder, half = checkpoints[architecture], getattr(torch, dtype)
    exact = plain_logits(folder, half)
    theirs = (plain_logits(folder, half, half) - exact).abs().mean()
    loaded = mib.load_model(folder, dtype=dtype)
    for ours in (loaded.model(TOKENS), loaded.anatomy.logits(TOKENS)):
        assert ours.dtype == half
        assert (ours.double() - exact).abs().mean() < 1.5 * theirs


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_hook_is_there_before_the_norm(checkpoints: dict[str, Path], architecture: str) -> None:
    """A head's inputs are the residual stream itself, and head results and MLPs add up to the next one."""
    loaded = mib.load_model(checkpoints[architecture], dtype="float64")
    model: Any = loaded.model
    _, cache = model.run_with_cache(TOKENS)
    n_groups = 4 if architecture == "gpt2" else 2
    for layer in range(3):
        before, middle = cache[f"blocks.{layer}.hook_resid_pre"], cache[f"blocks.{layer}.hook_resid_mid"]
        for letter, heads in (("q", 4), ("k", n_groups), ("v", n_groups)):
            read = cache[f"blocks.{layer}.hook_{letter}_input"]
            torch.testing.assert_close(read, before[:, :, None].expand(-1, -1, heads, -1))
        torch.testing.assert_close(cache[f"blocks.{layer}.hook_mlp_in"], middle)
        assert cache[f"blocks.{layer}.attn.hook_result"].shape == (3, 9, 4, 32)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_tokenizer_is_the_checkpoint_s_and_pads_on_the_left(
    checkpoints: dict[str, Path], architecture: str
) -> None:
    loaded = mib.load_model(checkpoints[architecture])
    batch = loaded.tokenizer(["w1 w2 w3", "w4"], padding=True, return_tensors="pt")
    assert batch["input_ids"].tolist() == [[5, 6, 7], [2, 2, 8]]  # </s> stands in for the missing pad token
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [0, 0, 1]]
    model: Any = loaded.model
    assert model.to_tokens("w1 w2", prepend_bos=True).tolist() == [[1, 5, 6]]
    assert len(loaded.tokenizer) == len(WORDS)


def test_the_learned_pad_token_is_kept(copied: Path) -> None:
    make_tokenizer(copied, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")
    assert mib.load_model(copied).tokenizer.pad_token_id == 0


def test_tasks_and_engine_take_it_and_share_its_parts(checkpoints: dict[str, Path]) -> None:
    loaded = mib.load_model(str(checkpoints["qwen2"]))
    metric = LogitDifference.at_position(torch.tensor([1, 2, 3]), torch.tensor([4, 5, 6]), n_positions=9)
    task = mib.LocalizationTask(model=loaded, clean=TOKENS, counterfactual=TOKENS.flip(0), metric=metric)
    assert task.engine.anatomy.blocks is loaded.anatomy.blocks
    assert task.engine.anatomy.W_U is loaded.anatomy.W_U
    assert mib.Engine(loaded, TOKENS).anatomy is loaded.anatomy
    assert mib.localization.get("eap")(task)["input->a0.h0<v>"] != 0
    shared = {weight.untyped_storage().data_ptr() for weight in loaded.model.parameters()}
    block = loaded.anatomy.blocks[0]
    for weight in (block.attention.W_Q, block.attention.W_O, block.mlp.W_in, block.mlp.W_out, loaded.anatomy.W_U):
        assert weight.untyped_storage().data_ptr() in shared
    assert repr(loaded).endswith("3 layers x 4 heads, d_model 32, float32 on cpu)")


def test_what_is_no_model_is_refused_by_tasks() -> None:
    with pytest.raises(mib.TaskError, match="model is a str; expected a torch module, an Anatomy or a LoadedModel"):
        mib.Engine("gpt2", TOKENS)  # type: ignore[arg-type]


def test_short_names_are_mib_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Source.of("llama3") == Source("llama3", "meta-llama/Llama-3.1-8B", local=False)
    assert Source.of("EleutherAI/pythia-70m", "step1000").revision == "step1000"
    (tmp_path / "gpt2").mkdir()
    monkeypatch.chdir(tmp_path)
    assert Source.of("gpt2").location == MODELS["gpt2"]
    assert Source.of("./gpt2").local
    assert Source.of(Path("gpt2")).local


# -- what is wrong, in one line ------------------------------------------------------------------------------------


def refusal(name: str | Path, **arguments: Any) -> str:
    with pytest.raises(ModelError) as caught:
        mib.load_model(name, **arguments)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    return message


@pytest.mark.usefixtures("no_hub")
def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert refusal("./no-such").startswith("no folder './no-such'. Give the folder that holds config.json")
    assert f"'{tmp_path}' holds no Hugging Face checkpoint: it has no config.json." in refusal(tmp_path)
    assert "only models on the hub have one" in refusal(tmp_path, revision="main")


def test_a_hub_out_of_reach_takes_no_minute_and_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    message = refusal("google/gemma-2-2b")
    assert message.startswith("'google/gemma-2-2b' is not on this machine, and the Hugging Face hub cannot be asked")
    assert message.endswith("Go online, or give the folder of a checkpoint.")
    assert "Did you mean: gemma2?" in refusal("gemma")


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        (
            "GatedRepoError",
            "'meta-llama/Llama-3.1-8B' is gated: accept its licence at https://huggingface.co/meta-llama",
        ),
        ("RepositoryNotFoundError", "no model 'meta-llama/Llama-3.1-8B' on the hub, or it is private"),
        ("RevisionNotFoundError", "'meta-llama/Llama-3.1-8B' has no revision 'v9' on the hub."),
    ],
)
def test_what_the_hub_refuses_is_said(monkeypatch: pytest.MonkeyPatch, kind: str, says: str) -> None:
    class Response:
        headers: dict[str, str] = {}
        request = None

    def refuse(*_: object, **__: object) -> None:
        raise getattr(huggingface_hub.errors, kind)("401 Client Error.\n\nmore lines", response=Response())

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", refuse)
    assert says in refusal("llama3", revision="v9")


def test_truncated_weights_are_corrupt(copied: Path) -> None:
    weights = copied / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    message = refusal(copied)
    assert message.startswith(f"the weights of '{copied}' are corrupt (")
    assert message.endswith("Fetch the file again.")
    weights.write_bytes(b"<html>login</html>" * 9)
    assert "are corrupt (" in refusal(copied)


def test_weights_of_other_shapes_are_named(copied: Path) -> None:
    change(copied / "config.json", intermediate_size=40)
    assert "'model.layers.0.mlp.down_proj.weight' has shape [32, 48], expected [32, 40]." in refusal(copied)


def test_missing_and_superfluous_weights_are_named(copied: Path) -> None:
    weights = load_file(copied / "model.safetensors")
    norm = weights.pop("model.norm.weight")
    save_file(weights, copied / "model.safetensors", metadata={"format": "pt"})
    assert f"the weights of '{copied}' lack 'model.norm.weight'." in refusal(copied)
    save_file({**weights, "model.norm.weight": norm}, copied / "model.safetensors", metadata={"format": "pt"})
    change(copied / "config.json", num_hidden_layers=2, layer_types=None)
    assert "have, and the model has no place for, 'model.layers.2.input_layernorm.weight'," in refusal(copied)


def test_weights_that_are_not_finite_are_refused(copied: Path) -> None:
    weights = load_file(copied / "model.safetensors")
    weights["model.layers.1.mlp.down_proj.weight"][0, 0] = torch.nan
    save_file(weights, copied / "model.safetensors", metadata={"format": "pt"})
    assert "weights of" in (message := refusal(copied))
    assert "are not finite" in message


def test_a_broken_configuration_is_refused(copied: Path) -> None:
    (copied / "config.json").write_text('{"model_type": "llama"')
    assert f"the config.json of '{copied}' cannot be read" in refusal(copied)
    (copied / "config.json").write_text('{"model_type": "no-such"}')
    assert "no-such" in refusal(copied)


def test_a_tokenizer_of_another_model_is_refused(copied: Path) -> None:
    make_tokenizer(copied, words=(*WORDS, "more"))
    message = refusal(copied)
    assert "is not the model's: token 'more' is number 60, and the embedding has rows 0 to 59." in message


def test_a_tokenizer_that_cannot_pad_or_is_missing_is_refused(copied: Path) -> None:
    make_tokenizer(copied, mask_token="<s>")
    assert "has no pad, eos, bos or unk token to pad with" in refusal(copied)
    (copied / "tokenizer.json").unlink()
    assert f"'{copied}' has no tokenizer: none of tokenizer.json, tokenizer.model," in refusal(copied)


def test_an_architecture_that_is_not_known_is_refused(tmp_path: Path) -> None:
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "vocab_size": 60, "state_size": 4}
    model: Any = transformers.MambaForCausalLM(transformers.MambaConfig(**sizes))
    model.save_pretrained(tmp_path)
    make_tokenizer(tmp_path)
    assert "'mamba'" in refusal(tmp_path)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_checkpoint_without_a_tokenizer_is_refused(
    checkpoints: dict[str, Path], architecture: str, tmp_path: Path
) -> None:
    """Transformers would make up an empty tokenizer of the model's kind."""
    folder = Path(shutil.copytree(checkpoints[architecture], tmp_path / "model"))
    for file in folder.glob("*token*"):
        file.unlink()
    assert "has no tokenizer: none of tokenizer.json," in refusal(folder)


@pytest.mark.parametrize("kind", ["AutoConfig", "AutoTokenizer", "AutoModelForCausalLM"])
def test_code_of_a_checkpoint_is_neither_run_nor_asked_about(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    def ask(*_: object) -> str:
        raise AssertionError("the user was asked")

    monkeypatch.setattr("builtins.input", ask)
    ran = tmp_path / "ran"
    (copied / "custom.py").write_text(f"open({str(ran)!r}, 'w').close()\nclass Custom: pass\n")
    value = ["custom.Custom", "custom.Custom"] if kind == "AutoTokenizer" else "custom.Custom"
    change(copied / "config.json", auto_map={kind: value})
    change(copied / "tokenizer_config.json", auto_map={kind: value}, tokenizer_class="CustomTokenizer")
    message = ""
    if kind == "AutoConfig":  # a model type that transformers does not know: nothing but the code could read it
        change(copied / "config.json", model_type="custom")
        message = refusal(copied)
        assert "is run by Python code of its own (auto_map in its config.json), and code of checkpoints is" in message
    else:  # transformers has an architecture of that name: its own code is used
        with contextlib.suppress(ModelError):
            mib.load_model(copied)
    assert not ran.exists()


def test_no_reader_of_another_library_is_let_run_code(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformer_lens.model_bridge import TransformerBridge
    from transformers.models.auto import tokenization_auto

    told: dict[str, object] = {}

    def watch(owner: Any, name: str) -> None:
        original = getattr(owner, name)

        def reading(*given: Any, **options: Any) -> Any:
            told[f"{getattr(owner, '__name__', owner)}.{name}"] = options.get("trust_remote_code", "not told")
            return original(*given, **options)

        monkeypatch.setattr(owner, name, reading)

    for reader in (transformers.AutoConfig, transformers.AutoModelForCausalLM, transformers.PreTrainedTokenizerFast):
        watch(reader, "from_pretrained")
    watch(TransformerBridge, "boot_transformers")
    watch(tokenization_auto, "get_tokenizer_config")
    mib.load_model(copied)
    assert set(told.values()) == {False}
    assert len(told) == 5


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (
            transformers.GraniteConfig(**SIZES, residual_multiplier=0.5),
            "'granite': it scales what each block adds to the residual stream (residual_multiplier=0.5)",
        ),
        (transformers.CohereConfig(**SIZES, logit_scale=0.25), "it scales its logits (logit_scale=0.25); its rotary"),
        (transformers.GlmConfig(**SIZES, head_dim=8), "its rotary embedding turns neighbouring dimensions, not the"),
        (
            transformers.SmolLM3Config(**SIZES, no_rope_layers=[1, 0, 1]),
            "its layers '1' have no rotary embedding. mib has no part for that. Known to work: gpt2,",
        ),
        (transformers.Gemma3TextConfig(**SIZES, head_dim=8), "its kinds of layers have rotary embeddings of their own"),
        (transformers.Olmo2Config(**SIZES), "it norms the queries of all heads together"),
        (transformers.MixtralConfig(**SIZES, num_local_experts=2), "its MLPs are mixtures of 2 experts"),
        (transformers.BloomConfig(hidden_size=32, n_layer=2, n_head=4, vocab_size=60), "it adds ALiBi to its"),
        (
            transformers.GPTNeoConfig(
                hidden_size=32, num_layers=2, num_heads=4, vocab_size=60, attention_types=[[["global", "local"], 1]]
            ),
            "the architecture 'gpt_neo', whose heads TransformerLens gives no hooks: use_attn_result: none of this",
        ),
    ],
    ids=lambda value: getattr(value, "model_type", ""),
)
def test_the_reason_why_an_architecture_is_refused_is_true(tmp_path: Path, config: Any, reason: str) -> None:
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    make_tokenizer(tmp_path)
    assert reason in refusal(tmp_path)


@pytest.mark.parametrize("name", [object(), 3, None, b"gpt2", ["gpt2"]])
def test_what_is_no_name_is_refused(name: Any) -> None:
    assert refusal(name).startswith(
        f"name is a {type(name).__name__}; expected one of gpt2, qwen2.5, gemma2, llama3, a"
    )


def test_devices_and_dtypes_that_are_not_here_are_refused(copied: Path) -> None:
    assert refusal(copied, dtype="int8").startswith("dtype='int8' is none of a model. Choose from float32,")
    assert refusal(copied, dtype=torch.int64).startswith("dtype=torch.int64 is none of a model.")
    assert refusal(copied, device=None).startswith("device=None is none: write 'cpu'")
    assert refusal(copied, device="tpu").startswith("device='tpu' is none: write 'cpu', 'cuda'")
    if not torch.cuda.is_available():
        assert refusal(copied, device="cuda").startswith("device='cuda' cannot be used: ")


def plain_logits(folder: Path, stored: torch.dtype = torch.float64, run: torch.dtype = torch.float64) -> torch.Tensor:
    """What Hugging Face's own forward pass gives, in double precision, of weights rounded to another one."""
    model: Any = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=stored, attn_implementation="eager")
    with torch.no_grad():
        return model.to(run).eval()(TOKENS).logits.double()


def change(path: Path, **values: object) -> None:
    """Change some entries of a JSON file; None takes one out."""
    merged = {**json.loads(path.read_text()), **values}
    path.write_text(json.dumps({key: value for key, value in merged.items() if value is not None}))
