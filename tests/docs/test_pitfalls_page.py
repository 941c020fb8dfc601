"""The page on pitfalls tells all of them."""

import re
from pathlib import Path

from groundtruth import pitfalls as pitfalls

PAGE = (Path(__file__).parents[2] / "docs" / "pitfalls.md").read_text()


def test_every_pitfall_is_told_once_and_in_order():
    assert tuple(re.findall(r"^\*\*([a-z-]+)\.\*\*", PAGE, re.M)) == pitfalls.names()


def test_the_table_has_a_row_a_pitfall_that_fits():
    table = re.search(r"<!-- pitfalls -->\n```\n(.*?)```", PAGE, re.S)
    assert table is not None
    lines = table[1].splitlines()
    assert max(map(len, lines)) <= 100
    assert tuple(line.split()[0] for line in lines if line[:1].islower())[1:] == pitfalls.names()
    assert "NOT SHOWN" not in table[1]
