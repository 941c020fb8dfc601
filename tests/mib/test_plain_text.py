"""No text that somebody wrote is obeyed: not by a terminal, not by Markdown, not by a spreadsheet."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mib.plain_text import csv_cell, markdown_code, markdown_text, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ü – 数", "plain ü – 数"),
        ("\x1b[2J\x07", r"\x1b[2J\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("a\r\nb\tc", r"a\r\nb\tc"),
        ("abc\u202etxt.exe", r"abc\u202etxt.exe"),
        ("caf\udce9", r"caf\udce9"),
        ("zero\u200bwidth", r"zero\u200bwidth"),
        ("line\u2028end", r"line\u2028end"),
    ],
)
def test_what_a_terminal_obeys_or_hides_is_spelt_out(text, shown):
    assert printable(text) == shown


def test_line_breaks_and_tabs_stay_where_they_are_asked_for():
    assert printable("a\n\tb\x1b", lines=True) == "a\n\tb\\x1b"


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_is_printable_and_can_be_encoded(text):
    shown = printable(text)
    shown.encode()
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in shown)
    assert printable(shown) == shown


def test_markdown_marks_are_text():
    assert markdown_text("<b>|x_y*[z](u)`") == r"\<b\>\|x\_y\*\[z\](u)\`"
    assert markdown_code("a|b") == r"`a\|b`"
    assert markdown_code("a``b`") == "``` a``b` ```"
    assert markdown_code("\x1b") == r"`\x1b`"


@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_formula_is_text_in_csv(formula):
    out = io.StringIO()
    csv.writer(out).writerow([csv_cell(formula)])
    assert out.getvalue().lstrip('"').startswith("'")


@pytest.mark.parametrize("value", [1, -1.5, None, True, "eap", "my_file.py:f"])
def test_other_cells_of_csv_stay(value):
    assert csv_cell(value) == value
