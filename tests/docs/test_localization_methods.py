"""The page on localization methods says what the registry says."""

import re
from ast import literal_eval
from collections import Counter
from pathlib import Path

import pytest

from groundtruth import load
from groundtruth.bench.circuit_subjects import CIRCUIT_PROFILES, PUBLISHED_LENGTHS
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
        "ugs": "{steps:,} steps at {learning_rate}",
    }
    for name, text in told.items():
        assert text.format(**PUBLISHED_LENGTHS[name]) in published[f"`{name}`"]
    for name, parameters in PUBLISHED_LENGTHS.items():
        assert set(parameters) <= set(localization.get(name).parameters)


def test_every_family_names_methods_that_exist_and_none_is_left_out() -> None:
    told = set(re.findall(r"`([a-z]+(?:-[a-z]+)*)`", PAGE.split("## What the truth reveals")[1]))
    assert set(localization.names()) <= told


def test_the_figures_are_of_the_models_that_the_command_takes_today() -> None:
    """The profile spreads its models over the families: a new program can change which they are, and every figure."""
    names = CIRCUIT_PROFILES["default"].choice.models(["raw"])
    ends = [edge.destination for name in names for edge in load(name).circuit("resample").edges]
    heads = Counter(end[-2] for end in ends if end.endswith(">"))
    n_logits, n_mlps = ends.count("logits"), sum(end.startswith("m") for end in ends)
    told = f"{heads['q']} enter queries, {heads['k']} keys, {heads['v']} values, {n_mlps} MLPs and {n_logits} the"
    assert f"({len(names)} models as compiled, resample ablation, seed 0).\n" in PAGE
    assert f"These models have {len(ends)} live edges: {told} logits." in PAGE
    numerical = {f"`{name}`" for name in names if not load(name).decoder.categorical}
    assert numerical == {*re.findall("`[a-z_]+`", PAGE.split("three numerical models (")[1].split(")")[0])}
