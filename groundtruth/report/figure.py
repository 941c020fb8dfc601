"""A figure of a result as plain values that every writer shares: a page, a file for a paper, and a CSV file."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

Marks = Literal["lines", "points"]


@dataclass(frozen=True)
class Series:
    """One method in a chart.

    Attributes:
        name: Name of the method.
        x: Horizontal positions of its values.
        y: The values.
        is_control: True if it is drawn in grey, as what methods are compared with.
        number: Number of the method among those of all figures, which its colour and mark follow.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    is_control: bool = False
    number: int = 0


@dataclass(frozen=True)
class Chart:
    """Methods as lines or points over two axes.

    Attributes:
        name: Word that files and anchors of the figure are named by.
        title: Words above it.
        x_label: Label of the horizontal axis.
        y_label: Label of the vertical axis.
        series: The methods.
        marks: Marks that values are drawn with.
        x_log: True if the horizontal axis is logarithmic.
        categories: Names of the places 0, 1, ... of the horizontal axis, where these are no numbers.
        reference: Value at which a line is drawn across, such as full faithfulness; ``None`` for none.
    """

    name: str
    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    marks: Marks = "lines"
    x_log: bool = False
    categories: tuple[str, ...] = ()
    reference: float | None = None

    def records(self) -> list[dict[str, Any]]:
        """List what is drawn, one record a value, as a CSV file has it."""
        return [
            {"method": one.name, self.x_label: self.categories[int(x)] if self.categories else x, self.y_label: y}
            for one in self.series
            for x, y in zip(one.x, one.y, strict=True)
        ]

    def table(self) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """Write the headings and rows of a small table of the same values, for readers who see no picture.

        Lines of numbers are read off at the ticks of the axis; a row is a method.
        """
        if self.marks == "points":
            rows = [(one.name, f"{one.x[0]:,.3g}", f"{one.y[0]:.3f}") for one in self.series]
            return ("method", self.x_label, self.y_label), rows
        known = sorted({x for one in self.series for x in one.x})
        ticks = known if self.categories else axis_ticks(bounds(self)[0], log=self.x_log)
        chosen = list(dict.fromkeys(min(known, key=lambda x: abs(x - tick)) for tick in ticks))
        headings = [self.categories[int(x)] if self.categories else f"{x:.3g}" for x in chosen]
        values = [(one.name, dict(zip(one.x, one.y, strict=True))) for one in self.series]
        rows = [(name, *(f"{own[x]:.3f}" if x in own else "–" for x in chosen)) for name, own in values]
        return ("method", *headings), rows


@dataclass(frozen=True)
class Matrix:
    """Methods by models, coloured by a score.

    Attributes:
        name: Word that files and anchors of the figure are named by.
        title: Words above it.
        rows: The methods.
        columns: The models or places.
        values: A line a method, with ``None`` where it was not scored.
        colours_from: Value that has no colour; 1 has the full one.
    """

    name: str
    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    colours_from: float = 0.0

    def records(self) -> list[dict[str, Any]]:
        """List what is drawn, one record a method."""
        return [
            {"method": row, **dict(zip(self.columns, values, strict=True))}
            for row, values in zip(self.rows, self.values, strict=True)
        ]


Figure = Chart | Matrix


def number_methods(figures: Sequence[Figure]) -> list[Figure]:
    """Number the methods of all figures in the order in which they come, so that each looks the same in every one."""
    charts = [figure for figure in figures if isinstance(figure, Chart)]
    names = dict.fromkeys(one.name for chart in charts for one in chart.series if not one.is_control)
    numbers = {name: number for number, name in enumerate(names)}

    def numbered(chart: Chart) -> Chart:
        return replace(chart, series=tuple(replace(one, number=numbers.get(one.name, 0)) for one in chart.series))

    return [numbered(figure) if isinstance(figure, Chart) else figure for figure in figures]


def bounds(chart: Chart) -> tuple[tuple[float, float], tuple[float, float]]:
    """Find the ends of both axes: all values, scores at least from 0 to 1, a little room around points."""
    xs = [x for one in chart.series for x in one.x]
    ys = [y for one in chart.series for y in one.y]
    if chart.categories:
        x_ends = (-0.3, len(chart.categories) - 0.7)
    elif chart.x_log:
        room = 1.6 if chart.marks == "points" else 1.0
        x_ends = (min(xs) / room, max(xs) * room)
    else:
        x_ends = (min(xs), max(xs))
    low, high = min(0.0, *ys), max(1.0, *ys)
    return _apart(x_ends), (low, high + 0.04 * (high - low))


def _apart(ends: tuple[float, float]) -> tuple[float, float]:
    low, high = ends
    return ends if low < high else (low / 2, high * 2) if low > 0 else (low - 1, high + 1)


def axis_ticks(ends: tuple[float, float], *, log: bool = False) -> list[float]:
    """Choose round values along an axis: powers of ten with their halves where it is logarithmic, else about five."""
    low, high = ends
    if log:
        exponents = range(-6, 10)
        decades = [10.0**e for e in exponents if low <= 10.0**e <= high]
        fine = [m * 10.0**e for e in exponents for m in (1, 2, 5) if low <= m * 10.0**e <= high]
        finest = [m * 10.0**e for e in exponents for m in (1, 2, 3, 4, 5, 7) if low <= m * 10.0**e <= high]
        return decades if len(decades) >= 4 else fine if len(fine) >= 3 else finest
    steps = (0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 1000.0)
    step = next((step for step in steps if (high - low) / step <= 6), high - low)
    first = -int(-low // step) if low < 0 else int(low // step)
    found = [round(step * n, 6) for n in range(first - 1, first + 8)]
    return [value for value in found if low <= value <= high]


def place_labels(
    points: Sequence[tuple[float, float]], widths: Sequence[float], height: float, room: tuple[float, float]
) -> list[tuple[float, float] | None]:
    """Place a label beside each point so that none covers another label or a point.

    Args:
        points: Positions of the points, from the top left.
        widths: Width of each label.
        height: Height of a label.
        room: Width and height of the space, from (0, 0).

    Returns:
        The left end and the middle of each label's height; ``None`` where there is no free place.
    """
    taken = [(x - 4, y - 4, x + 4, y + 4) for x, y in points]
    found: list[tuple[float, float] | None] = []
    for (x, y), width in zip(points, widths, strict=True):
        h = height / 2
        tries = [
            (x + 7, y), (x - 7 - width, y), (x - width / 2, y - h - 5), (x - width / 2, y + h + 5),
            (x + 5, y - h - 3), (x + 5, y + h + 3), (x - 5 - width, y - h - 3), (x - 5 - width, y + h + 3),
        ]  # fmt: skip
        boxes = [(left, middle - h, left + width, middle + h) for left, middle in tries]
        free = [
            place
            for place, box in zip(tries, boxes, strict=True)
            if box[0] >= 0 and box[1] >= 0 and box[2] <= room[0] and box[3] <= room[1]
            if not any(_overlap(box, other) for other in taken)
        ]
        found.append(free[0] if free else None)
        if free:
            taken.append((free[0][0], free[0][1] - h, free[0][0] + width, free[0][1] + h))
    return found


_Box = tuple[float, float, float, float]


def _overlap(one: _Box, other: _Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
