"""Realism numbers on models whose answer is known by hand."""

import math

import pytest
import torch

import mib
from groundtruth.cli.realism import DEFAULT
from groundtruth.results.tiers_run import tier_models
from groundtruth.validity.measure_realism import _kurtosis, _Runs, measure_realism
from mib.metrics.answer_metrics import LogitDifference
from tests.mib.small_models import random_model


def task_on(model) -> mib.LocalizationTask:
    generator = torch.Generator().manual_seed(0)
    clean, counterfactual = torch.randint(7, (2, 8, 6), generator=generator).unbind()
    correct = torch.zeros(8, 6, dtype=torch.long)
    metric = LogitDifference(correct, correct + 1, torch.ones(8, 6, dtype=torch.bool))
    return mib.LocalizationTask(model=model, clean=clean, counterfactual=counterfactual, metric=metric)


def test_kurtosis_is_3_for_a_gaussian_and_1_for_a_coin() -> None:
    drawn = torch.randn(200_000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert _kurtosis(drawn) == pytest.approx(3.0, abs=0.05)
    assert _kurtosis(torch.tensor([1.0, -1.0] * 10)) == pytest.approx(1.0)
    assert math.isnan(_kurtosis(torch.zeros(4)))


def test_a_random_model_is_soft_and_full() -> None:
    found = measure_realism("random", task_on(random_model()))
    assert 0.2 < found.attention_entropy < 0.9
    assert 0.5 < found.qk_rank < 1.0 and 0.5 < found.ov_rank < 1.0
    assert 2.0 < found.kurtosis < 4.0


def test_attention_that_chooses_has_no_entropy_and_one_that_averages_all() -> None:
    model = random_model()
    for block in model.blocks:
        block.attn.W_Q.zero_()
        block.attn.b_Q.zero_()
    averaging = list(_Runs.of(task_on(model)).entropies())
    assert averaging == pytest.approx([1.0] * 4)
    sharp = random_model()
    for block in sharp.blocks:
        block.attn.W_Q.mul_(1e4)
        block.attn.W_K.mul_(1e4)
    assert max(_Runs.of(task_on(sharp)).entropies()) < 0.05


def test_units_that_never_fire_are_dead() -> None:
    model = random_model()
    for block in model.blocks:
        block.mlp.b_in.fill_(-1e3)
    runs = _Runs.of(task_on(model))
    assert runs.dead_units() == 1.0
    assert math.isnan(runs.flat_units())


def test_heads_that_write_in_one_direction_have_a_cosine_of_1() -> None:
    model = random_model(n_layers=1)
    for block in model.blocks:
        block.attn.W_O[1] = block.attn.W_O[0]
        block.mlp.W_out.zero_()
    cosines = list(_Runs.of(task_on(model)).cosines())
    assert max(cosines) == pytest.approx(1.0)
    assert all(0 <= cosine <= 1 + 1e-9 for cosine in cosines)


def test_every_tier_and_learned_models_of_both_architectures_are_measured_by_default() -> None:
    names = DEFAULT.split(",")
    assert {*tier_models(["hist"])} <= {*names}
    assert {"learned-gpt2-1", "learned-llama-1"} <= {*names}
