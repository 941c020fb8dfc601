"""The page of a result of the variable track says what the file says, and runs nothing that a file brings."""

import json
from pathlib import Path

import pytest

from groundtruth.bench.result_data import result_data
from groundtruth.cli import main
from groundtruth.errors import ArtifactError
from groundtruth.files import to_json
from groundtruth.report.views.result_page import result_page
from groundtruth.results.cell import Failed, Skipped
from tests.groundtruth.bench.cell_makers import variable_cell
from tests.groundtruth.bench.variable_rows import language_model_row, result, row
from tests.groundtruth.report.test_result_page import HOSTILE, _Outline


def data(*, real: bool = True, compiled: bool = True) -> dict[str, object]:
    place = variable_cell("das", "reverse", "opposite", "residual.2.post")
    others = ((place, Failed(f"raised {HOSTILE}")), (place, Skipped("no pairs here", "method"))) if compiled else ()
    rows = [row("das", 0.25, precision=0.4), row("pca", 0.5)] if compiled else []
    learned = [language_model_row("das", 0.75), language_model_row("pca", 1.0)] if real else []
    found = result(*rows, *learned, others=others, profile="smoke")
    return json.loads(to_json(result_data(found)))


def test_every_tag_is_closed_and_nothing_hostile_becomes_one() -> None:
    outline = _Outline()
    page = result_page(data())
    outline.feed(page)
    assert not outline.open
    assert page.count("<script>") == 1  # ours, see test_result_page.py
    assert f"raised {HOSTILE}" in outline.text


def test_both_kinds_of_models_have_their_columns_and_places() -> None:
    page = result_page(data())
    for text in (
        "IIA LM",
        "precision",
        "reverse:opposite@residual.2.post",
        "learned/arithmetic-addition:ones_carry@",
    ):
        assert text in page
    assert "left out: das on reverse:opposite@residual.2.post: no pairs here" in page
    assert '>reverse:opposite@residual.2.post</th><td>0.25</td><td class="text">0.25 by seed</td>' in page
    assert "0.75 by seed; seed 0 on all pairs of random 0.50" in page


def test_language_models_alone_have_no_exact_columns() -> None:
    page = result_page(data(compiled=False))
    assert "precision" not in page and "illusion" not in page
    assert "MIB best" in page and "No truth is known" in page


def test_an_incomplete_result_is_refused() -> None:
    broken = data()
    del broken["environment"]
    with pytest.raises(ArtifactError, match="the result is incomplete: 'environment'. Run the benchmark again"):
        result_page(broken)


def test_the_command_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "found.json"
    path.write_bytes(to_json(data()))
    with pytest.raises(SystemExit) as ended:
        main(["report", str(path)])
    assert ended.value.code in (0, None)
    assert "found.html" in capsys.readouterr().out.replace("\n", "")
    assert "Variable localization" in (tmp_path / "found.html").read_text()
