"""Rank correlations in one line: does one column rank methods as another does, and how sure is that?"""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from groundtruth.report.section import Grid
from groundtruth.report.standing import LEAST_VALUES


@dataclass(frozen=True)
class RankAgreement:
    """Kendall's tau between two columns.

    Attributes:
        column: Column that is held against the reference.
        reference: Reference that it is held against.
        tau: Kendall's tau-b.
        interval: Ends of the 95 % bootstrap interval over methods.
        n_methods: Number of methods that have both.
    """

    column: str
    reference: str
    tau: float
    interval: tuple[float, float]
    n_methods: int

    @property
    def is_shown(self) -> bool:
        """True if it rests on enough methods, and is a number."""
        return self.n_methods >= LEAST_VALUES and self.tau == self.tau


def rank_sentence(question: str, agreements: Sequence[RankAgreement]) -> list[Text]:
    """Answer a question about ranks in one line, or in none where too few methods were scored.

    Args:
        question: Question to ask, with a blank at its end.
        agreements: The answers; those of one column stand together.
    """
    shown = [one for one in agreements if one.is_shown]
    if not shown:
        return []
    counts = sorted({one.n_methods for one in shown})
    n = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    references = dict.fromkeys(one.reference for one in shown)
    common = f" with {next(iter(references))}" if len(references) == 1 else ""
    text = Text().append(question).append(f"Kendall tau{common}, {n} methods: ", "faint")
    before = ""
    for one in shown:
        again = not common and one.column == before
        text.append("" if not before else ", " if again else " · ")
        text.append(f"{one.column} " if common else f"{'' if again else f'{one.column} with '}{one.reference} ")
        text.append(f"{one.tau:.2f}", mood(one.tau))
        text.append(f" ({one.interval[0]:.2f} to {one.interval[1]:.2f})", "faint")
        before = one.column
    return [text]


def rank_grid(title: str, agreements: Sequence[RankAgreement]) -> list[Grid]:
    """List rank correlations in a table of a page, or nothing where too few methods were scored."""
    rows = tuple(
        (one.column, one.reference, f"{one.tau:.2f}", f"{one.interval[0]:.2f} to {one.interval[1]:.2f}",
         str(one.n_methods))
        for one in agreements
        if one.is_shown
    )  # fmt: skip
    headings = ("column", "ranked as by", "Kendall tau", "95 % interval", "methods")
    return [Grid(headings, rows, title=title, place="page")] if rows else []


def mood(tau: float) -> str:
    """Name the style of a rank correlation: good, middling or bad."""
    return "good" if tau > 0.7 else "warn" if tau > 0.3 else "bad"
