"""Draw figures for papers with matplotlib: the panels of one file, as SVG, PNG or PDF."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Sheet

from groundtruth.report import notation
from groundtruth.report.figure import Chart, Figure, Matrix, axis_ticks, bounds, place_labels

COLOURS = ("#0072b2", "#d55e00", "#008a63", "#b5468b", "#8a6100", "#5b3fa0", "#a11d2b", "#2f6f77")
"""Dark enough on white, and told apart by readers who do not see red and green apart; after Okabe and Ito."""

MARKERS = "osD^vPX*"

GREY = "#6e7781"

PANEL = (5.0, 3.6)
"""Width and height of one chart, in inches."""

LABEL, LETTER, LINE = 7, 4.0, 8
"""Size of a point's label, the mean width of its letters and the height of its line, in points of 1/72 inch."""

TITLE_LETTERS = 44
"""Most letters of a line of a chart's title, which then is as wide as its panel at most."""


def draw_figures(figures: Sequence[Figure], path: Path) -> None:
    """Draw the figures below each other, two beside each other where both are charts; the same result, the same file.

    Args:
        figures: Figures to draw.
        path: The file; its suffix says the format.
    """
    matplotlib.use("agg")
    plt.rcParams.update({"svg.hashsalt": "groundtruth", "svg.fonttype": "none", "pdf.fonttype": 42, "font.size": 9})
    rows = _rows(figures)
    heights = [max(map(_height, row)) for row in rows]
    columns = max(map(len, rows))
    size = max(PANEL[0] * columns, _matrix_width(figures)), sum(heights)
    sheet = plt.figure(figsize=size, layout="constrained")
    try:
        parts: Any = sheet.subfigures(len(rows), 1, height_ratios=heights, squeeze=False)
        for part, row in zip(parts[:, 0], rows, strict=True):
            is_wide = any(isinstance(figure, Matrix) for figure in row)
            axes: Any = part.subplots(1, 1 if is_wide else columns, squeeze=False)[0]
            for panel in axes[len(row) :]:
                panel.set_axis_off()  # a chart alone is no wider than the others
            for panel, figure in zip(axes, row, strict=False):
                _draw(sheet, panel, figure)
        sheet.savefig(path, dpi=200, metadata=_metadata(path))
    finally:
        plt.close(sheet)


def _metadata(path: Path) -> dict[str, Any]:
    """No date: the same result gives the same file."""
    return {"Date": None} if path.suffix == ".svg" else {"CreationDate": None} if path.suffix == ".pdf" else {}


def _rows(figures: Sequence[Figure]) -> list[list[Figure]]:
    rows: list[list[Figure]] = []
    for figure in figures:
        last = rows[-1] if rows else []
        if len(last) == 1 and isinstance(last[0], Chart) and isinstance(figure, Chart):
            last.append(figure)
        else:
            rows.append([figure])
    return rows


def _height(figure: Figure) -> float:
    return PANEL[1] if isinstance(figure, Chart) else 1.6 + 0.2 * len(figure.rows)


def _matrix_width(figures: Sequence[Figure]) -> float:
    return max((2.2 + 0.36 * len(one.columns) for one in figures if isinstance(one, Matrix)), default=0.0)


def _draw(sheet: Sheet, panel: Axes, figure: Figure) -> None:
    # Beside a legend the axes are narrow, and matplotlib lets a title run on past them.
    title = fill(figure.title, TITLE_LETTERS) if isinstance(figure, Chart) else figure.title
    panel.set_title(title, fontsize=9, loc="left")
    if isinstance(figure, Matrix):
        _draw_matrix(panel, figure)
    else:
        _draw_chart(sheet, panel, figure)


def _draw_chart(sheet: Sheet, panel: Axes, chart: Chart) -> None:
    x_ends, y_ends = bounds(chart)
    panel.set(xlim=x_ends, ylim=y_ends, xlabel=chart.x_label, ylabel=chart.y_label)
    panel.spines[["top", "right"]].set_visible(False)
    panel.grid(color="#dddddd", linewidth=0.6)
    panel.set_axisbelow(True)
    if chart.x_log:
        panel.set_xscale("log")
        panel.set_xlim(x_ends)
    _set_ticks(panel, chart, x_ends)
    if chart.reference is not None:
        panel.axhline(chart.reference, color=GREY, linewidth=0.8, linestyle=":")
    for one in chart.series:
        style: dict[str, Any] = {"color": GREY if one.is_control else COLOURS[one.number % len(COLOURS)]}
        style["marker"] = MARKERS[one.number % len(MARKERS)] if chart.marks == "points" or chart.categories else ""
        style["linestyle"] = "none" if chart.marks == "points" else "--" if one.is_control else "-"
        panel.plot(one.x, one.y, linewidth=1.3, markersize=4, label=notation.method_name(one.name), **style)
    if chart.marks == "lines":
        panel.legend(frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    else:
        _label_points(sheet, panel, chart)


def _set_ticks(panel: Axes, chart: Chart, x_ends: tuple[float, float]) -> None:
    if chart.categories:
        panel.set_xticks(range(len(chart.categories)), chart.categories, rotation=30, ha="right")
        return
    ticks = axis_ticks(x_ends, log=chart.x_log)
    panel.set_xticks([], minor=True)
    panel.set_xticks(ticks, [f"{tick:,g}" for tick in ticks])


def _label_points(sheet: Sheet, panel: Axes, chart: Chart) -> None:
    """Name each point beside it, where there is room."""
    sheet.draw_without_rendering()
    box = panel.get_window_extent()
    scale = 72 / sheet.dpi  # from pixels to points of 1/72 inch, in which letters are measured
    pixels = [panel.transData.transform((one.x[0], one.y[0])) for one in chart.series]
    points = [(float(x - box.x0) * scale, float(box.y1 - y) * scale) for x, y in pixels]
    names = [notation.method_name(one.name) for one in chart.series]
    room = (float(box.width) * scale, float(box.height) * scale)
    places = place_labels(points, [LETTER * len(name) for name in names], LINE, room)
    for one, name, point, place in zip(chart.series, names, points, places, strict=True):
        if place is not None:
            offset = (place[0] - point[0], point[1] - place[1])
            at = (one.x[0], one.y[0])
            panel.annotate(name, at, offset, textcoords="offset points", fontsize=LABEL, va="center")


def _draw_matrix(panel: Axes, matrix: Matrix) -> None:
    values = np.array([[np.nan if value is None else value for value in row] for row in matrix.values], dtype=float)
    panel.imshow(values, cmap="Greens", vmin=matrix.colours_from, vmax=1.4, aspect="auto")
    panel.set_xticks(range(len(matrix.columns)), matrix.columns, rotation=60, ha="right", fontsize=7)
    panel.set_yticks(range(len(matrix.rows)), [notation.method_name(row) for row in matrix.rows], fontsize=7)
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
    for (row, column), value in np.ndenumerate(values):
        text = notation.number(None if np.isnan(value) else float(value))
        panel.text(column, row, text, ha="center", va="center", fontsize=6)
