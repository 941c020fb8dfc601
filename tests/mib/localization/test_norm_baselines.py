"""Baselines that look at norms of activations and of weights."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import mib
from mib.localization import get
from tests.mib.localization.test_methods import make_task
from tests.mib.small_models import golden_gpt2, random_model


def test_activation_norm_is_that_of_the_projected_change() -> None:
    task = make_task()
    model = task.model
    scores, nodes = get("activation-norm")(task), get("activation-norm")(make_task(level="node"))
    assert isinstance(scores, mib.EdgeScores) and isinstance(nodes, mib.NodeScores)
    pairs = task.everything
    change = task.engine.differences(pairs.clean, pairs.counterfactual)
    block = model.blocks[1]  # type: ignore[union-attr]
    for edge, source, weight in (
        ("input->a1.h1<k>", 0, block.attn.W_K[1]),
        ("m0->m1", 3, block.mlp.W_in),
        ("a1.h0->logits", 4, model.unembed.W_U),  # type: ignore[union-attr]
    ):
        assert scores[edge] == pytest.approx((change[:, source] @ weight).norm(dim=-1).mean().item())
    assert nodes["m0"] == pytest.approx(change[:, 3].norm(dim=-1).mean().item())


def test_weight_norm_is_a_composition_score() -> None:
    model = random_model()
    scores = get("weight-norm")(make_task(model=model))
    write, read = model.blocks[0].attn.W_O[1], model.blocks[1].attn.W_V[0]
    expected = (write @ read).norm() / (write.norm() * read.norm())
    assert isinstance(scores, mib.EdgeScores)
    assert scores["a0.h1->a1.h0<v>"] == pytest.approx(expected.item())
    assert ((scores.flat > 0) & (scores.flat <= 1)).all()
    model.blocks[0].attn.W_O[1].mul_(5)
    np.testing.assert_allclose(get("weight-norm")(make_task(model=model)).flat, scores.flat)  # type: ignore[union-attr]
    model.blocks[0].attn.W_O[1].zero_()
    assert get("weight-norm")(make_task(model=model))["a0.h1->logits"] == 0  # type: ignore[union-attr]


def test_what_a_layer_norm_removes_is_not_read() -> None:
    """Adding a constant to every dimension of an embedding moves no score of a model whose norms centre."""
    anatomy = mib.Engine(golden_gpt2(), torch.zeros(1, 1, dtype=torch.long)).anatomy
    tokens = torch.arange(12).reshape(2, 6)
    arguments = {"clean": tokens, "counterfactual": tokens.flip(1), "metric": lambda logits, _: logits.sum((1, 2))}
    plain = get("activation-norm")(mib.LocalizationTask(model=anatomy, **arguments))
    E = anatomy.token_embedding
    moved = replace(anatomy, token_embedding=E + torch.arange(len(E))[:, None])
    other = get("activation-norm")(mib.LocalizationTask(model=moved, **arguments))
    q = [name for name in plain.as_dict() if name.startswith("input->")]  # type: ignore[union-attr]
    np.testing.assert_allclose([plain[e] for e in q], [other[e] for e in q], rtol=1e-3)  # type: ignore[index]
