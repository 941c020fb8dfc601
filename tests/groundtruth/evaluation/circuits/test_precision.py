"""A variant in a dtype that has too few digits for it is refused by name, not scored."""

import pytest
import torch

import groundtruth
from groundtruth.cli import main
from groundtruth.compiled.torch_module import CompiledTransformer
from groundtruth.errors import DomainError
from groundtruth.evaluation.circuits.localization_tasks import localization_task
from groundtruth.evaluation.circuits.precision import OFF, require_precision
from groundtruth.specs import find_model
from mib.errors import TaskError

TOLD = r"in float32 the logits of 'hist@rotated' are off by \d\.\de-0\d .*Use float64 \(--dtype float64\)"


def test_a_rotated_variant_is_refused_in_float32_and_taken_in_float64():
    variant = groundtruth.load("hist@rotated")
    with pytest.raises(DomainError, match=TOLD):
        localization_task(variant, n_pairs=8, dtype=torch.float32)
    assert len(localization_task(variant, n_pairs=8, dtype=torch.float64)) == 8


@pytest.mark.parametrize("name", ["hist", "hist@soft", "hist@distractors", "hist@redundancy", "frac_prevs"])
def test_what_float32_can_hold_is_taken(name):
    assert len(localization_task(groundtruth.load(name), n_pairs=8, dtype=torch.float32)) == 8


def test_a_variable_of_a_model_that_float32_cannot_hold_is_refused_by_what_is_wrong_and_not_by_a_guess():
    steep = find_model("double_hist@rotated")
    task = ("1/(1+hist)", "residual.0.mid")
    with pytest.raises(TaskError, match=r"rounding decides what a .* puts out in float32.*\(dtype=torch\.float64\)"):
        groundtruth.score_featurizer("pca", steep, *task, controls=False)
    assert groundtruth.score_featurizer("oracle", steep, *task, controls=False, dtype=torch.float64).accuracy == 1


def test_the_bound_is_relative_to_the_largest_logit():
    model = groundtruth.load("hist")
    tokens = model.encode([(1, 2, 3, 1)])
    module = CompiledTransformer(model.weights, dtype=torch.float32)
    require_precision(model, module, torch.float32, tokens)
    with torch.no_grad():
        module.unembed.W_U += 2 * OFF
    with pytest.raises(DomainError, match="in float32 the logits of 'hist' are off by"):
        require_precision(model, module, torch.float32, tokens)


def test_the_command_says_what_is_left_out_and_what_to_do(tmp_path, capsys):
    given = ["bench", "--models", "hist@rotated,hist", "--methods", "oracle,exact", "--profile", "smoke", "--jobs", "1"]
    with pytest.raises(SystemExit) as left:
        main([*given, "--dtype", "float32", "--out", str(tmp_path)])
    printed = " ".join(capsys.readouterr().out.split())
    assert not left.value.code
    assert "Left out: in float32 the logits of 'hist@rotated' are off by" in printed
    assert "Use float64 (--dtype float64)" in printed
    assert "nothing to localize under" not in printed
