"""One rule says what is the best of a column, and one format what a value looks like, for every writer."""

import pytest
from rich.text import Text

from groundtruth.column import Column
from groundtruth.errors import DomainError
from groundtruth.report.html import styled_html
from groundtruth.report.markdown import markdown_report
from groundtruth.report.section import Section
from groundtruth.report.standing import MethodScores, choose_columns, standing_of
from groundtruth.report.terminal import section_view
from groundtruth.results.circuit_columns import CIRCUIT_COLUMNS
from tests.groundtruth.report.test_fitted_table import printed

AUROC = Column(name="auroc", heading="AUROC", marked=True, spread=True)
CMD = Column(name="cmd", heading="CMD", better="lower", marked=True)
PASSES = Column(name="passes", heading="passes", format="count", better="lower")
EXACT = Column(name="exact", heading="exact", format="fraction", marked=True)


def scores(method: str, *, is_control: bool = False, exact: tuple[int, int] = (0, 3), **means: float) -> MethodScores:
    return MethodScores(method, means, fractions={"exact": exact}, is_control=is_control)


def marks(column: Column, *lines: MethodScores) -> list[str]:
    return [line.entries[column.name].mark for line in standing_of(lines, [column]).lines]


def test_the_best_is_the_highest_or_the_lowest_as_the_column_says_and_never_the_oracle() -> None:
    oracle = scores("oracle", is_control=True, auroc=1.0, cmd=0.0)
    lines = (oracle, scores("a", auroc=0.9, cmd=0.3), scores("b", auroc=0.7, cmd=0.1))
    assert marks(AUROC, *lines) == ["plain", "best", "plain"]
    assert marks(CMD, *lines) == ["plain", "plain", "best"]


def test_what_prints_alike_is_alike() -> None:
    assert marks(AUROC, scores("a", auroc=0.9001), scores("b", auroc=0.9049)) == ["best", "best"]


def test_a_column_that_is_not_marked_has_no_best_and_a_missing_value_is_a_dash() -> None:
    lines = standing_of([scores("a", passes=3), scores("b")], [PASSES]).lines
    assert [line.entries["passes"].mark for line in lines] == ["plain", "none"]
    assert [line.entries["passes"].text for line in lines] == ["3", "–"]


def test_a_fraction_of_nothing_is_not_the_best() -> None:
    assert marks(EXACT, scores("a"), scores("b")) == ["plain", "plain"]
    assert marks(EXACT, scores("a", exact=(1, 3)), scores("b")) == ["best", "plain"]


def test_every_writer_prints_the_same_text() -> None:
    standing = standing_of([scores("a", auroc=0.9, passes=2.0, exact=(2, 3))], [AUROC, PASSES, EXACT])
    section = Section(Text("A title"), standing, "A legend.", ())
    assert [entry.text for entry in standing.lines[0].entries.values()] == ["0.90", "2", "2/3"]
    assert "| `a` | **0.90** | 2 | **2/3** |" in markdown_report([section], {})
    assert "a        0.90       2    2/3" in printed(section_view(section), 100)


def test_columns_are_chosen_by_place_or_by_name() -> None:
    assert [column.name for column in choose_columns(CIRCUIT_COLUMNS, "screen", ["cmd", "recall"])] == ["cmd", "recall"]
    assert "rounded_auroc" not in {column.name for column in choose_columns(CIRCUIT_COLUMNS, "page")}
    with pytest.raises(
        DomainError, match=r"--columns: unknown column 'aurok'\. Did you mean: auroc.*Choose from auroc,"
    ):
        choose_columns(CIRCUIT_COLUMNS, "screen", ["aurok"])


def test_text_appended_to_a_name_keeps_its_own_style_as_html() -> None:
    text = Text().append("eap", "name").append(" <fails>").append(" 3", "bad")
    assert styled_html(Text("`a <b>` and m0->a1.h0<q>, 1 > 0")) == (
        '`a &lt;b&gt;` and <span class="whole">m0-&gt;a1.h0&lt;q&gt;</span>, 1 &gt; 0'.replace(
            "`a &lt;b&gt;`", "<code>a &lt;b&gt;</code>"
        )
    )
    assert styled_html(text) == '<span class="name">eap</span> &lt;fails&gt;<span class="bad"> 3</span>'
