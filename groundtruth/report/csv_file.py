"""Write records as CSV that a spreadsheet opens without running what a name says."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from mib.plain_text import csv_cell


def csv_text(records: Sequence[Mapping[str, Any]]) -> str:
    """Write one line a record, under the keys of the first."""
    buffer = io.StringIO()
    headings = list(records[0]) if records else ["method", "model"]
    writer = csv.DictWriter(buffer, fieldnames=headings, lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: csv_cell(value) for key, value in record.items()} for record in records)
    return buffer.getvalue()
