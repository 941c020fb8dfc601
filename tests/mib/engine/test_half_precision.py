"""Every method runs on a model of half precision, and scores it as it would the same weights in double precision."""

import inspect
from typing import Any

import numpy as np
import pytest
import torch

import mib
from mib.metrics import LogitDifference
from tests.mib.checkpoints import make_checkpoint

TOKENS = torch.randint(4, 60, (4, 6), generator=torch.Generator().manual_seed(0))
METRIC = LogitDifference.at_position(torch.tensor([5, 6]), torch.tensor([8, 9]), n_positions=6)
FEW: dict[str, Any] = {"steps": 3, "rounds": 1, "proposals": 4, "thresholds": (0.1,)}
SEARCHES = ("acdc", "bootstrap-ilp", "cpr-gaming", "edge-pruning", "optimal-ablation")  # rounding changes choices
SIGNS = ("ugs",)  # Adam's first steps are signs of slopes: a part without a slope goes where rounding pushes it
CASES = [(level, name) for name in mib.localization.names() for level in mib.localization.get(name).levels]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, mib.LoadedModel]:
    """One model, whose weights fit into bfloat16, in both precisions."""
    folder = tmp_path_factory.mktemp("llama")
    make_checkpoint(folder, "llama", stored=torch.bfloat16, num_hidden_layers=2)
    return {dtype: mib.load_model(folder, dtype=dtype) for dtype in ("bfloat16", "float64")}


def scored(model: mib.LoadedModel, level: Any, name: str) -> np.ndarray:
    task = mib.LocalizationTask(model=model, clean=TOKENS[:2], counterfactual=TOKENS[2:], metric=METRIC, level=level)
    method = mib.localization.get(name)
    known = inspect.signature(method.function).parameters
    scores: Any = method(task, **{key: value for key, value in FEW.items() if key in known})
    flat = scores.flat if level == "edge" else scores.values.ravel()
    assert np.isfinite(flat).all()
    return flat


@pytest.mark.parametrize(("level", "name"), CASES)
def test_half_precision_changes_no_more_than_its_rounding(
    models: dict[str, mib.LoadedModel], level: str, name: str
) -> None:
    half, exact = (scored(models[dtype], level, name) for dtype in ("bfloat16", "float64"))
    if name in SIGNS:
        assert np.mean(np.abs(half - exact) > 0.02) < 0.1  # each of the three steps moves a part by some .04
    else:
        assert np.corrcoef(half, exact)[0, 1] > (0.8 if name in SEARCHES else 0.995)


@pytest.mark.parametrize("memory", [2**30, 2**16])
def test_products_of_half_precision_are_summed_in_single(models: dict[str, mib.LoadedModel], memory: int) -> None:
    """The only rounding of a score is that of the activations and gradients that it is made of."""
    task = mib.LocalizationTask(
        model=models["bfloat16"], clean=TOKENS[:2], counterfactual=TOKENS[2:], metric=METRIC, memory=memory
    )
    scores: Any = mib.localization.get("eap")(task)
    batch, engine = task.everything, task.engine
    assert engine.must_stream == (memory < 2**20)
    found: dict[int, torch.Tensor] = {}
    if engine.must_stream:
        engine.checkpointed_backward(batch.clean).back(lambda x: METRIC(x, batch.examples).sum(), found.__setitem__)
    else:
        run = engine.trace(batch.clean)
        found = dict(enumerate(run.destination_gradients(METRIC(run.logits, batch.examples).sum())))
    changes, expected = engine.changes(batch.clean, batch.counterfactual), np.zeros(scores.values.shape)
    for step, gradient in found.items():
        for rows, change in changes.before(step):
            product = torch.einsum("espd,etpd->st", change.double(), gradient.double())
            expected[rows, engine.columns.of(step)] = -product / 2
    wanted = expected[task.graph.edge_index]
    np.testing.assert_allclose(scores.flat, wanted, rtol=1e-4, atol=1e-5 * np.abs(wanted).max())
