"""Write the measured part of docs/tiers.md: ``python -m groundtruth.report.views.tiers_page RESULT_FILES``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from groundtruth.errors import ArtifactError
from groundtruth.files import write_whole
from groundtruth.report.views.tiers_view import tier_markdown
from groundtruth.results.read_results import read_results
from groundtruth.results.result import Result

BEGIN, END = "<!-- measured -->\n", "<!-- /measured -->\n"


def with_tables(page: str, result: Result) -> str:
    """A page with the tables of a result between its two marks.

    Raises:
        ArtifactError: If the page lacks the marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ArtifactError(f"the page has no place for the tables: it needs a line {BEGIN.strip()} and {END.strip()}.")
    return before + BEGIN + "\n" + tier_markdown(result) + "\n" + END + after


def main(arguments: Sequence[str] | None = None) -> int:
    """Put the tables of result files into a page; 1 if a file or the page is not what it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, nargs="+", help="JSON files of groundtruth bench --tiers")
    parser.add_argument("--page", type=Path, default=Path("docs/tiers.md"))
    given = parser.parse_args(arguments)
    try:
        text = with_tables(given.page.read_text(), read_results(given.results))
    except (ArtifactError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    write_whole(given.page, text.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
