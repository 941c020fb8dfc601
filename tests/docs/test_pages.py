"""The pages of the documentation: their Python runs and its assertions hold; the site names every page once."""

import re
import sys
from pathlib import Path

import pytest

from groundtruth.testing.expected_failures import read_known

DOCS = Path(__file__).parents[2] / "docs"
TAUGHT_CI = DOCS / "quick-start" / "test-in-ci.md"
TAUGHT = sorted([*(DOCS / "quick-start").glob("*.md"), *(DOCS / "lessons").glob("*.md")])


@pytest.mark.parametrize("path", TAUGHT, ids=lambda path: path.stem)
def test_the_python_of_a_page_runs_from_top_to_bottom(path: Path) -> None:
    known: dict[str, object] = {"__name__": path.stem}
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", path.read_text(), re.S)):
        exec(compile(block, f"{path.name}, block {number}", "exec"), known)


@pytest.mark.parametrize(
    "path", [DOCS / "in-your-ci.md", DOCS / "quick-start" / "test-in-ci.md"], ids=lambda path: path.stem
)
def test_a_file_of_known_failures_on_a_page_is_one(path: Path, tmp_path: Path) -> None:
    (written,) = re.findall(r"```toml\n(.*?)```", path.read_text(), re.S)
    (tmp_path / "known.toml").write_text(written)
    known = read_known(tmp_path / "known.toml")
    assert set(known) == {"my_method"} and known["my_method"].fails


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(DOCS / "site"))
    import build_site

    yield build_site
    sys.modules.pop("build_site", None)


def test_the_navigation_names_pages_that_exist_and_every_page_once(site, tmp_path: Path) -> None:
    site.stage_pages(tmp_path, execute=False)
    generated = {f"reference/{name}.md" for name in ("commands", "groundtruth", "mib")}
    for name in generated:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    named = re.findall(r'"([^"]+\.md)"', site.navigation(tmp_path))
    assert len(named) == len(set(named))
    assert set(named) == {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.md")}
    assert not (tmp_path / "site").exists()


def test_links_that_lead_nowhere_are_found_and_files_outside_are_no_links(site, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<h1 id="top"></h1><a href="b.html#here"></a><a href="#top"></a><a href="c.html">')
    (tmp_path / "b.html").write_text('<p id="there"><a href="https://example.org"></a><script src="x/y.js"></script>')
    assert sorted(site.dead_links(tmp_path)) == ["a.html: b.html#here", "a.html: c.html", "b.html: x/y.js"]


def test_a_page_that_would_load_something_from_the_network_is_refused(site, tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "in").mkdir()
    page = tmp_path / "in" / "a.html"
    page.write_text(f'<script src="{site.SHIM}"></script><a href="https://example.org">kept</a>')
    site.keep_offline(tmp_path)
    assert 'src="../assets/file-worker.js"' in page.read_text()
    page.write_text('<img src="https://example.org/a.png">')
    with pytest.raises(SystemExit, match=r"in/a.html would load https://example.org/a.png"):
        site.keep_offline(tmp_path)
