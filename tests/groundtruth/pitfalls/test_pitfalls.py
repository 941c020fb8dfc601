"""Every pitfall shows on models whose answer is known, and no longer shows once what makes it is taken away."""

import pytest
import torch

from groundtruth import load
from groundtruth import pitfalls as pitfalls
from groundtruth.errors import GroundTruthError, VariantError
from groundtruth.evaluation.variables import Landscape, Sizes, featurization_task
from groundtruth.evaluation.variables.featurization_tasks import ground_of
from groundtruth.pitfalls import (
    best_of_test,
    dead_copy,
    dormant_pathway,
    error_channel,
    no_op_pairs,
    rotated_basis,
    variance,
)
from groundtruth.pitfalls.pitfall import Finding
from groundtruth.pitfalls.random_network import on_a_random_network, random_weights, share_right
from groundtruth.pitfalls.widened_model import widened, with_weights
from groundtruth.truth.variables import Site
from mib.errors import MethodError
from mib.featurization import check_featurizer, get
from tests.groundtruth.pitfalls.outcomes import EACH, outcome_of


def measured(name, *, seed=0):
    found = pitfalls.get(name).run(seed=seed).demonstration
    return {finding.what: finding.value for finding in (*found.naive, *found.truth)}


@pytest.mark.parametrize("name", EACH)
def test_it_shows(name):
    outcome = outcome_of(name)
    assert outcome.shown, outcome.demonstration.failures
    assert outcome.demonstration.naive
    assert outcome.demonstration.truth


@pytest.mark.parametrize("name", ["dead-copy", "variance", "error-channel", "best-of-test"])
def test_it_shows_whatever_the_seed(name):
    assert pitfalls.get(name).run(seed=1).shown


def test_the_same_seed_gives_the_same_numbers():
    assert measured("best-of-test") == measured("best-of-test") != measured("best-of-test", seed=1)


def test_there_is_one_for_each_pitfall_of_the_literature_that_truth_can_expose():
    assert pitfalls.names() == (
        "dormant-pathway", "dead-copy", "variance", "rotated-basis", "sae-splitting", "nonlinear-map",
        "error-channel", "no-op-pairs", "best-of-test",
    )  # fmt: skip


def test_the_dormant_subspace_is_half_dead_and_half_dormant_and_orthogonal_to_the_variable():
    model, dormant = dormant_pathway._with_a_dormant_head(load("reverse"))
    truth = model.variable("opposite")
    landscape = Landscape.of(ground_of(model), truth, Site.parse("resid_pre3"))
    assert float((landscape.dormant.T @ dormant).norm(dim=0).min()) == pytest.approx(1.0)
    remaining = model.variable("remaining").variable.directions
    assert float((landscape.live.T @ torch.cat((dormant, remaining), dim=1)).abs().max()) == pytest.approx(0, abs=1e-9)
    assert float((landscape.dead.T @ model.variable("remaining").variable.span).norm(dim=0).min()) == pytest.approx(1)


def test_a_dormant_head_that_is_not_louder_than_the_first_makes_no_illusion(monkeypatch):
    monkeypatch.setattr(dormant_pathway, "LOUDER", 0.5)
    (failure,) = pitfalls.get("dormant-pathway").run().demonstration.failures
    assert failure.what == "interchange accuracy"
    assert failure.value < 0.1


def test_at_a_live_site_the_probe_is_right_to_be_sure(monkeypatch):
    monkeypatch.setattr(dead_copy, "DEAD", dead_copy.LIVE)
    assert not pitfalls.get("dead-copy").run().shown


def test_variance_that_is_small_misleads_nobody(monkeypatch):
    monkeypatch.setattr(variance, "SCALE", 1e-3)
    found = measured("variance")
    assert found["interchange accuracy"] > 0.5
    assert found["recall"] > 0.5


@pytest.mark.slow
def test_without_a_rotation_the_mask_does_not_fail(monkeypatch):
    monkeypatch.setattr(rotated_basis, "SYMMETRIES", {"rotate": lambda model, seed: model})
    outcome = pitfalls.get("rotated-basis").run()
    assert {finding.what for finding in outcome.demonstration.failures} == {
        "DBM's accuracy, rotated",
        "DBM's precision, rotated",
    }


def test_the_share_that_a_no_op_gets_right_is_what_counting_gives():
    p = 1 - (2 / 3) ** 4  # of inputs with an x
    pairs = 81**2
    alike = round(pairs * (p**2 + (1 - p) ** 2))
    # The first pair, of one input with itself, is the one to learn from.
    assert measured("no-op-pairs")["accuracy of the no-op, all pairs"] == pytest.approx((alike - 1) / (pairs - 1))


def test_pairs_of_one_token_are_half_as_kind_to_a_no_op():
    task = no_op_pairs._every_pair(load("contains_x"), length=1)
    right = task.right(get("no-op")(task))
    assert float(right.double().mean()) == pytest.approx((1 / 3) ** 2 + (2 / 3) ** 2)


def test_the_cheat_of_the_error_channel_is_refused():
    model = load("contains_x")
    task = featurization_task(model, "is_x", "resid_post1", readers="all", sizes=Sizes(1, 1, 100))
    random = on_a_random_network(task, model.weights, 0)
    cheat = error_channel._cheat(random).featurizer
    with pytest.raises(MethodError, match="features put together from two inputs do not come back"):
        check_featurizer(cheat, *(x.flatten(0, 1) for x in random.activations()))


def test_luck_grows_with_the_number_of_candidates(monkeypatch):
    many = measured("best-of-test")["best accuracy, chosen where scored"]
    monkeypatch.setattr(best_of_test, "CANDIDATES", 1)
    assert measured("best-of-test")["best accuracy, chosen where scored"] < many - 0.05


def test_a_random_network_is_wrong_and_the_model_right_of_its_own_outputs():
    model = load("contains_x")
    assert share_right(model, model.weights) == 1.0
    assert share_right(model, random_weights(model.weights, 0)) < 0.5


def test_wider_weights_that_change_an_output_are_refused():
    model = load("hist")
    wide = widened(model.weights, 2)
    assert with_weights(model, wide, "room").weights.d_model == model.weights.d_model + 2
    wide.W_E[:, -1] = 1.0
    wide.W_U[-1, 0] = 5.0
    with pytest.raises(VariantError, match="'hist@loud' gives"):
        with_weights(model, wide, "loud")


def test_bounds_of_a_finding():
    assert Finding("x", 0.5, least=0.5, most=0.5).holds
    assert not Finding("x", 0.4, least=0.5).holds
    assert not Finding("x", 0.6, most=0.5).holds
    assert not Finding("x", float("nan"), most=0.5).holds
    assert [Finding("x", 0, least=1).bound, Finding("x", 0, most=1).bound, Finding("x", 0, least=1, most=2).bound] == [
        "at least 1", "at most 1", "1 to 2",
    ]  # fmt: skip


def test_an_unknown_pitfall_and_a_name_that_is_taken():
    with pytest.raises(GroundTruthError, match="unknown pitfall 'dead-cop'. Did you mean: dead-copy"):
        pitfalls.get("dead-cop")
    with pytest.raises(GroundTruthError, match="'dead-copy' is registered already"):
        pitfalls.pitfall("dead-copy", why="", instead="", source="")(dead_copy.dead_copy)
