"""Each property catches a method that lacks it, says where, and passes exact patching."""

import re

import numpy as np
import pytest
import torch

import mib
from groundtruth.compiler.compile_program import compile
from groundtruth.errors import DomainError, GroundTruthError, VariantError
from groundtruth.generated import from_seed
from groundtruth.specs import find_model
from groundtruth.testing import (
    LOCALIZER_PROPERTIES,
    MethodFailure,
    assert_deterministic,
    assert_exact_at_logits,
    assert_ignores_decoys,
    assert_invariant,
    assert_no_mutation,
    assert_recovers,
    property_named,
)
from groundtruth.testing.pytest_profiles import PROFILES, Question
from groundtruth.testing.run_property import ask
from mib.localization import get

FEW = {"n_pairs": 12}


def exact(task):
    return get("exact")(task)


def changed(task, change):
    """Exact scores, changed."""
    return mib.EdgeScores(task.graph, change(exact(task).flat))


def unseeded(task):
    return changed(task, lambda scores: scores + torch.rand(len(scores)).numpy())


def last_batch_only(task):
    """Forgets all batches but the last."""
    for batch in task.batches():
        uncut, cut = task.engine.measure_single_cuts(task.metric, batch.clean, batch.counterfactual)
    return mib.EdgeScores(task.graph, (uncut[:, None, None] - cut).mean(0).nan_to_num().numpy())


def first_example_only(task):
    uncut, cut = task.engine.measure_single_cuts(task.metric, *(x[:1] for x in _indices(task)))
    return mib.EdgeScores(task.graph, (uncut[:, None, None] - cut).mean(0).nan_to_num().numpy())


def _indices(task):
    return task.everything.clean, task.everything.counterfactual


def offset(task):
    return changed(task, lambda scores: scores + np.linspace(0, 1, len(scores)))


def writes_weights(task):
    with torch.no_grad():
        next(task.model.parameters()).add_(1)
    return exact(task)


def leaves_a_hook(task):
    task.model.add_hook("blocks.0.hook_resid_pre", lambda value, hook: value)
    return exact(task)


def by_neuron(task):
    """Norms coordinate by coordinate, which depend on the basis."""
    change = torch.zeros(len(task.graph.sources), dtype=torch.float64)
    for batch in task.batches():
        change += task.engine.differences(batch.clean, batch.counterfactual).abs().sum((0, 2, 3))
    return mib.EdgeScores(task.graph, change[:, None].expand(-1, len(task.graph.destinations)).numpy())


def inverted(task):
    return changed(task, lambda scores: 1 / (1 + abs(scores)))


def doubled(task):
    return changed(task, lambda scores: 2 * scores)


CAUGHT = {
    "recovers": inverted,
    "exact_at_logits": doubled,
    "deterministic": unseeded,
    "no_mutation": writes_weights,
    "batch_size_free": last_batch_only,
    "example_order_free": first_example_only,
    "scale_equivariant": offset,
    "ignores_decoys": by_neuron,
    "invariant:rotate": by_neuron,
    "invariant:gauge_qk": unseeded,
    "invariant:insert_heads": offset,
}


@pytest.mark.parametrize(("name", "method"), CAUGHT.items(), ids=list(CAUGHT))
def test_a_method_without_the_property_is_caught(name, method):
    with pytest.raises(MethodFailure, match=re.escape(f"--property {name}")):
        LOCALIZER_PROPERTIES[name](method, "hist", **FEW)


@pytest.mark.parametrize("name", LOCALIZER_PROPERTIES)
def test_exact_patching_has_every_property(name):
    LOCALIZER_PROPERTIES[name](exact, "hist", **FEW)


def test_each_wrong_method_has_the_properties_that_it_does_not_break():
    for name, method in [("recovers", doubled), ("deterministic", offset), ("scale_equivariant", doubled)]:
        LOCALIZER_PROPERTIES[name](method, "hist", **FEW)


