"""AtP*: exact at queries and keys, unsigned, and blind to what passes through every other layer."""

import numpy as np
import pytest
import torch

import mib
from mib.errors import MethodError
from mib.localization import get
from tests.mib.localization.handmade import CHAIN, chain_task, top
from tests.mib.localization.test_methods import make_task
from tests.mib.small_models import random_model


def one_linear_layer() -> torch.nn.Module:
    """One layer of attention, whose outputs go straight to the logits."""
    model = random_model(n_layers=1)
    model.blocks[0].mlp.W_out.zero_()
    model.blocks[0].mlp.b_out.zero_()
    return model


@pytest.mark.parametrize("ablation", ["resample", "zero", "mean-positional"])
def test_queries_and_keys_are_exact_where_only_the_softmax_is_not_linear(ablation: str) -> None:
    task = make_task(model=one_linear_layer(), ablation=ablation)
    scores = get("atp-star")(task)
    pairs = task.everything
    uncut, cut = task.engine.measure_single_cuts(task.metric, pairs.clean, pairs.counterfactual)
    exact = mib.EdgeScores(task.graph, (uncut[:, None, None] - cut).abs().mean(0).numpy())
    assert min(abs(exact["input->a0.h0<q>"]), abs(exact["input->a0.h1<k>"])) > 1e-3
    for edge in task.graph.edges:
        assert scores[edge] == pytest.approx(exact[edge], abs=1e-10), edge
    eap = get("eap")(task)
    assert abs(abs(eap["input->a0.h0<q>"]) - exact["input->a0.h0<q>"]) > 1e-3


def test_a_saturated_softmax_hides_queries_from_gradients_but_not_from_atp_star() -> None:
    model = one_linear_layer()
    model.blocks[0].attn.W_Q.mul_(1e4)
    task = make_task(model=model)
    assert abs(get("eap")(task)["input->a0.h0<q>"]) < 1e-12
    assert get("atp-star")(task)["input->a0.h0<q>"] > 1e-3


def test_each_pass_is_a_gradient_without_one_layer() -> None:
    """By finite differences of a model whose dropped layer is frozen at what it wrote on the clean run."""
    task = make_task(model=random_model(n_layers=3), graph=mib.Graph(3, 2, 8))
    engine, pairs = task.engine, task.everything
    difference = engine.differences(pairs.clean, pairs.counterfactual)
    outputs = engine.outputs(pairs.clean)
    row, layer_of = engine.graph.source_index["m0"], {1: slice(4, 7), 2: slice(7, 10)}
    effects = []
    for frozen in (1, 2):

        def metric(step: float, frozen: int = frozen) -> torch.Tensor:
            stream = engine.streams(pairs.clean)[2] + step * difference[:, row]
            context = engine.anatomy.context(task.clean)
            for layer in (1, 2):
                if layer == frozen:
                    stream = stream + outputs[:, layer_of[layer]].sum(1) + engine.anatomy.blocks[layer].attention.b_O
                else:
                    stream = engine.anatomy.layer(layer, stream, context)
            return task.metric(engine.anatomy.unembed(stream), pairs.examples)

        effects.append(((metric(1e-6) - metric(-1e-6)) / 2e-6).abs())
    expected = sum(effects).mean() / 2
    scores = get("atp-star")(make_task(model=task.model, graph=task.graph, level="node"))
    assert scores.values[row] == pytest.approx(float(expected), rel=1e-5)


def test_a_chain_through_every_layer_is_dropped_by_every_pass() -> None:
    scores = get("atp-star")(chain_task())
    assert isinstance(scores, mib.EdgeScores)
    plain = get("atp-star")(chain_task(), dropped="none")
    assert isinstance(plain, mib.EdgeScores)
    assert [plain[edge] for edge in CHAIN] == pytest.approx([3, 3, 6])
    assert [scores[edge] for edge in CHAIN] == pytest.approx([0, 3, 6])
    assert top(plain) == set(CHAIN)


def test_scores_have_no_sign_and_parameters_are_checked() -> None:
    assert (get("atp-star")(make_task()).flat >= 0).all()  # type: ignore[union-attr]
    assert np.isfinite(get("atp-star")(make_task(model=random_model(parallel=True))).flat).all()  # type: ignore[union-attr]
    with pytest.raises(MethodError, match="atp-star: dropped='layer'. Did you mean: layers"):
        get("atp-star")(make_task(), dropped="layer")
