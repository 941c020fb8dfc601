"""One file with all in it and nothing from outside; the bundle is the build of the sources."""

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from groundtruth import load
from groundtruth.cli import main
from groundtruth.explorer.page_file import bundled, model_page, script_json
from tests.groundtruth.explorer.node import PAGE, node

LARGEST = ("odd_one_out@all", "add_with_hints")
LIMIT = 250_000


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
    npm = shutil.which("npm")
    if not (PAGE / "node_modules" / "esbuild").is_dir() and npm is None:
        pytest.skip("esbuild is not installed and there is no npm to install it: run `make explorer` where there is")
    folder = tmp_path / "page"
    shutil.copytree(PAGE, folder, symlinks=True)
    if not (folder / "node_modules" / "esbuild").is_dir():
        command = [str(npm), "install", "--no-package-lock", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            pytest.skip(f"npm cannot install esbuild: {done.stderr.strip()[-200:]}")
    subprocess.run([node(), "build.mjs", str(tmp_path)], cwd=folder, check=True, timeout=60)
    for name in ("explorer.js", "explorer.css"):
        built = (tmp_path / name).read_text(encoding="utf-8").strip()
        assert built == bundled(name), f"bundle/{name} is not the build of page/src: run `make explorer`"
