"""Write a small HTML table for a notebook, with every text escaped."""

from collections.abc import Iterable, Sequence
from html import escape


def notebook_table(caption: str, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write the table; numbers have three significant digits, ``None`` is a dash."""
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    body = "".join(f"<tr>{''.join(f'<td>{escape(_spell(cell))}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><caption>{escape(caption)}</caption><tr>{head}</tr>{body}</table>"


def _spell(cell: object) -> str:
    if cell is None:
        return "–"
    return f"{cell:.3g}" if isinstance(cell, float) else str(cell)
