"""The linear causal model of IOI: what it predicts, and that it is fitted to what interchanging heads does."""

from typing import Any

import pytest
import torch

from mib import TaskError, tasks
from mib.featurization import Site
from mib.featurization.site_runs import record, resume
from mib.leaderboard.formats import IoiParameters
from mib.models.adapters import decompose
from mib.tasks import ioi_linear
from tests.mib.tasks.tokenizers_of_tasks import model_for, word_level

GIVEN = IoiParameters(bias=0.25, token=0.5, position=2.0)


@pytest.fixture(scope="module")
def words() -> Any:
    return word_level("ioi")


@pytest.fixture(scope="module")
def model(words: Any) -> Any:
    return model_for(words)


@pytest.mark.parametrize(
    ("family", "token", "position"),
    [("s1_io_flip", 1, -1), ("s2_io_flip", -1, -1), ("s1_ioi_flip_s2_ioi_flip", -1, 1)],
)
def test_each_swapped_variable_flips_its_signal(family: str, token: int, position: int) -> None:
    linear = ioi_linear.model(GIVEN)
    for example in tasks.get("ioi").generate(20):
        base, other = example.variables, example.counterfactual(family).variables
        assert linear.run(base)["logit_difference"] == 2.75
        swapped = linear.interchange(base, {"output_token": other})["logit_difference"]
        assert swapped == 0.25 + 0.5 * token + 2.0
        swapped = linear.interchange(base, {"output_position": other})["logit_difference"]
        assert swapped == 0.25 + 0.5 + 2.0 * position


def test_other_names_have_no_signal() -> None:
    example = tasks.get("ioi").generate(1)[0]
    random_names = example.counterfactual("random_names").variables
    with pytest.raises(TaskError, match=r"no signal for the name '\w+', which is not in the base"):
        ioi_linear.model(GIVEN).interchange(example.variables, {"output_token": random_names})


def patched_by_hand(model: Any, words: Any, family: str, n: int) -> float:
    """Mean logit difference with head (1, 0) as on the counterfactual, by running the model from that head on."""
    task = tasks.get("ioi").localization(model, words, family=family, n=n)
    anatomy, site = decompose(model), Site.at_head(1, 0, "result")
    clean = record(anatomy, site, task.clean, task.attention_mask)
    other = record(anatomy, site, task.counterfactual, task.counterfactual_mask)
    swapped = type(clean)(other.activation, clean.others)
    logits = resume(anatomy, site, swapped, task.clean, task.attention_mask)
    return float(task.metric(logits, torch.arange(n)).mean())


def test_the_fit_is_that_of_the_four_means(model: Any, words: Any) -> None:
    n = 30
    same = tasks.get("ioi").localization(model, words, n=n)
    plain = decompose(model).logits(same.clean, same.attention_mask)
    means = [float(same.metric(plain, torch.arange(n)).mean())]
    means += [patched_by_hand(model, words, family, n) for family in ioi_linear.FAMILIES]
    unflipped, s1, s2, both = means
    found = ioi_linear.fit(model, words, heads=[(1, 0)], n=n, right_on="any")
    assert found.parameters.bias == pytest.approx(sum(means) / 4, abs=1e-9)
    assert found.parameters.token == pytest.approx((unflipped + s1 - s2 - both) / 4, abs=1e-9)
    assert found.parameters.position == pytest.approx((unflipped - s1 - s2 + both) / 4, abs=1e-9)
    assert found.n == 4 * n and 0 <= found.r_squared < 1
    assert abs(s1 - unflipped) > 1e-6 or abs(s2 - unflipped) > 1e-6


def test_heads_that_do_not_exist_are_named(model: Any, words: Any) -> None:
    with pytest.raises(TaskError, match=r"heads names \(7, 3\); the model has layers 0 to 1 with heads 0 to 1"):
        ioi_linear.fit(model, words, n=5, right_on="any")


def test_featurizers_are_scored_by_the_distance_to_the_predicted_difference(model: Any, words: Any) -> None:
    task = tasks.get("ioi").featurization(
        model, words, variable="output_position", site=Site.residual(0, "pre"), position="all", n=10, right_on="any",
        family="s1_io_flip", causal_model=ioi_linear.model(GIVEN),
    )  # fmt: skip
    assert task.expected[:, 0].tolist() == [0.25 + 0.5 - 2.0] * 10
    logits = decompose(model).logits(task.base, task.base_attention_mask)
    names = [pair.example.variables for pair in tasks.get("ioi").selection(model, words, n=6).pairs]
    for i, variables in enumerate(names):  # the train part comes first
        right, wrong = (words.convert_tokens_to_ids(variables[name]) for name in ("output_token", "name_C"))
        error = float(task.answers.squared_error(logits[i : i + 1], torch.tensor([i])))
        assert error == pytest.approx(float(logits[i, -1, right] - logits[i, -1, wrong] + 1.25) ** 2, rel=1e-6)
