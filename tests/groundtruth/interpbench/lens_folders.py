"""Random folders in InterpBench's format, and TransformerLens's forward pass written down a second time."""

import pickle
from math import sqrt
from pathlib import Path

import torch
from torch import Tensor

FIELDS = {
    "n_layers": 2,
    "n_heads": 4,
    "d_model": 12,
    "d_head": 3,
    "d_mlp": 48,
    "d_vocab": 5,
    "d_vocab_out": 3,
    "n_ctx": 5,
    "act_fn": "gelu",
    "attention_dir": "causal",
    "normalization_type": None,
    "positional_embedding_type": "standard",
    "attn_scale": sqrt(3),
    "use_attn_scale": True,
    "use_attn_result": True,
    "use_split_qkv_input": True,
    "attn_only": False,
    "parallel_attn_mlp": False,
    "gated_mlp": False,
    "dtype": torch.float32,
    "device": torch.device("cpu"),
    "seed": 0,
    "model_name": "custom",
}

PAIRS = [
    ("blocks.1.attn.hook_result[2]", "blocks.1.hook_resid_post"),
    ("blocks.0.hook_mlp_out", "blocks.1.hook_q_input[2]"),
    ("hook_embed", "blocks.0.hook_mlp_in"),
    ("hook_pos_embed", "blocks.1.hook_k_input[2]"),
    ("blocks.1.hook_q_input[2]", "blocks.1.attn.hook_q[2]"),
]
"""The kinds of pairs that published files hold; the last is within a head."""

EDGES = ["input->m0", "pos->a1.h2<k>", "m0->a1.h2<q>", "a1.h2->logits"]


def random_state(seed: int = 0) -> dict[str, Tensor]:
    """A state dict of the shape of ``FIELDS``, buffers and an output bias of attention included."""
    generator = torch.Generator().manual_seed(seed)
    heads, d, k, m = (FIELDS[name] for name in ("n_heads", "d_model", "d_head", "d_mlp"))

    def draw(*shape: int) -> Tensor:
        return 0.4 * torch.randn(shape, generator=generator)

    state = {"embed.W_E": draw(5, d), "pos_embed.W_pos": draw(5, d), "unembed.W_U": draw(d, 3), "unembed.b_U": draw(3)}
    for layer in range(2):
        name = f"blocks.{layer}."
        state |= {f"{name}attn.W_{x}": draw(heads, d, k) for x in "QKV"}
        state |= {f"{name}attn.b_{x}": draw(heads, k) for x in "QKV"}
        state |= {f"{name}attn.W_O": draw(heads, k, d), f"{name}attn.b_O": draw(d)}
        state |= {f"{name}mlp.W_in": draw(d, m), f"{name}mlp.b_in": draw(m)}
        state |= {f"{name}mlp.W_out": draw(m, d), f"{name}mlp.b_out": draw(d)}
        state |= {f"{name}attn.mask": torch.ones(5, 5).tril().bool(), f"{name}attn.IGNORE": torch.tensor(-1e5)}
    return state


def lens_logits(state: dict[str, Tensor], ids: Tensor) -> Tensor:
    """What TransformerLens 2's HookedTransformer computes of these weights, in float64."""
    w = {name: value.double() for name, value in state.items()}
    stream = w["embed.W_E"][ids] + w["pos_embed.W_pos"][: ids.shape[1]]
    for layer in range(2):
        name = f"blocks.{layer}."
        q, k, v = (
            torch.einsum("bpd,hdk->bhpk", stream, w[f"{name}attn.W_{x}"]) + w[f"{name}attn.b_{x}"][:, None]
            for x in "QKV"
        )
        scores = q @ k.transpose(-1, -2) / sqrt(3)
        scores = torch.where(torch.ones(ids.shape[1], ids.shape[1]).tril().bool(), scores, -torch.inf)
        mixed = scores.softmax(-1) @ v
        stream = stream + torch.einsum("bhpk,hkd->bpd", mixed, w[f"{name}attn.W_O"]) + w[f"{name}attn.b_O"]
        hidden = stream @ w[f"{name}mlp.W_in"] + w[f"{name}mlp.b_in"]
        hidden = 0.5 * hidden * (1 + torch.erf(hidden / sqrt(2)))
        stream = stream + hidden @ w[f"{name}mlp.W_out"] + w[f"{name}mlp.b_out"]
    return stream @ w["unembed.W_U"] + w["unembed.b_U"]


def write_folder(folder: Path, *, state=None, fields=None, pairs=None) -> Path:
    """A folder as InterpBench writes it."""
    folder.mkdir(exist_ok=True)
    torch.save(random_state() if state is None else state, folder / "ll_model.pth")
    (folder / "ll_model_cfg.pkl").write_bytes(pickle.dumps(FIELDS if fields is None else fields))
    (folder / "edges.pkl").write_bytes(pickle.dumps(PAIRS if pairs is None else pairs))
    (folder / "meta.json").write_text('{"iit_weight": 1.0, "strict_weight": 0.4}')
    return folder
