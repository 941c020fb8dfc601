import html
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

import groundtruth.report
from groundtruth.bench import Failed, Skipped, result_of
from groundtruth.bench.result_data import result_data
from groundtruth.cli import main
from groundtruth.errors import ArtifactError
from groundtruth.model import load
from groundtruth.report.views.result_page import page_name, result_page
from groundtruth.results.circuit_scores import CircuitScores, ExactCircuitScores, Ranked, WrongEdge
from groundtruth.results.read_results import read_result_data
from tests.groundtruth.bench.cell_makers import circuit_cell

SCRIPT = Path(groundtruth.report.__file__).parent / "templates" / "page_script.js"
HOSTILE = "<script>alert('x')</script>"


def row(method: str, auroc: float, wrong: tuple[WrongEdge, ...] = ()) -> CircuitScores:
    live = Ranked(13, 4, auroc, auroc, auroc, auroc, auroc, exact=auroc == 1.0)
    return CircuitScores(
        method=method, model="hist", ablation="resample", level="edge", seed=0, n_examples=8,
        mib_cpr=0.5, mib_cmd=0.5, cpr=0.5, cmd=0.5,
        cpr_interval=(0.4, 0.6), cmd_interval=(0.4, 0.6), forward=2.0, backward=1.0,
        seconds=0.1, truth=ExactCircuitScores("mixed", live, live, live, 0.8, 0.2, wrong),
    )  # fmt: skip


def data(**changes: Any) -> dict[str, Any]:
    missed = WrongEdge("input->a0.h0<q>", "missed", 0.0, "live", f"tokens for {HOSTILE}")
    outcomes = [
        (circuit_cell("oracle", "hist"), row("oracle", 1.0)),
        (circuit_cell("exact", "hist"), row("exact", 0.9)),
        (circuit_cell("eap", "hist"), row("eap", 0.55, (missed,))),
        (circuit_cell("ifr", "hist"), Failed(f"raised {HOSTILE}")),
        (circuit_cell("exact", "length"), Skipped("nothing to localize", "model")),
    ]
    return {**result_data(result_of(outcomes, seconds=1.0, profile="smoke")), **changes}


class _Outline(HTMLParser):
    """Checks that tags are closed in order, and collects the text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_holds_tables_wrong_edges_failures_and_the_true_circuit() -> None:
    page = result_page(data())
    outline = _Outline()
    outline.feed(page)
    assert outline.open == []
    for told in ("0.55", "input->a0.h0<q>", "nothing to localize", "4 live of 13", "└─ m0"):
        assert told in outline.text
    (exact,) = re.findall(r'<a href="#method-1-1">exact</a></th>\s*<td class="best">0.90</td>', page)
    assert not re.search(r">oracle</a> \(control\)</th>\s*<td class=\"best\">", page)


def test_the_page_needs_nothing_from_elsewhere_and_runs_nothing_that_a_result_says() -> None:
    page = result_page(data())
    outline = _Outline()
    outline.feed(page)
    assert not {"link", "img", "iframe"} & outline.seen
    (script,) = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    assert script.strip() == SCRIPT.read_text().strip()
    assert not re.search(r"fetch|XMLHttp|WebSocket|import|eval|innerHTML|Function\(", script)
    assert not re.search(r"src=|url\(|@import", page)
    anchors = set(re.findall(r' id="([^"]*)"', page))
    links = re.findall(r'href="([^"]*)"', page)
    assert links and {link[1:] for link in links if link.startswith("#")} == {link[1:] for link in links} <= anchors
    assert HOSTILE in outline.text  # shown as the text that it is


def test_a_file_that_is_no_result_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    with pytest.raises(ArtifactError, match=r"cannot read .*result.json: No such file"):
        read_result_data(path)
    for content, message in (
        ("{", "is no JSON"),
        ("[]", "is no result of bench or score: it has no 'schema_version'"),
        (json.dumps(data(schema_version=0)), "has schema_version 0; this version reads 2"),
    ):
        path.write_text(content)
        with pytest.raises(ArtifactError, match=message):
            read_result_data(path)
    broken = data()
    del broken["cells"][0]["cpr"]
    with pytest.raises(ArtifactError, match="the result is incomplete: cpr: Field required. Run the benchmark again"):
        result_page(broken)


def test_the_command_writes_the_page_beside_the_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "result.json"
    path.write_text(json.dumps(data()))
    with pytest.raises(SystemExit) as exit_:
        main(["report", str(path)])
    assert exit_.value.code == 0
    assert (tmp_path / "result.html").read_text() == result_page(read_result_data(path))
    assert "result.html" in capsys.readouterr().out


def test_cells_without_truth_show_their_cpr() -> None:
    without = replace(row("nap", 0.9), truth=None, level="neuron")
    page = result_page(result_data(result_of([(circuit_cell("nap", "hist", level="neuron"), without)], seconds=1.0)))
    assert re.search(r'>hist</th><td>0.50</td><td class="text">CPR 0.500 \(0.400 to 0.600\), CMD', page)


def test_wrong_edges_lead_to_the_explorer_and_to_the_commands_that_say_more(tmp_path: Path) -> None:
    page = html.unescape(result_page(data(), explorer="../site/"))
    (address,) = re.findall(r'<a href="(\.\./site/[^"]*)"><span class="whole">input->a0\.h0<q></span></a>', page)
    file, _, fragment = address.partition("#")
    assert file == "../site/hist.html"
    state = dict(parse_qsl(fragment))
    truth = load("hist").circuit(ablation="resample", lengths="mixed")["input->a0.h0<q>"]
    assert truth.witness is not None
    assert state == {
        "ablation": "resample", "cut": "input->a0.h0<q>", "selected": "edge:input->a0.h0<q>",
        "input": " ".join(map(str, truth.witness.clean)),
        "second": " ".join(map(str, truth.witness.counterfactual or ())),
    }  # fmt: skip
    assert "groundtruth why eap hist" in page and "groundtruth explore hist --method eap" in page
    assert "../site/" not in result_page(data())


def test_pages_are_linked_only_where_there_are_any(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "result.json"
    path.write_text(json.dumps(data()))
    site = tmp_path / "site"
    with pytest.raises(SystemExit) as left:
        main(["report", str(path), "--explorer", str(site)])
    assert left.value.code == 2
    said = (
        f"error: --explorer {site}: there is no index.html. Write the pages first: groundtruth explore --site {site}\n"
    )
    assert capsys.readouterr().err == said
    site.mkdir()
    (site / "index.html").write_text("")
    for name, option in (("a.html", "--html"), ("b.html", "--out")):
        with pytest.raises(SystemExit) as left:
            main(["report", str(path), option, str(tmp_path / "pages" / name), "--explorer", str(site)])
        assert left.value.code == 0
        page, told = (tmp_path / "pages" / name).read_text(), " ".join(capsys.readouterr().out.split())
        is_written = (site / "hist.html").is_file()
        assert ('href="../site/hist.html#' in page) == is_written
        assert f"not linked: {'' if is_written else 'hist, '}length, of which {site} has no page." in told
        (site / "hist.html").write_text("")


@pytest.mark.parametrize("model", ["suite/g1", "suite/g1/", "../g1", "my_file.py:g1", "g1"])
def test_the_page_of_a_model_in_a_folder_is_linked_by_its_name(model: str) -> None:
    assert page_name(model) == "g1"
