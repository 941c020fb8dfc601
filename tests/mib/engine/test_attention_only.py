"""Models without MLPs, as most tutorials' toy models are: every method runs, and no MLP matters."""

from typing import Any

import numpy as np
import pytest
import torch

import mib
from mib.errors import TaskError
from mib.localization import get, names
from mib.models.adapters import decompose
from tests.mib.localization.test_methods import REFUSES, make_task, values
from tests.mib.small_models import SmallModel, random_model

CASES = [(name, level) for name in names() for level in get(name).levels]


def toy(**changes: Any) -> SmallModel:
    """A model of two layers of attention."""
    return random_model(attn_only=True, causal=True, **changes)


def test_its_parts_compute_what_it_computes() -> None:
    model, tokens = toy(), torch.randint(7, (3, 6), generator=torch.Generator().manual_seed(0))
    assert not any(hasattr(block, "mlp") for block in model.blocks)
    torch.testing.assert_close(decompose(model).logits(tokens), model(tokens))
    engine = mib.Engine(model, tokens)
    torch.testing.assert_close(engine.logits(), model(tokens))
    cut = torch.ones(1, 7, 15, dtype=torch.bool)
    cut[0][engine.graph.index("a0.h1->a1.h0<v>")] = False
    rows, others = torch.arange(3), torch.tensor([1, 2, 0])
    fast = engine.run_single_cuts(["a0.h1->a1.h0<v>"], rows, others)[0]
    torch.testing.assert_close(fast, engine.run(cut, rows, others))
    assert not torch.allclose(fast, model(tokens))


@pytest.mark.parametrize(("name", "level"), CASES)
def test_every_method_runs_and_finds_no_mlp(name: str, level: Any) -> None:
    task = make_task(model=toy(), level=level)
    found, graph = values(name, task), task.graph
    assert np.isfinite(found).all()
    if name in {"random", "eap-optimal", "optimal-ablation", "cpr-gaming", "bootstrap-ilp", "ifr", *REFUSES}:
        return  # ranks, learned masks, drawn numbers, and shares of what a node is given, whatever it does with it
    if level == "edge":
        # The logit lens asks what is written, not who reads it.
        read = name != "logit-lens"
        of_mlps = [
            i
            for i, edge in enumerate(graph.edges)
            if edge.source.startswith("m") or (read and edge.destination.startswith("m"))
        ]
    else:
        of_mlps = [i for i, source in enumerate(graph.sources) if source.startswith("m")]
    assert np.abs(found[of_mlps]).max() == 0
    assert np.abs(found).max() > 0


def test_interchanges_run_at_its_sites() -> None:
    generator = torch.Generator().manual_seed(0)
    base, source = torch.randint(7, (2, 20, 5), generator=generator)
    for site in (mib.Site.residual(0), mib.Site.at_head(1, 1), mib.Site.at_mlp(0), mib.Site.residual(1, "mid")):
        task = mib.FeaturizationTask(
            model=toy(), site=site, base=base, source=source, expected=base % 5, mask=torch.ones(20, 5).bool()
        )
        whole = mib.Featurizer.subspace(torch.eye(task.width, dtype=torch.float64))
        assert task.interchange(whole).isfinite().all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda model: delattr(model.blocks[1], "attn"), "cannot take apart a SmallModel: .* no attribute 'attn'. The"),
        (
            lambda model: delattr(model.cfg, "attn_scale"),
            "no attribute 'attn_scale'. The TransformerLens conv",
        ),
        (lambda model: setattr(model.cfg, "use_local_attn", True), "cfg.use_local_attn=True is not known of a module"),
        (lambda model: setattr(model.cfg, "positional_embedding_type", "alibi"), "positional_embedding_type='alibi'"),
    ],
)
def test_what_the_convention_lacks_or_does_not_know_is_named(change: Any, message: str) -> None:
    model = toy()
    change(model)
    with pytest.raises(TaskError, match=message):
        decompose(model)
