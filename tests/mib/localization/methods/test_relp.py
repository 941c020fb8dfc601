"""RelP: the model's own forward pass, and the propagation rules that its module states."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mib.localization import get
from mib.localization.methods.relp import with_rules
from mib.models.adapters import Attention, Block, Mlp, Norm, decompose
from mib.models.adapters.anatomy import Anatomy
from tests.mib.localization.test_methods import make_task
from tests.mib.small_models import golden_gpt2, random_model


def test_the_forward_pass_is_the_model_s() -> None:
    anatomy = decompose(golden_gpt2())
    tokens = torch.arange(10)[None]
    torch.testing.assert_close(with_rules(anatomy).logits(tokens), anatomy.logits(tokens), rtol=1e-5, atol=1e-5)


def test_it_is_eap_where_attention_is_fixed_and_there_is_no_norm() -> None:
    model = random_model()
    for block in model.blocks:
        for name in ("W_Q", "W_K", "b_Q", "b_K"):
            getattr(block.attn, name).zero_()
    task = make_task(model=model)
    np.testing.assert_allclose(get("relp")(task).flat, get("eap")(task).flat, atol=1e-12)  # type: ignore[union-attr]


def test_queries_and_keys_score_zero_by_the_attention_rule() -> None:
    scores = get("relp")(make_task()).as_dict()  # type: ignore[union-attr]
    assert all(value == 0 for edge, value in scores.items() if edge.endswith(("<q>", "<k>")))
    assert all(value != 0 for edge, value in scores.items() if edge.endswith(("<v>", "logits")))


def propagated(part: Norm | Mlp, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The sum of a part's output, and of its input times the coefficients: equal where relevance is conserved."""
    n = x.shape[-1]
    zero = torch.zeros(1, n, 2, dtype=x.dtype)
    attention = Attention(None, zero, zero, zero, zero.mT)
    plain = Mlp(None, F.relu, torch.zeros(n, 1), torch.zeros(1, n))
    mlp, norm = (part, None) if isinstance(part, Mlp) else (plain, part)
    anatomy = with_rules(Anatomy(torch.zeros(1, n), None, (Block(attention, mlp),), norm, torch.eye(n, dtype=x.dtype)))
    x = x.requires_grad_()
    out = anatomy.unembed(x) if isinstance(part, Norm) else anatomy.blocks[0].mlp(x)
    (coefficients,) = torch.autograd.grad(out.sum(), x)
    expected = part(x)
    torch.testing.assert_close(out, expected)
    return expected.sum(), (coefficients * x).sum()


@pytest.mark.parametrize("kind", ["layer", "rms"])
def test_norms_conserve_relevance(kind: str) -> None:
    generator = torch.Generator().manual_seed(0)
    weight, x = torch.randn(2, 6, generator=generator, dtype=torch.float64)
    out, relevance = propagated(Norm(kind, weight, None, 1e-5), x[None, None])  # type: ignore[arg-type]
    torch.testing.assert_close(out, relevance)


@pytest.mark.parametrize("act", [F.relu, F.gelu, F.silu])
@pytest.mark.parametrize("gated", [False, True])
def test_activations_and_gates_conserve_relevance(act: object, gated: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    W_in, W_gate, W_out = torch.randn(3, 6, 6, generator=generator, dtype=torch.float64)
    mlp = Mlp(None, act, W_in, W_out, W_gate=W_gate if gated else None)  # type: ignore[arg-type]
    out, relevance = propagated(mlp, torch.randn(1, 2, 6, generator=generator, dtype=torch.float64))
    torch.testing.assert_close(out, relevance)


def test_an_activation_at_exactly_zero_has_no_hole() -> None:
    mlp = Mlp(None, F.relu, torch.eye(3), torch.eye(3))
    assert propagated(mlp, torch.zeros(1, 1, 3))[1].isfinite()
