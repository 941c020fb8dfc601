"""What is printed obeys the width and no name: digits stay whole at every width, escape sequences are spelt out."""

import io
import re
from collections.abc import Collection

import pytest
from rich.console import Console
from rich.text import Text

import groundtruth
from groundtruth.bench.circuit_subjects import CIRCUIT_PROFILES
from groundtruth.report.standing import MethodScores, choose_columns, standing_of
from groundtruth.report.terminal import THEME, Printable, echo, standing_table
from groundtruth.report.views.circuit_tree import CircuitTree
from groundtruth.report.views.listings import models_table
from groundtruth.report.views.model_view import model_view
from groundtruth.results.circuit_columns import CIRCUIT_COLUMNS, TIER_COLUMNS
from groundtruth.store.summaries import summaries
from tests.groundtruth.report.test_fitted_table import printed

WIDTHS = (60, 80, 100, 120)


def standing(*methods: str, tiers: Collection[str] = tuple(column.name for column in TIER_COLUMNS)):
    of_tiers = {*(column.name for column in TIER_COLUMNS), "transfer"}
    columns = [column for column in CIRCUIT_COLUMNS if column.name not in of_tiers or column.name in tiers]
    columns += [column for column in CIRCUIT_COLUMNS if tiers and column.name == "transfer"]
    scored = [
        MethodScores(
            method,
            {column.name: 0.125 for column in columns if column.format != "fraction"} | {"passes": 12_345.0},
            {column.name: 0.25 for column in columns},
            {"exact": (21, 21)},
        )
        for method in methods
    ]
    return standing_of(scored, choose_columns(CIRCUIT_COLUMNS, "screen"))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("methods", [("eap",), ("eap-ig-activations", "a_method_of_mine_with_a_name_that_is_long")])
def test_the_main_table_keeps_its_digits_at_every_width(width: int, methods: tuple[str, ...]) -> None:
    table = standing_table(standing(*methods))
    text = printed(table, width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    assert "0.12±.25" in text  # AUROC stays whatever else goes
    kept = {column.name for column in standing(*methods).columns} - set(table.left_out(width))
    assert ("12,345" in text) == ("passes" in kept)
    assert ("21/21" in text) == ("exact" in kept)
    for name in table.left_out(width):
        assert re.search(rf"\b{name}\b", " ".join(text.split()).partition("Left out at this width: ")[2])


def test_a_hundred_and_twenty_columns_hold_the_whole_table_of_one_tier() -> None:
    assert standing_table(standing("eap-ig-activations", tiers=())).left_out(120) == []


def test_a_hundred_columns_hold_what_the_verdict_is_on_the_tiers_of_the_default() -> None:
    tiers = {f"auroc_{tier}" for tier in CIRCUIT_PROFILES["default"].choice.tiers}
    left_out = standing_table(standing("direct-logit-attribution", tiers=tiers)).left_out(100)
    assert not {"auroc", "transfer", *tiers} & set(left_out)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_model_is_shown_whole_at_every_width(width: int) -> None:
    model = groundtruth.load("reverse")
    circuit = model.circuit()
    text = printed(model_view(model, circuit, [3, 2, 1, 3, 3]), width)
    assert max(map(len, text.splitlines())) <= width
    assert "1 1 → 1 –" in text and "output → cut" in text
    assert re.search(r"opposite +4 +3 +2 +1 +0\n", text)


def test_positions_that_do_not_fit_go_on_below() -> None:
    model = groundtruth.load("reverse")
    text = printed(model_view(model, model.circuit(), [3, 2, 1, 3, 3]), 20)
    told = re.findall(r"opposite((?: +\d)+)\n", text)
    assert len(told) > 1 and " ".join(told).split() == ["4", "3", "2", "1", "0"]


@pytest.mark.parametrize("width", WIDTHS)
def test_the_list_of_models_keeps_its_digits(width: int) -> None:
    listed = summaries()
    text = printed(models_table(listed), width)
    assert max(map(len, text.splitlines())) <= width
    for model in listed:
        (line,) = [line for line in text.splitlines() if re.match(rf"  {model['name']} ", line)]
        assert re.search(rf" {model['live']['resample/fixed']}\b| {model['live'].get('resample/mixed')}\b", line)


def test_the_changed_output_is_not_dim() -> None:
    """What is appended to a dim text inherits its dimness, so that no text of the tree has a style and parts."""
    circuit = groundtruth.load("reverse").circuit()
    tree = CircuitTree(circuit, circuit.edges)
    assert not [cell for row in tree.rows() for cell in row if cell.style and cell.spans]
    screen = Console(width=100, theme=THEME, color_system="standard", force_terminal=True, file=io.StringIO())
    changed = {segment.text: segment.style for segment in screen.render(tree) if segment.style and segment.style.bold}
    assert {"a3.h0", "a0.h0"} <= set(changed)
    assert not any(style.dim for style in changed.values())


def test_escape_sequences_of_names_never_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    echo(Text("\x1b[31mred\x1b]0;title \u202eturned"))
    assert capsys.readouterr().out == "\\x1b[31mred\\x1b]0;title \\u202eturned\n"
    screen = Console(theme=THEME, color_system="standard", force_terminal=True, file=io.StringIO())
    screen.print(Printable(Text("\x1b[2Jname", "bad")))
    assert screen.file.getvalue() == "\x1b[1;31m\\x1b[2Jname\x1b[0m\n"  # type: ignore[attr-defined]
