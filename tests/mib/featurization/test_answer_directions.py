"""Vocabulary projection and observable propagation: directions that the weights give, against linear models."""

from typing import Any

import pytest
import torch

from mib.errors import MethodError
from mib.featurization import FeaturizationTask, Featurizer, Site, get
from mib.featurization.answer_directions import answer_gram
from mib.metrics.subspaces import precision, recall
from tests.mib.featurization import adder
from tests.mib.small_models import SmallModel, random_model

ANSWERS, N, LENGTH = (1, 2, 4), 30, 4
START = Site.residual(0, "pre")


def attention_alone(*, n_layers: int) -> SmallModel:
    """No MLP, and patterns that are uniform whatever comes in: logits are linear in the stream."""
    model = random_model(n_layers=n_layers, d_model=24, attn_only=True)
    for block in model.blocks:
        block.attn.W_Q.zero_(), block.attn.b_Q.zero_()
    return model


def linear_task(model: SmallModel, site: Site = START, **changes: Any) -> FeaturizationTask:
    generator = torch.Generator().manual_seed(0)
    base, source = torch.randint(7, (2, N, LENGTH), generator=generator)
    expected = torch.tensor(ANSWERS)[torch.randint(3, (N, LENGTH), generator=generator)]
    parts: dict[str, Any] = {"expected": expected, "mask": torch.ones(N, LENGTH, dtype=torch.bool)} | changes
    return FeaturizationTask(model=model, site=site, base=base, source=source, **parts)


def leads(logits: torch.Tensor) -> torch.Tensor:
    """Each answer's logit relative to the mean of the answers'."""
    chosen = logits[..., ANSWERS]
    return chosen - chosen.mean(-1, keepdim=True)


def projection(found: Featurizer) -> torch.Tensor:
    assert found.basis is not None
    return found.basis @ found.basis.T


def test_where_nothing_follows_the_vocabulary_is_the_basis_of_the_answer() -> None:
    base, source = torch.tensor(adder.PAIRS).T
    expected = torch.stack((torch.zeros_like(source), (source // 3 + source % 3) % 3), dim=1)
    task = adder.task(site=Site.residual(1, positions=1), expected=expected)
    found = get("vocabulary-projection")(task)
    answer = torch.zeros(adder.WIDTH, 2)
    answer[9:] = adder.live()[:3]
    assert found.basis is not None and found.rank == 2
    assert (precision(found.basis, answer), recall(found.basis, answer)) == pytest.approx((1, 1), abs=1e-5)
    assert bool(task.right(found).all())


@pytest.mark.parametrize(("n_layers", "rank"), [(1, 2 * (1 + 2)), (2, 2 * (1 + 2) + 2 * 4)])
def test_in_a_linear_model_all_paths_together_are_the_whole_effect(n_layers: int, rank: int) -> None:
    """Two observables on each path; a head reads four dimensions at most, however many paths go through it."""
    task = linear_task(attention_alone(n_layers=n_layers))
    found = get("observable-propagation")(task, rank=None)
    assert found.rank == rank < task.width
    swapped, whole = leads(task.interchange(found)), leads(task.interchange(get("full-vector")(task)))
    torch.testing.assert_close(swapped, whole)
    direct = leads(task.interchange(get("vocabulary-projection")(task)))
    assert (direct - whole).abs().max() > 0.1  # heads carry the rest


def test_the_strongest_directions_are_those_of_all_feature_vectors_path_by_path() -> None:
    model = attention_alone(n_layers=2)
    columns = model.unembed.W_U[:, ANSWERS]
    vectors = [columns - columns.mean(1, keepdim=True)]
    for block in reversed(model.blocks):
        vectors += [V @ O @ x for V, O in zip(block.attn.W_V, block.attn.W_O, strict=True) for x in [*vectors]]
    assert len(vectors) == 9
    left = torch.linalg.svd(torch.cat(vectors, dim=1)).U[:, :4]
    found = get("observable-propagation")(linear_task(model), rank=4)
    torch.testing.assert_close(projection(found), left @ left.T, atol=1e-9, rtol=0)


def test_behind_a_layer_its_heads_are_not_followed() -> None:
    model = attention_alone(n_layers=2)
    behind = linear_task(model, Site.residual(1, "post"))
    vocabulary, propagated = (
        projection(get(name)(behind)) for name in ("vocabulary-projection", "observable-propagation")
    )
    torch.testing.assert_close(vocabulary, propagated)


def test_a_head_s_value_is_read_through_its_output_matrix() -> None:
    model = attention_alone(n_layers=1)
    task = linear_task(model, Site.at_head(0, 1))
    columns = model.unembed.W_U[:, ANSWERS]
    expected = torch.linalg.qr(model.blocks[0].attn.W_O[1] @ (columns[:, :2] - columns[:, 2:])).Q
    torch.testing.assert_close(projection(get("vocabulary-projection")(task)), expected @ expected.T)


def test_a_readout_s_directions_are_its_gradient() -> None:
    model = attention_alone(n_layers=1)
    plain, read = (answer_gram(linear_task(model, readout=readout)) for readout in (None, lambda logits, _: logits))
    torch.testing.assert_close(read / read.trace(), plain / plain.trace())


def test_a_readout_of_numbers_has_one_direction() -> None:
    def last_difference(logits: torch.Tensor, examples: torch.Tensor) -> torch.Tensor:
        return logits[:, -1, 1] - logits[:, -1, 2]

    model = attention_alone(n_layers=1)
    numbers = {"expected": torch.ones(N, 1).double(), "mask": torch.ones(N, 1, dtype=torch.bool)}
    found = get("vocabulary-projection")(linear_task(model, readout=last_difference, **numbers))
    difference = model.unembed.W_U[:, 1] - model.unembed.W_U[:, 2]
    torch.testing.assert_close(projection(found), torch.outer(difference, difference) / difference.square().sum())


def test_one_answer_has_no_direction() -> None:
    with pytest.raises(MethodError, match="all training examples expect one answer"):
        get("vocabulary-projection")(linear_task(attention_alone(n_layers=1), expected=torch.ones(N, LENGTH).long()))
