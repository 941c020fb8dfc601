"""Figures hold what the result says, and the files beside a picture hold what is drawn."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot as plt

from groundtruth import load
from groundtruth.bench import Result, result_of
from groundtruth.bench.result_data import result_data
from groundtruth.cli import main
from groundtruth.errors import DomainError
from groundtruth.report.figure import Chart, Matrix, Series, axis_ticks, place_labels
from groundtruth.report.paper_figure import draw_figures
from groundtruth.report.svg_chart import enumerate_styles
from groundtruth.report.views.result_figures import SHARES, choose_figures, result_figures
from groundtruth.results.kept_scores import KeptCurves
from tests.groundtruth.bench.cell_makers import circuit_cell
from tests.groundtruth.report.test_result_page import row

STRAIGHT = KeptCurves(10, (0, 5, 10), (0.0, 0.5, 1.0), (0.0, 0.5, 1.0))
STEEP = KeptCurves(4, (0, 2, 4), (0.0, 1.0, 1.0), (0.0, -0.5, 1.0))


def result(methods: tuple[str, ...] = ("eap", "ifr")) -> Result:
    outcomes = [(circuit_cell("oracle", "hist"), replace(row("oracle", 1.0), forward=0.0, backward=0.0))]
    for auroc, method in enumerate(methods):
        for model, curves in (("hist", STRAIGHT), ("hist@soft", STEEP)):
            scores = replace(row(method, 0.5 + 0.25 * auroc), model=model, curves=curves)
            outcomes.append((circuit_cell(method, model), scores))
    return result_of(outcomes, seconds=1.0)


def figures(**options: tuple[str, ...]) -> dict[str, Chart | Matrix]:
    return {figure.name: figure for figure in result_figures(result(), **options)}


def test_curves_are_the_mean_over_models_at_the_same_share_of_edges() -> None:
    cpr, cmd = figures()["cpr"], figures()["cmd"]
    assert isinstance(cpr, Chart) and isinstance(cmd, Chart)
    assert [one.name for one in cpr.series] == ["ifr", "eap"]  # the oracle has no curve here
    shares = np.array(SHARES)
    assert cpr.series[0].y == pytest.approx((shares + np.minimum(1, 2 * shares)) / 2)
    below = np.where(shares < 0.5, -shares, -0.5 + 3 * (shares - 0.5))
    assert cmd.series[0].y == pytest.approx((shares + below) / 2)


def test_tiers_models_and_cost_say_what_the_rows_say() -> None:
    found = figures()
    tiers, models, cost = found["tiers"], found["models"], found["cost"]
    assert isinstance(tiers, Chart) and isinstance(models, Matrix) and isinstance(cost, Chart)
    assert tiers.categories == ("raw (1)", "soft (1)")
    assert {one.name: one.y for one in tiers.series} == {"ifr": (0.75, 0.75), "eap": (0.5, 0.5)}
    assert (models.rows, models.columns) == (("ifr", "eap", "oracle"), ("hist", "hist@soft"))
    assert models.values == ((0.75, 0.75), (0.5, 0.5), (1.0, None))
    assert {one.name: (one.x, one.y) for one in cost.series} == {"ifr": ((3.0,), (0.75,)), "eap": ((3.0,), (0.5,))}


def test_a_method_has_one_colour_in_all_figures() -> None:
    own = replace(result(), settings={"method": "eap"})
    charts = {figure.name: figure for figure in result_figures(own) if isinstance(figure, Chart)}
    assert [one.name for one in charts["cpr"].series] == ["eap", "ifr"]  # the user's own method comes first
    assert [one.name for one in charts["tiers"].series] == ["ifr", "eap"]  # the best comes first
    styles = {(one.name, style) for chart in charts.values() for style, one in enumerate_styles(chart)}
    assert styles == {("eap", "s1"), ("ifr", "s2")}


def test_methods_and_figures_are_chosen_by_name_and_wrong_names_are_told() -> None:
    cpr = figures(methods=("eap",))["cpr"]
    assert isinstance(cpr, Chart) and [one.name for one in cpr.series] == ["eap"]
    with pytest.raises(DomainError, match=r"the result has no method 'eop'. Did you mean: eap\? Choose from ifr, eap"):
        result_figures(result(), methods=["eop"])
    with pytest.raises(DomainError, match="the result has no ablation 'zero'. Choose from resample"):
        result_figures(result(), "zero")
    with pytest.raises(DomainError, match=r"the result has no figure 'model'. Did you mean: models, cmd\?"):
        choose_figures(result_figures(result()), ["model"])
    with pytest.raises(DomainError, match="the result has nothing to draw"):
        choose_figures(result_figures(result_of([], seconds=0.0)), None)


def test_more_methods_than_eyes_can_follow_are_drawn_only_when_named() -> None:
    many = tuple(f"method{place}" for place in range(12))
    drawn = {figure.name: figure for figure in result_figures(result(many))}
    cpr, models = drawn["cpr"], drawn["models"]
    assert isinstance(cpr, Chart) and isinstance(models, Matrix)
    assert len(cpr.series) == 7 and len(models.rows) == 13


def test_the_command_draws_and_writes_what_is_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "result.json"
    path.write_text(json.dumps(result_data(result())))
    for name in ("one", "two"):
        with pytest.raises(SystemExit) as left:
            main(["plot", str(path), "--out", str(tmp_path / "new" / f"{name}.svg"), "--figures", "cpr,cost,models"])
        assert left.value.code == 0
    folder = tmp_path / "new"
    assert (folder / "one.svg").read_bytes() == (folder / "two.svg").read_bytes()  # the same result, the same picture
    records = list(csv.DictReader((folder / "one-cpr.csv").open()))
    drawn = figures()["cpr"]
    assert isinstance(drawn, Chart)
    own = [float(record["faithfulness"]) for record in records if record["method"] == "ifr"]
    assert own == list(drawn.series[0].y)
    assert list(csv.reader((folder / "one-models.csv").open()))[-1] == ["oracle", "1.0", ""]
    with pytest.raises(SystemExit) as left:
        main(["plot", str(path), "--out", str(tmp_path / "figure.bmp")])
    assert left.value.code == 2
    assert "a picture ends in .svg, .png, .pdf. Name one, such as figure.svg." in capsys.readouterr().err


def test_no_title_leaves_the_picture_or_runs_into_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cpr, cmd = figures()["cpr"], figures()["cmd"]
    assert isinstance(cpr, Chart) and isinstance(cmd, Chart)
    long = "CPR: faithfulness of circuits by signed scores, mean of 1 language model task"
    named = tuple(replace(one, name="direct-logit-attribution") for one in cpr.series)  # a wide legend, narrow axes
    sheets: list[Any] = []
    monkeypatch.setattr(plt, "close", sheets.append)
    draw_figures([replace(cpr, title=long, series=named), replace(cmd, title=long, series=named)], tmp_path / "f.png")
    (sheet,) = sheets
    monkeypatch.undo()
    sheet.draw_without_rendering()  # measured as on a screen, no longer as in the file
    boxes = [panel._left_title.get_window_extent() for part in sheet.subfigs for panel in part.axes]
    assert len(boxes) == 2 and all(box.x1 <= sheet.bbox.x1 for box in boxes)
    assert boxes[0].x1 < boxes[1].x0
    plt.close(sheet)


def test_two_methods_of_one_short_name_are_each_labelled_at_their_own_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels: list[tuple[str, tuple[float, float]]] = []
    monkeypatch.setattr(plt.Axes, "annotate", lambda panel, name, at, *place, **look: labels.append((name, at)))
    points = (Series("a.py:mine", (1.0,), (0.2,)), Series("b.py:mine", (9.0,), (0.8,)))
    draw_figures([Chart("cost", "Cost", "passes", "AUROC", points, marks="points")], tmp_path / "f.svg")
    assert labels == [("mine", (1.0, 0.2)), ("mine", (9.0, 0.8))]


def test_a_notebook_shows_results_and_scores_as_tables_and_their_repr_stays_short() -> None:
    shown = result()._repr_html_()
    assert "<caption>circuits: mean over 2 places</caption>" in shown
    assert "<tr><td>ifr</td><td>resample</td><td>0.75</td>" in shown and "<td>oracle (control)</td>" in shown
    hostile = replace(row("<b>eap</b>", 0.5), curves=STRAIGHT)
    assert "<b>" not in hostile._repr_html_() and "<td>AUROC</td><td>0.5</td>" in hostile._repr_html_()
    assert "KeptCurves" not in repr(hostile)


def test_a_notebook_shows_a_model_and_its_circuit_with_what_no_single_cut_shows() -> None:
    model = load("hist@votes")
    assert "<td>outputs</td><td>0 1 2 3 4 5</td>" in model._repr_html_()
    shown = model.circuit()._repr_html_()
    assert "3 live of 94 edges; 3 minimal circuits</caption>" in shown
    assert shown.count("<td>live</td>") == 3 and shown.count("<td>inert alone, needed together</td>") == 6
    assert "<td>a0.h0-&gt;m0</td>" in shown


def test_ticks_are_round_and_inside_the_axis() -> None:
    assert axis_ticks((0.0, 1.04)) == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert axis_ticks((-0.5, 1.0)) == [-0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0]
    assert axis_ticks((0.01, 1.0), log=True) == [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0]
    assert axis_ticks((2.5, 19.2), log=True) == [3.0, 4.0, 5.0, 7.0, 10.0]


@given(st.lists(st.tuples(st.floats(0, 400), st.floats(0, 300)), min_size=1, max_size=30))
def test_no_label_covers_another_label_a_point_or_the_edge(points: list[tuple[float, float]]) -> None:
    placed = place_labels(points, [40.0] * len(points), 12, (400, 300))
    boxes = [(left, middle - 6, left + 40, middle + 6) for left, middle in filter(None, placed)]
    for place, (left, top, right, bottom) in enumerate(boxes):
        assert left >= 0 and right <= 400 and top >= 0 and bottom <= 300
        assert not any(left < x + 4 and x - 4 < right and top < y + 4 and y - 4 < bottom for x, y in points)
        others = boxes[:place] + boxes[place + 1 :]
        assert not any(left < o[2] and o[0] < right and top < o[3] and o[1] < bottom for o in others)
