"""Assertions about featurizers pass what is sound and catch what is not, and say where."""

import re

import pytest
import torch

from groundtruth.errors import DomainError, GroundTruthError, VariantError
from groundtruth.evaluation.variables import oracle
from groundtruth.specs import find_model
from groundtruth.testing import (
    FEATURIZER_PROPERTIES,
    MethodFailure,
    assert_finds_variable,
    assert_invariant,
    property_named,
)
from groundtruth.testing.featurizer_trial import FeaturizerTrial, site_in
from groundtruth.testing.run_property import place_named
from mib.featurization import Featurizer, get

WHERE = {"model": "first_is_last", "variable": "last", "site": "resid_mid2"}


def probe(task):
    """Linear discriminants, which have every property here."""
    return get("lda")(task)


def unseeded(task):
    return Featurizer.subspace(torch.linalg.qr(torch.randn(task.width, 2, dtype=torch.float64))[0])


def first_axes(task):
    """The first axes of the basis, whatever they hold."""
    return Featurizer.subspace(torch.eye(task.width, dtype=torch.float64)[:, : task.width // 2])


def drawn(task):
    """Other directions with another seed."""
    return get("random-k")(task, rank=8)


def writes_weights(task):
    found = probe(task)
    with torch.no_grad():
        task.anatomy.token_embedding.add_(1)
    return found


def changes_a_setting(task):
    torch.set_grad_enabled(False)
    return probe(task)


def first_pair(task):
    """One direction, of the first pair that it gets."""
    base, source = task.activations(task.split.train[:1])
    return Featurizer.subspace(torch.nn.functional.normalize((source - base).reshape(-1, 1), dim=0))


def by_batches(task):
    """The last batch's direction."""
    for batch in task.pairs.batches(task.split.train):
        base, source = task.activations(batch)
    change = (source - base).flatten(0, 1).mean(0)
    return Featurizer.subspace(torch.nn.functional.normalize(change[:, None], dim=0))


def whole(task):
    return get("full-vector")(task)


CAUGHT = {
    "finds": whole,
    "deterministic": unseeded,
    "no_mutation": writes_weights,
    "batch_size_free": by_batches,
    "example_order_free": first_pair,
    "seed_free": drawn,
    "ignores_decoys": whole,
    "equivariant": first_axes,
    "invariant:rotate": first_axes,
}


@pytest.mark.parametrize(("name", "method"), CAUGHT.items(), ids=list(CAUGHT))
def test_a_method_without_the_property_is_caught(name, method):
    with pytest.raises(MethodFailure) as failure:
        FEATURIZER_PROPERTIES[name](method, **WHERE)
    spec = re.escape(
        f"test_featurizer_properties.py:{method.__name__} --variable last --site resid_mid2 --property {name}"
    )
    told = re.sub(r" \\\n\s+", " ", str(failure.value))
    assert re.search(rf"groundtruth repro first_is_last --method \S*{spec}", told)


ALIKE = {"invariant:gauge_qk", "invariant:gauge_ov", "invariant:permute_neurons"}
"""Symmetries inside of a head or an MLP, which leave the residual stream as it is, like ``scale_neurons``."""


@pytest.mark.parametrize("name", [name for name in FEATURIZER_PROPERTIES if name not in ALIKE])
def test_a_sound_method_has_every_property(name):
    FEATURIZER_PROPERTIES[name](probe, **WHERE)


def test_a_failure_shows_the_pair_that_goes_wrong():
    with pytest.raises(MethodFailure) as failure:
        FEATURIZER_PROPERTIES["finds"](whole, **WHERE)
    told = str(failure.value)
    assert failure.value.headline == "whole misses a variable on 'first_is_last'"
    assert "variable  last at resid_mid2" in told
    assert re.search(r"input +[\w ]+   swapped in from [\w ]+ at position \d.*output [\w –]+, expected [\w –]+\n", told)
    assert re.search(r"accuracy  0\.\d+, wanted 0\.9", told)


def test_a_label_that_is_made_up_is_not_found_by_what_finds_nothing():
    makes_up = FEATURIZER_PROPERTIES["makes_nothing_up"]
    makes_up("no-op", **WHERE)
    with pytest.raises(MethodFailure, match="finds a variable that is not there"):
        makes_up(whole, **WHERE, accuracy=0.0)


def test_a_setting_that_is_left_changed_is_named():
    try:
        with pytest.raises(MethodFailure, match="changed +'is_grad_enabled'"):
            FEATURIZER_PROPERTIES["no_mutation"](changes_a_setting, **WHERE)
    finally:
        torch.set_grad_enabled(True)


def test_sites_move_with_the_model():
    from groundtruth.variants.symmetries import SYMMETRIES

    search = FeaturizerTrial.of(probe, **WHERE)
    variant = SYMMETRIES["insert_layers"].apply(search.model, seed=1)
    moved = site_in(search.place, variant)
    assert f"m{moved.layer}" == variant.nodes["m2"]
    assert moved.layer != 2
    truth = variant.model.variable("last")
    assert FeaturizerTrial.of(oracle_of(variant.model, truth, moved), variant.model, "last", str(moved)).accuracy == 1.0


def oracle_of(model, truth, site):
    return lambda task: oracle(model, truth, site)


def test_bad_arguments_are_said():
    with pytest.raises(VariantError, match="unknown symmetry 'rotat'. Did you mean: rotate"):
        assert_invariant(whole, "rotat", **WHERE)
    with pytest.raises(DomainError, match="accuracy=2 is none"):
        assert_finds_variable(whole, *WHERE.values(), accuracy=2)
    with pytest.raises(GroundTruthError, match="unknown property 'find'. Did you mean: finds"):
        property_named("find", FEATURIZER_PROPERTIES)
    with pytest.raises(GroundTruthError, match="'hist:hist' names no variable; write model:variable@site"):
        place_named("hist:hist")


def test_a_variable_at_a_place_is_named():
    assert place_named("a:b@c:d@resid_mid2") == ("a:b@c", "d", "resid_mid2")
    assert find_model("hist").variable("hist").variable.label