def test_a_hook_that_is_left_behind_is_named():
    with pytest.raises(MethodFailure, match=r"leaves hooks behind on 'hist'\n[\s\S]*hooks +'blocks.0.hook_resid_pre"):
        assert_no_mutation(leaves_a_hook, "hist", **FEW)


def test_a_failure_says_program_input_edge_and_how_to_repeat_it():
    def blind_to_keys(task):
        return changed(task, lambda scores: scores * np.array(["<k>" not in e.destination for e in task.graph.edges]))

    with pytest.raises(MethodFailure) as failure:
        assert_recovers(blind_to_keys, "hist", **FEW)
    told = str(failure.value)
    assert failure.value.headline == "blind-to-keys misses a live edge on 'hist'"
    assert "program  hist = SelectorWidth(Select(tokens, tokens, EQ))" in told
    assert re.search(r"edge +input->a0\.h0<k> +rank \d+ of \d+, score 0, live \(", told)
    assert "test_properties.py:blind_to_keys --property recovers" in in_one_line(told)
    clean, counterfactual = re.search(r"input +([\d ]+?)   counterfactual ([\d ]+?)   output", told).groups()
    assert len(clean.split()) + len(counterfactual.split()) == 2  # nothing is smaller
    assert find_model("hist").circuit()["input->a0.h0<k>"].status == "live"


def test_a_generated_program_is_named_by_its_code():
    drawn = from_seed(0)
    with pytest.raises(MethodFailure) as failure:
        assert_recovers("random", compile(drawn.program), **FEW)
    assert f"groundtruth repro gen:{drawn.code} --method random" in in_one_line(str(failure.value))
    assert "on a generated program" in failure.value.headline


def in_one_line(told):
    """A command as the shell reads it."""
    return re.sub(r" \\\n\s+", " ", told)


def test_a_threshold_is_a_threshold():
    assert_recovers(offset, "hist", auroc=0.0, **FEW)
    with pytest.raises(DomainError, match="auroc=2 is no area"):
        assert_recovers(exact, "hist", auroc=2)


def test_numerical_models_have_no_linear_metric():
    assert_exact_at_logits(doubled, "frac_prevs", **FEW)


def test_global_generators_are_not_what_decides():
    state = torch.random.get_rng_state()
    assert_deterministic("random", "hist", **FEW)
    with pytest.raises(MethodFailure, match=r"draw random numbers from task.generator\(\)"):
        assert_deterministic(unseeded, "hist", **FEW)
    torch.random.set_rng_state(state)


def test_decoys_are_scored_by_what_only_looks_at_activity():
    with pytest.raises(MethodFailure, match="scores decoys on 'hist'"):
        assert_ignores_decoys("activation-norm", "hist", **FEW)


def test_unknown_names_get_a_hint():
    with pytest.raises(VariantError, match="unknown symmetry 'rotat'. Did you mean: rotate"):
        assert_invariant(exact, "rotat")
    with pytest.raises(GroundTruthError, match="unknown property 'recover'. Did you mean: recovers"):
        property_named("recover")


def test_questions_about_a_method_share_its_plain_run():
    runs = []

    def counted(task):
        runs.append(task)
        return exact(task)

    plain = {}
    for name in ("deterministic", "batch_size_free", "example_order_free"):
        ask(mib.localization.as_localizer(counted), Question(name, "hist", FEW), PROFILES["smoke"], plain=plain)
    assert len(runs) == 1 + 3  # one as it is, and one on what each property changes
    assert len(plain) == 1


def test_a_shared_plain_run_is_of_the_same_method_and_settings():
    plain, settings = {}, PROFILES["smoke"]
    for method, pairs in ((exact, 12), (exact, 8), (last_batch_only, 8)):
        ask(
            mib.localization.as_localizer(method),
            Question("deterministic", "hist", {"n_pairs": pairs}),
            settings,
            plain=plain,
        )
    assert len(plain) == 3
