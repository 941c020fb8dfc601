"""InterpBench's folders are read as TransformerLens computes them, and what is not understood is named."""

import json
import re

import pytest
import torch

from groundtruth.errors import ArtifactError
from groundtruth.interpbench.hook_edges import edges_of_hooks
from groundtruth.interpbench.model_folder import read_interpbench
from groundtruth.trained.cut_forward import forward
from mib.graph import Graph
from tests.groundtruth.interpbench.lens_folders import EDGES, FIELDS, PAIRS, lens_logits, random_state, write_folder


def test_a_read_model_computes_what_transformer_lens_does(tmp_path):
    read = read_interpbench(write_folder(tmp_path / "3"))
    ids = torch.tensor([[3, 0, 1, 2, 0], [3, 2, 2, 1, 4]])
    expected = lens_logits(random_state(), ids)
    assert torch.allclose(forward(read.config.architecture, read.weights, ids).logits, expected, rtol=0, atol=1e-11)
    assert (read.name, [str(edge) for edge in read.claimed]) == ("3", EDGES)
    assert read.meta["strict_weight"] == 0.4


def test_json_stands_for_pickles(tmp_path):
    folder = write_folder(tmp_path / "3")
    fields = {name: value for name, value in FIELDS.items() if name not in ("dtype", "device")}
    for stem, value in (("ll_model_cfg", fields), ("edges", PAIRS)):
        (folder / f"{stem}.pkl").unlink()
        (folder / f"{stem}.json").write_text(json.dumps(value))
    assert [str(edge) for edge in read_interpbench(folder).claimed] == EDGES


def _without(name):
    return {key: value for key, value in FIELDS.items() if key != name}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (FIELDS | {"normalization_type": "LN"}, "normalization_type='LN' is not supported; only None is"),
        (FIELDS | {"positional_embedding_type": "rotary"}, "positional_embedding_type='rotary' is not supported"),
        (FIELDS | {"attn_only": True}, "attn_only=True is not supported; only False is"),
        (FIELDS | {"attn_scale": 1.0}, "attn_scale=1.0 is not supported; only the root of d_head is"),
        (FIELDS | {"act_fn": "solu"}, "activation='solu' is unknown; choose from gelu_new, gelu, relu"),
        (FIELDS | {"attention_dir": "sideways"}, "attention_dir='sideways'; choose from causal, bidirectional"),
        (FIELDS | {"mystery": 1}, "field 'mystery' is not known; it may change what the model computes"),
        (FIELDS | {"d_model": True}, "d_model=True is not a positive whole number"),
        (_without("n_ctx"), "n_ctx=None is not a positive whole number"),
        (FIELDS | {"d_mlp": 40}, "weight 'blocks.0.mlp.W_in' has shape (12, 48); the configuration asks for (12, 40)"),
        ([1], "it holds a list, not the fields of a configuration"),
    ],
)
def test_a_configuration_that_is_not_understood_is_refused(tmp_path, fields, message):
    _refused(write_folder(tmp_path / "3", fields=fields), message)


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([("hook_embed", "blocks.7.hook_mlp_in")], "means 'input->m7', which"),
        ([("blocks.1.hook_mlp_out", "blocks.0.hook_mlp_in")], "means 'm1->m0', which"),
        ([("blocks.0.ln1.hook_scale", "blocks.0.hook_mlp_in")], "edges start in 'blocks.0.ln1.hook_scale'"),
        ([("hook_embed", "blocks.0.hook_k_input")], "edges end in 'blocks.0.hook_k_input'"),
        ([("a0.h1", "m0")], "edges start in 'a0.h1', which is not known"),
        ([("embed tokens", "m0")], "edges name 'embed tokens', which is no hook of TransformerLens"),
        ([("hook_embed",)], "edges holds ('hook_embed',), which is no pair of hook names"),
        ([], "edges holds a list, not a list of pairs"),
        (
            [("hook_embed", "blocks.0.hook_resid_post"), ("hook_embed", "blocks.1.hook_resid_post")],
            "edges end in blocks.0.hook_resid_post, blocks.1.hook_resid_post",
        ),
    ],
)
def test_edges_that_are_not_understood_are_refused(tmp_path, pairs, message):
    _refused(write_folder(tmp_path / "3", pairs=pairs), message)


def test_weights_that_are_not_those_of_the_configuration_are_refused(tmp_path):
    state = random_state()
    _refused(write_folder(tmp_path / "a", state=state | {"blocks.0.ln1.w": torch.ones(12)}), "weight 'blocks.0.ln1.w'")
    _refused(write_folder(tmp_path / "b", state=state | {"unembed.b_U": torch.full((3,), torch.nan)}), "not finite")
    _refused(write_folder(tmp_path / "c", state=[1]), "ll_model.pth is not a state dict")


def test_weights_are_read_without_running_them(tmp_path):
    folder = write_folder(tmp_path / "3")
    torch.save({"embed.W_E": _Trap(tmp_path / "sprung")}, folder / "ll_model.pth")
    _refused(folder, "ll_model.pth cannot be read with weights_only=True")
    assert not (tmp_path / "sprung").exists()


class _Trap:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_a_missing_file_is_named(tmp_path):
    for name in ("ll_model.pth", "ll_model_cfg.pkl", "edges.pkl"):
        folder = write_folder(tmp_path / "3")
        (folder / name).unlink()
        _refused(folder, name)
    _refused(tmp_path / "nowhere", "nowhere is not a folder")


def test_a_pair_that_ends_in_a_head_stands_for_its_three_inputs_and_output_is_the_last_block_named():
    graph = Graph(n_layers=6, n_heads=4, d_model=64, pos=True)
    pairs = [
        ("blocks.1.attn.hook_result[1]", "blocks.2.attn.hook_result[1]"),
        ("blocks.4.attn.hook_result[1]", "blocks.4.hook_resid_post"),
        ("blocks.0.hook_resid_pre", "blocks.1.hook_mlp_out"),
    ]
    assert [str(edge) for edge in edges_of_hooks(pairs, graph)] == [
        "input->m1",
        "pos->m1",
        "a1.h1->a2.h1<q>",
        "a1.h1->a2.h1<k>",
        "a1.h1->a2.h1<v>",
        "a4.h1->logits",
    ]


def _refused(folder, message):
    with pytest.raises(ArtifactError, match=re.escape(message)):
        read_interpbench(folder)
