"""The page on localization methods says what the registry says."""

import re
from ast import literal_eval
from pathlib import Path

import pytest

from groundtruth.bench.circuit_subjects import PUBLISHED_LENGTHS
from mib import localization

PAGE = (Path(__file__).parents[2] / "docs" / "localization-methods.md").read_text()


def rows(name: str) -> list[list[str]]:
    """The cells of a marked table, without its heading."""
    table = PAGE.split(f"<!-- {name} -->\n")[1].split(f"<!-- /{name} -->")[0]
    return [[cell.strip() for cell in line.strip("|\n").split(" | ")] for line in table.splitlines()[2:]]


def test_every_method_is_in_the_table_as_it_is_registered() -> None:
    expected = [
        [f"`{name}`", ", ".join(method.levels), method.cost, "yes" if method.needs_gradient else "no", method.source]
        for name, method in ((name, localization.get(name)) for name in localization.names())
    ]
    assert rows("methods") == expected


@pytest.mark.parametrize("row", rows("deviations"), ids=lambda row: row[0])
def test_our_settings_are_the_defaults(row: list[str]) -> None:
    first = re.findall(r"`([a-z-]+)`", row[0])[0]
    for name, value in re.findall(r"`(\w+)=([^`]+)`", row[1]):
        if name != "mlp_gradient_at":  # named as the option that is not the default
            assert localization.get(first).parameters[name] == literal_eval(value)


def test_the_full_profile_trains_masks_for_as_long_as_the_page_says_was_published() -> None:
    published = {row[0]: row[2] for row in rows("deviations")}
    told = {
        "edge-pruning": "Tracr: {steps:,} steps at {learning_rate} and {multiplier_rate}",
        "subnetwork-probing": "{steps:,} steps at {learning_rate}",
        "ugs": "{steps:,} steps",
    }
    for name, text in told.items():
        assert text.format(**PUBLISHED_LENGTHS[name]) in published[f"`{name}`"]
    for name, parameters in PUBLISHED_LENGTHS.items():
        assert set(parameters) <= set(localization.get(name).parameters)


def test_every_family_names_methods_that_exist_and_none_is_left_out() -> None:
    told = set(re.findall(r"`([a-z]+(?:-[a-z]+)*)`", PAGE.split("## What the truth reveals")[1]))
    assert set(localization.names()) <= told
