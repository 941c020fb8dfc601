"""The tables of docs/properties.md are what was measured, and there is a reason for every gap."""

from pathlib import Path

import pytest

from groundtruth.testing import FEATURIZER_PROPERTIES, LOCALIZER_PROPERTIES, MethodFailure, assert_invariant
from groundtruth.testing.expected_failures import Known, read_known
from groundtruth.testing.failure_reasons import BRIEF, REASONS, by_rounding, reason_of
from groundtruth.testing.property_table import KNOWN, asked_of, methods, with_tables
from mib import featurization, localization

PAGE = (Path(__file__).parents[3] / "docs" / "properties.md").read_text()
EVERY = [*methods(), *featurization.names()]
known = read_known(KNOWN)


def test_the_page_shows_what_was_measured():
    assert with_tables(PAGE, known) == PAGE
    changed = {**known, "exact": Known({}, {"deterministic[hist]": "none"})}
    assert with_tables(PAGE, changed) != PAGE


def test_every_built_in_method_was_asked():
    assert list(known) == EVERY
    assert len(set(EVERY)) == len(EVERY)
    assert set(REASONS) | set(BRIEF) <= set(EVERY)


def test_every_failure_is_one_that_was_asked_for_and_has_the_reason_of_the_table():
    for name, item in known.items():
        assert set(item.fails) <= {question.name for question in asked_of(name)}
        assert item.expected == {test: reason_of(name, test) for test in item.expected}
        rounded = {question.name for question in asked_of(name) if by_rounding(name, question.name)}
        assert set(item.may_fail) == rounded
        assert not rounded & set(item.fails)
        assert dict(item.parameters) == dict(BRIEF.get(name, {}))


def test_what_rounding_decides_is_where_scores_tie_or_a_few_steps_are_trained():
    assert by_rounding("acdc", "invariant:rotate")
    assert by_rounding("das", "finds")
    assert not by_rounding("das", "deterministic")  # a failure there is news on any processor
    assert not by_rounding("activation-norm", "invariant:gauge_qk")
    assert not by_rounding("eap", "recovers[reverse]")
    assert by_rounding("eap", "recovers[hist]")  # by scores of 1e-83
    assert not by_rounding("exact", "recovers[hist]")
    assert not any(by_rounding(name, check) for name in EVERY for check in ("deterministic", "no_mutation"))


def test_every_property_is_asked_for():
    asked = {name: {question.check for question in asked_of(name)} for name in ("eap", "das")}
    assert asked == {"eap": set(LOCALIZER_PROPERTIES), "das": set(FEATURIZER_PROPERTIES)}


def test_a_failure_that_nobody_expects_stops_the_measurement():
    with pytest.raises(KeyError, match="exact lacks 'deterministic', and nobody expects it to"):
        reason_of("exact", "deterministic")


def test_brief_runs_name_parameters_that_there_are():
    for name, parameters in BRIEF.items():
        registry = featurization if name in featurization.names() else localization
        assert set(parameters) <= set(registry.get(name).parameters)


def test_a_gradient_at_a_kink_is_decided_by_rounding():
    with pytest.raises(MethodFailure, match="sees a difference in 'rotate' on 'second_step'"):
        assert_invariant("eap", "rotate", model="second_step", n_pairs=24)
