"""The page of a result in a real browser, started once: sorted, filtered, on a phone."""

from pathlib import Path

import pytest

from groundtruth.bench.result_data import result_data
from groundtruth.report.views.result_page import result_page
from tests.groundtruth.explorer.node import open_page, start_chromium
from tests.groundtruth.report.test_result_figures import result

api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (it is in the dev extra)")

METHODS = "section > .wide:first-of-type tbody th"


def test_tables_sort_and_filter_and_the_page_fits_a_phone(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(result_page(result_data(result())))
    problems: list[str] = []
    with api.sync_playwright() as running:
        browser = start_chromium(running)
        page = open_page(browser, viewport={"width": 375, "height": 800})
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda asked: None if asked.url.startswith("file:") else problems.append(asked.url))
        page.goto(file.as_uri())
        width = page.evaluate("document.documentElement.scrollWidth")
        seen = {"at first": page.locator(METHODS).all_inner_texts()}
        heading = page.get_by_role("button", name="AUROC", exact=True).first
        for order in ("descending", "ascending", "none"):
            heading.press("Enter")
            seen[order] = page.locator(METHODS).all_inner_texts()
        sorts = page.locator("th[aria-sort]").count()
        page.get_by_role("searchbox").fill("EAP")
        filtered = page.locator(f"{METHODS}:visible").all_inner_texts()
        n_lines = page.locator(".chart polyline").count()
        browser.close()
    assert problems == []
    assert width == 375
    assert seen["at first"] == seen["none"] == ["ifr", "eap", "oracle (control)"] and sorts == 0
    assert seen["descending"] == ["oracle (control)", "ifr", "eap"]
    assert seen["ascending"] == ["eap", "ifr", "oracle (control)"]
    assert filtered == ["eap"]
    assert n_lines == 6  # two methods in three charts
