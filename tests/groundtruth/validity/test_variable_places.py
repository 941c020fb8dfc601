"""Which variables the tiers of the variable track are measured on: those that the rule gives, told from the files."""

import pytest

from groundtruth.bench.variable_subjects import VARIABLE_PROFILES
from groundtruth.evaluation.variables import VariableEvaluator
from groundtruth.evaluation.variables.informative_variables import FEW, full_vector_share, informative
from groundtruth.model import load, load_compiled
from groundtruth.results.model_tiers import base_and_tier
from groundtruth.specs import find_model
from groundtruth.validity import variable_places
from groundtruth.validity.headroom import MOST_FULL
from groundtruth.validity.tier_scores import read_tier_scores
from groundtruth.validity.variable_places import has_isolations, implicit_with_isolations

MEASURED = {one.tier: one.models for one in read_tier_scores("variables") if one.score == "accuracy"}


@pytest.mark.parametrize("name", ["second_step@wired-0", "waiting_pair_so_far@wired-0"])
def test_a_trained_model_is_measured_where_the_full_vector_does_least(name):
    model = load(name)
    (measured,) = [place for place in MEASURED["trained"] if place.startswith(f"{name}:")]
    shares = {place: full_vector_share(model, *place) for place in informative(model)}
    variable, site = measured.partition(":")[2].split("@")
    assert shares[variable, site] == min(shares.values()) <= MOST_FULL < max(shares.values())


def test_a_trained_model_without_headroom_is_not_measured():
    model = load("has_larger@wired-0")
    assert all(full_vector_share(model, *place) > MOST_FULL for place in informative(model))
    assert not any(place.startswith("has_larger@wired-0") for place in MEASURED["trained"])


def test_networks_of_programs_with_headroom_have_a_place_and_others_none(monkeypatch):
    """In ``catch_up@free-0`` no span of ``behind`` passes; the gathered digit has headroom too."""
    monkeypatch.setattr(
        variable_places, "shipped_trained", lambda: ["catch_up@free-0", "has_larger@wired-0", "next_cell@wired-0"]
    )
    assert [*variable_places.trained_places()] == [
        "catch_up@free-0:before@residual.0.mid",
        "next_cell@wired-0:odd_neighbours@residual.0.mid",
    ]


def test_a_compiled_model_is_measured_where_it_has_an_implicit_variable_that_says_less_than_its_operands():
    """``opposite`` of ``reverse`` is implicit in ``remaining``, of which it is another name: nothing to tell apart."""
    rotate = load_compiled("rotate_by_first")
    found = {place: full_vector_share(rotate, *place) for place in implicit_with_isolations(rotate)}
    assert "rotate_by_first:origin@residual.2.mid" in MEASURED["implicit"]
    assert found["origin", "residual.2.mid"] == min(found.values()) <= MOST_FULL
    reverse = load_compiled("reverse")
    assert [str(truth.variable) for truth in reverse.implicit_variables()] == ["opposite"]
    assert list(implicit_with_isolations(reverse)) == []
    assert not any(place.startswith("reverse:") for place in MEASURED["implicit"])


def test_the_default_has_the_places_with_the_most_headroom_and_one_network_of_each_program():
    """So its verdict, which is told of the very places of a table, can be told from what ships."""
    default = [f"{model}:{variable}@{site}" for model, variable, site in VARIABLE_PROFILES["default"].choice.chosen()]
    soft, implicit, trained = ([p for p in default if p in MEASURED[tier]] for tier in ("soft", "implicit", "trained"))
    assert [*soft, *implicit, *trained] == default
    for tier, chosen in (("soft", soft), ("implicit", implicit)):
        assert chosen == sorted(MEASURED[tier], key=share_at)[:3]
    programs = [base_and_tier(place.partition(":")[0])[0] for place in trained]
    assert sorted(programs) == sorted({base_and_tier(place.partition(":")[0])[0] for place in MEASURED["trained"]})


def share_at(place: str) -> float:
    """What the full vector reaches at a place, of the pairs to learn from."""
    model, _, sought = place.partition(":")
    return full_vector_share(find_model(model), *sought.split("@"))


def test_written_variables_are_sought_where_their_own_swap_is_right_and_in_three_forms_of_a_model():
    raw = {place.replace("@soft:", ":") for place in MEASURED["soft"]}
    assert raw == {*MEASURED["raw"]} == {place.replace("@rotated:", ":") for place in MEASURED["rotated"]}
    for place in MEASURED["soft"]:
        model, _, sought = place.partition(":")
        evaluator = VariableEvaluator.of(find_model(model), *sought.split("@"), sizes=FEW)
        assert evaluator.inexact == "" and share_at(place) <= MOST_FULL
        assert sought.partition("@")[0] not in ("tokens", "indices")
        assert has_isolations(evaluator.model, *sought.split("@"))
