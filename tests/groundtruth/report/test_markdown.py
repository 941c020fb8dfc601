"""Markdown holds what names say as text, and lists stand apart from the text around them."""

import re

from rich.text import Text

from groundtruth.column import Column
from groundtruth.report.markdown import markdown_report
from groundtruth.report.section import Grid, Section
from groundtruth.report.standing import MethodScores, standing_of

HOSTILE = "a|b`c\n[x](http://evil)<script>"


def report() -> str:
    standing = standing_of([MethodScores(HOSTILE, {"auroc": 0.5})], [Column(name="auroc", heading="AU\xadROC")])
    grid = Grid(("task", "one"), ((HOSTILE, "1"),))
    section = Section(Text(HOSTILE), standing, "The legend.", (Text(f"one {HOSTILE}"), Text("two")), (grid,))
    return markdown_report([section, section], {"profile": "smoke", "data": None, "method": HOSTILE})


def test_lists_tables_and_headings_have_a_blank_line_before_them() -> None:
    lines = report().splitlines()
    for before, line in zip(lines, lines[1:], strict=False):
        for mark in ("- ", "| ", "### "):
            if line.startswith(mark):
                assert before == "" or before.startswith(mark)


def test_no_name_becomes_a_cell_a_link_or_a_tag() -> None:
    text = report()
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines() if line.startswith("| ")} == {3}
    outside_code = re.sub(r"(`+).*?\1", "", text)
    assert not re.search(r"(?<!\\)[<\[]", outside_code)
    assert "AUROC" in text and "data" not in text
