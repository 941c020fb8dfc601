"""The page can be read: by people who need contrast, on a phone, in the dark, and without hovering."""

import itertools
import re
from importlib.resources import files

import pytest

from groundtruth.report.svg_chart import N_COLOURS
from groundtruth.report.views.result_page import result_page
from tests.groundtruth.report.test_result_page import data

STYLE = (files("groundtruth.report") / "templates" / "page_style.css").read_text()
TEXTS = ("text", "faint", "link", "good", "bad", "warn", "variable", "constant", "position")
GRAPHICS = 3.0
"""Least contrast of lines and marks, https://www.w3.org/TR/WCAG22/#non-text-contrast."""

AA = 4.5
"""Least contrast of small text, https://www.w3.org/TR/WCAG22/#contrast-minimum."""


def palette(scheme: str) -> dict[str, tuple[float, ...]]:
    light, dark = re.findall(r":root \{(.*?)\}", STYLE, flags=re.DOTALL)
    found = re.findall(r"--([\w-]+): #([0-9a-f]{6});", dark if scheme == "dark" else light)
    return {name: tuple(int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)) for name, code in found}


def luminance(colour: tuple[float, ...]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_enough_contrast_on_its_ground(scheme: str) -> None:
    colours = palette(scheme)
    assert {name for name in TEXTS if contrast(colours[name], colours["ground"]) < AA} == set()
    for shade in range(0, 56):  # as the heat map mixes its ground
        pairs = zip(colours["heat"], colours["ground"], strict=True)
        ground = tuple(shade / 100 * heat + (1 - shade / 100) * base for heat, base in pairs)
        assert contrast(colours["text"], ground) >= AA


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_line_of_a_chart_has_enough_contrast_and_none_is_like_another(scheme: str) -> None:
    colours = palette(scheme)
    lines = {f"s{place}" for place in range(1, N_COLOURS + 1)} | {"strong-line"}
    assert lines <= colours.keys()
    assert {name for name in lines if contrast(colours[name], colours["ground"]) < GRAPHICS} == set()
    assert len({colours[name] for name in lines}) == len(lines)


def test_every_style_that_a_text_may_have_is_a_class_of_the_page() -> None:
    page = result_page(data())
    used = set(itertools.chain.from_iterable(map(str.split, re.findall(r'class="([^"]*)"', page))))
    assert {"warn", "node", "faint", "bad"} <= used
    assert {name for name in used if not re.search(rf"\.{name}\b", STYLE)} == set()


def test_the_page_fits_phones_follows_the_scheme_and_hides_nothing_in_a_title() -> None:
    page = result_page(data())
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in page
    assert "@media (prefers-color-scheme: dark)" in page
    assert not re.search(r"\btitle=", page)
    assert "CPR 0.500 (0.400 to 0.600), CMD 0.500 (0.400 to 0.600), 3 passes, 0.10 s" in page
