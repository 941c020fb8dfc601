"""Make any text safe to show: on a terminal, in a Markdown table, in a CSV file that a spreadsheet opens.

Names of methods, models and files and the errors of users' code are whatever somebody wrote. Terminals obey escape
sequences, Markdown obeys its marks, and spreadsheets run what begins like a formula.
"""

import re
import unicodedata
from typing import Any

_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Categories of Unicode that a terminal obeys, hides, turns around or cannot encode."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Start of a cell that spreadsheets run, see https://owasp.org/www-community/attacks/CSV_Injection."""


def printable(text: str, *, lines: bool = False) -> str:
    r"""Spell out what a terminal would obey or hide: the escape character becomes the four characters ``\x1b``.

    Args:
        text: Any text, lone surrogates included.
        lines: True if line breaks and tabs stay.
    """
    if text.isprintable():
        return text
    kept = "\n\t" if lines else ""
    return "".join(
        char if char in kept or unicodedata.category(char) not in _UNSEEN else _spelt_out(char) for char in text
    )


def _spelt_out(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def markdown_text(text: str) -> str:
    """Text as Markdown shows it, without its marks taking effect; also in a table."""
    return re.sub(r"([\\`*_{}\[\]<>#|~&$])", r"\\\1", printable(text))


def markdown_code(text: str) -> str:
    """Text as a code span, also in a table, where only ``|`` has to be escaped."""
    plain = printable(text)
    fence = "`" * (max(map(len, re.findall("`+", plain)), default=0) + 1)
    padding = " " if plain.startswith("`") or plain.endswith("`") else ""
    return f"{fence}{padding}{plain}{padding}{fence}".replace("|", "\\|")


def csv_cell(value: Any) -> Any:
    """A value of a CSV file: text that would be run as a formula begins with an apostrophe, all else stays."""
    if not isinstance(value, str):
        return value
    return f"'{printable(value)}" if value.startswith(_FORMULA) else printable(value)
