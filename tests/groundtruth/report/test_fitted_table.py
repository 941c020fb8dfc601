"""Tables that fit a width never cut a number: columns drop out, least important first, and the table names them."""

import io
import re

import pytest
from rich.console import Console

from groundtruth.report.fitted_table import FittedTable, TableColumn
from groundtruth.report.terminal import THEME

NUMBERS = ("1,234.56", "0.93 ±.05", "12/12", "-0.07")


def table(*, wide: bool = False) -> FittedTable:
    columns = [TableColumn("method", yields="wraps", least=12)]
    columns += [TableColumn(f"column{i}", right=True, priority=i, name=f"column{i}") for i in range(4)]
    made = FittedTable([*columns, TableColumn("what it is", yields="wraps")], wide=wide, more="Ask for more.")
    made.add_row("a-method-with-a-long-name", *NUMBERS, "a text of several words that may go over lines")
    return made


def printed(content: object, width: int) -> str:
    screen = Console(width=width, theme=THEME, file=io.StringIO(), highlight=False)
    screen.print(content, crop=False)
    return screen.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", range(10, 130, 3))
def test_every_number_is_whole_or_its_column_is_named_as_left_out(width: int) -> None:
    text = printed(table(), width)
    flat = " ".join(text.split())
    assert "…" not in text
    for index, number in enumerate(NUMBERS):
        if index and f"column{index}" in table().left_out(width):
            assert number not in text
            assert re.search(rf"Left out at this width: [^.]*\bcolumn{index}\b[^.]*\. Ask for more\.", flat)
        else:
            assert number in text


def test_the_least_important_column_goes_first_and_one_without_priority_never() -> None:
    left_out = [table().left_out(width) for width in range(120, 10, -1)]
    for before, after in zip(left_out, left_out[1:], strict=False):
        assert set(before) <= set(after)
    assert [names for names in left_out if len(names) == 1][0] == ["column3"]
    assert left_out[-1] == ["column1", "column2", "column3"]


def test_lines_fit_as_long_as_the_columns_that_never_go_do() -> None:
    for width in range(50, 130, 5):
        assert max(map(len, printed(table(), width).splitlines())) <= width


def test_wide_keeps_every_column_on_one_line() -> None:
    text = printed(table(wide=True), 30)
    assert all(number in text for number in NUMBERS)
    assert "a text of several words that may go over lines" in text
    assert "Left out" not in text
