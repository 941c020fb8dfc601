"""Autoencoders in sae-lens's files, by its formulas; and whatever a file holds, a featurizer or a FormatError."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from mib.errors import FormatError
from mib.featurization import check_featurizer
from mib.leaderboard.formats import read_sae_lens

D, N = 4, 10


def weights(**changes: torch.Tensor) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    return {
        "W_enc": draw(D, N),
        "W_dec": draw(N, D),
        "b_enc": draw(N),
        "b_dec": draw(D),
        "threshold": draw(N).abs(),
    } | changes


def write(folder: Path, stored: dict[str, torch.Tensor] | None = None, **config: Any) -> None:
    folder.mkdir(exist_ok=True)
    if stored is None:
        stored = weights()
        if config.get("architecture") != "jumprelu":
            del stored["threshold"]
    save_file(stored, folder / "sae_weights.safetensors")
    (folder / "cfg.json").write_text(json.dumps({"d_in": D, "d_sae": N} | config))


def x() -> torch.Tensor:
    return torch.randn(7, D, generator=torch.Generator().manual_seed(1))


def test_a_standard_autoencoder(tmp_path: Path) -> None:
    write(tmp_path, architecture="standard", hook_name="blocks.0.hook_resid_post", metadata={"l1": 1})
    w, found = weights(), read_sae_lens(tmp_path)
    features, error = found.featurize(x())
    torch.testing.assert_close(features, torch.relu((x() - w["b_dec"]) @ w["W_enc"] + w["b_enc"]))
    torch.testing.assert_close(error, x() - (features @ w["W_dec"] + w["b_dec"]))
    assert check_featurizer(found, x()).law == "dictionary"
    assert read_sae_lens(tmp_path, error="dropped").law == "lossy dictionary"


def test_the_decoder_bias_is_subtracted_only_where_the_file_says_so(tmp_path: Path) -> None:
    write(tmp_path, apply_b_dec_to_input=False)
    w = weights()
    features, _ = read_sae_lens(tmp_path).featurize(x())
    torch.testing.assert_close(features, torch.relu(x() @ w["W_enc"] + w["b_enc"]))


def test_jumprelu_keeps_what_passes_its_threshold(tmp_path: Path) -> None:
    write(tmp_path, architecture="jumprelu")
    w = weights()
    pre = (x() - w["b_dec"]) @ w["W_enc"] + w["b_enc"]
    features, _ = read_sae_lens(tmp_path).featurize(x())
    torch.testing.assert_close(features, torch.where(pre > w["threshold"], pre.relu(), 0.0))


@pytest.mark.parametrize(
    "config",
    [{"architecture": "topk", "k": 2}, {"activation_fn_str": "topk", "activation_fn_kwargs": {"k": 2}}],
    ids=["today", "before 6.0"],
)
def test_top_k_keeps_the_largest(tmp_path: Path, config: dict[str, Any]) -> None:
    write(tmp_path, **config)
    found = read_sae_lens(tmp_path)
    features, _ = found.featurize(x())
    assert (features > 0).sum(1).max() <= 2
    check_featurizer(found, x())


def test_rescaling_by_decoder_norms_changes_which_are_the_largest_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path, architecture="topk", k=N, rescale_acts_by_decoder_norm=True)
    write(tmp_path / "plain", architecture="standard")
    norms = weights()["W_dec"].norm(dim=1)
    one, other = read_sae_lens(tmp_path).featurize(x()), read_sae_lens(tmp_path / "plain").featurize(x())
    torch.testing.assert_close(one[0], other[0] * norms)
    torch.testing.assert_close(one[1], other[1])


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"architecture": "gated"},
            "architecture: 'gated' is none of standard, topk, jumprelu.*pass its encode and decode",
        ),
        ({"architecture": "topk"}, "cfg.json: k: is None; a topk autoencoder needs it"),
        ({"k": 3}, "cfg.json: k: is 3; a topk autoencoder needs it, and no other has it"),
        (
            {"activation_fn_str": "tanh-relu"},
            "activation_fn: tanh-relu; only relu and topk are read. Load it with sae-",
        ),
        ({"activation_fn_str": "relu", "activation_fn_kwargs": {"cap": 1}}, "activation_fn_kwargs: {'cap': 1} are not"),
        ({"finetuning_scaling_factor": True}, "finetuning_scaling_factor: True is a setting that is not known here"),
        ({"architecture": "jumprelu", "jumprelu_slope": 2}, "jumprelu_slope: 2 is a setting that is not known here"),
        ({"rescale_acts_by_decoder_norm": True}, "rescale_acts_by_decoder_norm: true; only topk autoencoders rescale"),
        ({"d_in": 5}, r"W_enc: is torch.float32 of shape \[4, 10\]; expected real numbers of shape \[5, 10\]"),
        ({"d_sae": "10"}, "cfg.json: d_sae: "),
        ({"normalize_activations": "layer_norm"}, "only 'none' is affine on the way back"),
    ],
)
def test_other_autoencoders_are_refused(tmp_path: Path, config: dict[str, Any], message: str) -> None:
    write(tmp_path, **config)
    with pytest.raises(FormatError, match=message):
        read_sae_lens(tmp_path)


def test_settings_that_change_nothing_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path, activation_fn_str="relu", activation_fn_kwargs={}, finetuning_scaling_factor=False, noise=None)
    assert read_sae_lens(tmp_path).n_features == N


@pytest.mark.parametrize(
    ("architecture", "tensor"),
    [("standard", "threshold"), ("topk", "threshold"), ("jumprelu", "scaling_factor"), ("standard", "b_gate")],
)
def test_a_tensor_that_is_not_used_is_refused(tmp_path: Path, architecture: str, tensor: str) -> None:
    """A threshold that is dropped leaves too many features active."""
    stored = weights(**{tensor: torch.ones(N)})
    if architecture != "jumprelu" and tensor != "threshold":
        del stored["threshold"]
    write(tmp_path, stored, architecture=architecture, k=2 if architecture == "topk" else None)
    with pytest.raises(FormatError, match=f"{tensor}: is no tensor of a {architecture} autoencoder. Load it with sae-"):
        read_sae_lens(tmp_path)


def test_missing_and_broken_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"cfg.json: file: cannot be read: No such file"):
        read_sae_lens(tmp_path)
    write(tmp_path)
    (tmp_path / "sae_weights.safetensors").write_bytes(b"nothing")
    with pytest.raises(FormatError, match="sae_weights.safetensors: file: cannot be read"):
        read_sae_lens(tmp_path)
    write(tmp_path, {"W_enc": torch.zeros(D, N)})
    with pytest.raises(FormatError, match="W_dec: is missing; expected real numbers of shape"):
        read_sae_lens(tmp_path)
    write(tmp_path, weights(b_dec=torch.full((D,), torch.inf)), architecture="jumprelu")
    with pytest.raises(FormatError, match="b_dec: an entry is not finite"):
        read_sae_lens(tmp_path)


keys = ["d_in", "d_sae", "architecture", "k", "normalize_activations", "activation_fn_kwargs", "activation_fn"]
settled = st.none() | st.booleans() | st.integers(-1, 12) | st.sampled_from(["topk", "jumprelu", "none"])


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    config=st.dictionaries(st.sampled_from(keys), settled | st.lists(st.none())),
    damage=st.none() | st.tuples(st.integers(0, 400), st.integers(0, 255)),
)
def test_fuzzed_files(config: dict[str, Any], damage: tuple[int, int] | None, tmp_path: Path) -> None:
    write(tmp_path, **config)
    if damage is not None:
        content = bytearray((tmp_path / "sae_weights.safetensors").read_bytes())
        content[damage[0]] = damage[1]
        (tmp_path / "sae_weights.safetensors").write_bytes(content)
    try:
        found = read_sae_lens(tmp_path)
    except FormatError as error:
        assert str(error).startswith(str(tmp_path))
    else:
        assert found.n_features == N
