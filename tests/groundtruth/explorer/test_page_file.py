"""One file with all in it and nothing from outside; the bundle is the build of the sources."""

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

from groundtruth import load
from groundtruth.cli import main
from groundtruth.explorer.page_file import bundled, model_page, script_json
from groundtruth.store.catalog import shipped, shipped_trained, stored
from tests.groundtruth.explorer.node import PAGE, build_tools, node
from tests.patience import PATIENCE

LIMIT = 250_000


def bytes_stored(name: str) -> int:
    """Bytes of a shipped model's weights and truth, which its page holds in another form."""
    folder = stored(name)
    assert folder is not None
    return sum(file.stat().st_size for file in folder.iterdir() if file.suffix in (".json", ".safetensors"))


def largest(names: list[str], n: int) -> list[str]:
    return sorted(names, key=bytes_stored)[-n:]


LARGEST = [
    *("shuffle_dyck3", "odd_one_out@all", "second_step@free-0", "waiting_pair@free-0", "waiting_pair@free-2"),
    *largest(shipped(), 1),
    *largest(shipped_trained(), 2),
]
"""The largest pages by measurement (benchmarks/explorer.py), and those of the models that are stored in most bytes."""


@cache
def page_of(name: str) -> str:
    return model_page(load(name))


@pytest.mark.parametrize("name", LARGEST)
def test_the_largest_pages_are_small(name: str) -> None:
    assert len(page_of(name).encode()) <= LIMIT


def test_a_page_refers_to_nothing_outside_itself() -> None:
    page = page_of("add_with_hints")
    assert re.findall(r"""<(?:script|link|img|iframe)[^>]*\s(?:src|href)=""", page) == []
    assert re.findall(r"@import|url\(|fetch\(|XMLHttpRequest|import\(", page) == []
    addresses = set(re.findall(r"https?://[^\s\"'`)]+", page))
    assert addresses <= {"http://www.w3.org/2000/svg"}  # the name of a namespace: nothing is fetched from there


def test_no_text_of_a_model_ends_its_script_element() -> None:
    text = script_json({"source": "</script><!-- \u2028 <b>"})
    assert "<" not in text and "\u2028" not in text
    assert json.loads(text) == {"source": "</script><!-- \u2028 <b>"}


def test_the_command_writes_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "new" / "hist.html"
    with pytest.raises(SystemExit) as left:
        main(["explore", "hist", "--out", str(path)])
    assert left.value.code == 0
    assert path.read_text().startswith("<!doctype html>")
    assert f"({path.stat().st_size / 1000:,.0f} kB" in capsys.readouterr().out


def test_the_bundle_is_the_build_of_the_sources(tmp_path: Path) -> None:
    folder = tmp_path / "page"
    shutil.copytree(PAGE, folder, ignore=shutil.ignore_patterns("node_modules"))
    (folder / "node_modules").symlink_to(build_tools())
    subprocess.run([node(), "build.mjs", str(tmp_path)], cwd=folder, check=True, timeout=PATIENCE)
    for name in ("explorer.js", "unpack.js", "circuit.js", "explorer.css"):
        built = (tmp_path / name).read_text(encoding="utf-8").strip()
        assert built == bundled(name), f"bundle/{name} is not the build of page/src: run `make explorer`"


def test_a_site_has_a_page_of_each_model_and_an_index_of_links_that_lead_there(tmp_path: Path) -> None:
    site = tmp_path / "site"
    with pytest.raises(SystemExit) as left:
        main(["explore", "hist", "frac_prevs@rotated", "--site", str(site), "--method", "eap"])
    assert left.value.code == 0
    index = (site / "index.html").read_text()
    links = re.findall(r'<a href="([^"]+)"', index)
    assert [unquote(link) for link in links] == ["hist.html", "frac_prevs@rotated.html"]
    assert all((site / unquote(link)).is_file() for link in links)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "0 models were named. Name one, or write a folder of pages with --site DIR."),
        (["hist", "sort"], "2 models were named."),
        (["hist", "--method", "eapp"], "eapp"),
        (["hist", "--out", "a.html", "--site", "b"], "--out a.html and --site b were both given."),
    ],
)
def test_what_cannot_be_written_is_refused_in_words(
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as left:
        main(["explore", *arguments])
    assert left.value.code == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
