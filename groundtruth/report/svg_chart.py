"""Write a chart as SVG inside a page: its colours are classes, so that the page decides them, in light and in dark."""

import math
from collections.abc import Callable, Iterator

from markupsafe import Markup

from groundtruth.report import notation
from groundtruth.report.figure import Chart, Series, axis_ticks, bounds, place_labels

WIDTH, HEIGHT = 400, 280
LEFT, RIGHT, TOP = 44, 12, 10
"""Room around the space that values are drawn in."""

BOTTOM, BOTTOM_OF_NAMES = 42, 84
"""The same below it, where the axis has numbers and where it has names, which are turned."""

N_COLOURS = 8
"""Number of colours on the page; later lines are dotted."""

LETTER = 6.2
"""Mean width of a letter of a label."""


def svg_chart(chart: Chart, *, prefix: str = "") -> Markup:
    """Write the chart.

    Args:
        chart: Chart to draw.
        prefix: Start of names inside the page, where several charts have one name.
    """
    scale_x, scale_y = _scales(chart)
    bottom = _bottom(chart)
    name = f"{prefix}{chart.name}"
    parts = [
        Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-labelledby="{}-title">').format(
            WIDTH, HEIGHT, name
        ),
        Markup('<title id="{}-title">{}</title>').format(name, chart.title),
        *_axes(chart, bottom, scale_x, scale_y),
    ]
    # Controls first, so that they lie below.
    for place, one in sorted(enumerate_styles(chart), key=lambda item: not item[1].is_control):
        parts += _series(chart, one, place, scale_x, scale_y)
    if chart.marks == "points":
        parts += _labels(chart, scale_x, scale_y)
    return Markup("").join([*parts, Markup("</svg>")])


def enumerate_styles(chart: Chart) -> list[tuple[str, Series]]:
    """Give each series the classes that it is drawn in."""
    return [("control" if one.is_control else _style(one.number), one) for one in chart.series]


def _style(number: int) -> str:
    return f"s{number % N_COLOURS + 1}" + (" dotted" if number >= N_COLOURS else "")


def _bottom(chart: Chart) -> int:
    """Say where the horizontal axis lies."""
    return HEIGHT - (BOTTOM_OF_NAMES if chart.categories else BOTTOM)


_Scale = Callable[[float], float]


def _scales(chart: Chart) -> tuple[_Scale, _Scale]:
    """From values to places in the picture."""
    (left, right), (low, high) = bounds(chart)
    across = math.log10 if chart.x_log else float
    start, end = across(left), across(right)
    bottom = _bottom(chart)

    def scale_x(value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (across(value) - start) / (end - start)

    def scale_y(value: float) -> float:
        return bottom - (bottom - TOP) * (value - low) / (high - low)

    return scale_x, scale_y


def _axes(chart: Chart, bottom: int, scale_x: _Scale, scale_y: _Scale) -> Iterator[Markup]:
    x_ends, y_ends = bounds(chart)
    right = WIDTH - RIGHT
    for value in axis_ticks(y_ends):
        y = scale_y(value)
        yield _line("grid", LEFT, y, right, y)
        yield _text("tick", LEFT - 6, y + 4, f"{value:g}", "end")
    for place, name in enumerate(chart.categories):
        x = scale_x(place)
        yield _line("grid", x, TOP, x, bottom)
        turned = '<text class="tick" transform="translate({:.1f} {}) rotate(-30)" text-anchor="end">{}</text>'
        yield Markup(turned).format(x + 4, bottom + 15, name)
    for value in () if chart.categories else axis_ticks(x_ends, log=chart.x_log):
        yield _line("grid", scale_x(value), TOP, scale_x(value), bottom)
        yield _text("tick", scale_x(value), bottom + 15, f"{value:,g}", "middle")
    yield _line("axis", LEFT, bottom, right, bottom)
    yield _line("axis", LEFT, TOP, LEFT, bottom)
    if chart.reference is not None:
        yield _line("reference", LEFT, scale_y(chart.reference), right, scale_y(chart.reference))
    yield _text("label", (LEFT + right) / 2, HEIGHT - 6, chart.x_label, "middle")
    middle = (TOP + bottom) / 2
    yield Markup(
        '<text class="label" transform="translate(12 {:.1f}) rotate(-90)" text-anchor="middle">{}</text>'
    ).format(middle, chart.y_label)


def _series(chart: Chart, one: Series, style: str, scale_x: _Scale, scale_y: _Scale) -> Iterator[Markup]:
    points = [(scale_x(x), scale_y(y)) for x, y in zip(one.x, one.y, strict=True)]
    if chart.marks == "lines":
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        yield Markup('<polyline class="{}" points="{}"><title>{}</title></polyline>').format(style, path, one.name)
    if chart.marks == "points" or chart.categories:
        for (x, y), value in zip(points, one.y, strict=True):
            told = f"{one.name}: {notation.number(value)}"
            yield Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="4"><title>{}</title></circle>').format(
                style, x, y, told
            )


def _labels(chart: Chart, scale_x: _Scale, scale_y: _Scale) -> Iterator[Markup]:
    points = [(scale_x(one.x[0]), scale_y(one.y[0])) for one in chart.series]
    names = [notation.method_name(one.name) for one in chart.series]
    places = place_labels(points, [LETTER * len(name) for name in names], 12, (WIDTH, _bottom(chart)))
    for name, place in zip(names, places, strict=True):
        if place is not None:
            yield _text("point-label", place[0], place[1] + 4, name, "start")


def _line(style: str, x1: float, y1: float, x2: float, y2: float) -> Markup:
    return Markup('<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>').format(style, x1, y1, x2, y2)


def _text(style: str, x: float, y: float, text: str, anchor: str) -> Markup:
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(style, x, y, anchor, text)
