"""CSV holds numbers as numbers, and no name as a formula."""

import csv
import io

from groundtruth.report.csv_file import csv_text


def test_formulas_are_text_and_negative_numbers_stay_numbers() -> None:
    text = csv_text([{"method": '=HYPERLINK("x")', "cpr": -0.5}, {"method": "@a\x1b", "cpr": None}])
    first, second = csv.DictReader(io.StringIO(text))
    assert first == {"method": '\'=HYPERLINK("x")', "cpr": "-0.5"}
    assert second == {"method": "'@a\\x1b", "cpr": ""}


def test_without_records_there_is_a_heading_alone() -> None:
    assert csv_text([]) == "method,model\n"
