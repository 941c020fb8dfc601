"""GIM: the model's own forward pass, and the three changes of the backward pass that its module states."""

import numpy as np
import pytest
import torch

from mib.localization import get
from mib.localization.methods.gim import _TemperedSoftmax, with_modified_gradients
from mib.models.adapters import decompose
from tests.mib.localization.test_methods import make_task
from tests.mib.small_models import golden_gpt2, random_model


def test_the_forward_pass_is_the_model_s() -> None:
    anatomy = decompose(golden_gpt2())
    tokens = torch.arange(10)[None]
    logits = with_modified_gradients(anatomy, 2.0).logits(tokens)
    torch.testing.assert_close(logits, anatomy.logits(tokens), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("temperature", [1.0, 2.0, 5.0])
def test_the_jacobian_is_that_of_the_tempered_softmax(temperature: float) -> None:
    scores = torch.randn(3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    weights = torch.arange(15, dtype=torch.float64).reshape(3, 5)
    pattern = _TemperedSoftmax.apply(scores, temperature)
    assert isinstance(pattern, torch.Tensor)
    torch.testing.assert_close(pattern, scores.softmax(-1))
    (modified,) = torch.autograd.grad((pattern * weights).sum(), scores)
    (own,) = torch.autograd.grad(((scores / temperature).softmax(-1) * weights).sum(), scores)
    torch.testing.assert_close(modified, temperature * own)  # the division by the temperature is not differentiated


def test_masked_scores_get_no_gradient() -> None:
    scores = torch.tensor([[1.0, -torch.inf, 2.0]], requires_grad=True)
    pattern = _TemperedSoftmax.apply(scores, 2.0)
    assert isinstance(pattern, torch.Tensor)
    (gradient,) = torch.autograd.grad(pattern[0, 0], scores)
    assert gradient[0, 1] == 0 and bool(gradient.isfinite().all())


def test_factors_share_a_product_one_layer_deep() -> None:
    """Without norms and at the model's own temperature, queries and keys get a quarter, and values half."""
    task = make_task(model=random_model(n_layers=1, attn_only=True))
    gim, eap = (get(name)(task, **given).as_dict() for name, given in (("gim", {"temperature": 1.0}), ("eap", {})))
    for edge, score in eap.items():
        share = 0.25 if edge.endswith(("<q>", "<k>")) else 0.5 if edge.endswith("<v>") else 1.0
        assert gim[edge] == pytest.approx(share * score, abs=1e-12)


def test_a_saturated_softmax_is_seen_at_a_higher_temperature() -> None:
    model = random_model(n_layers=1)
    for block in model.blocks:
        block.attn.W_Q.mul_(8)
        block.attn.W_K.mul_(8)
    task = make_task(model=model)

    def seen(temperature: float) -> float:
        scores = get("gim")(task, temperature=temperature).as_dict()
        return float(np.mean([abs(score) for edge, score in scores.items() if edge.endswith(("<q>", "<k>"))]))

    assert seen(20.0) > 2 * seen(1.0)
