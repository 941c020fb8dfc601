"""Size of every explorer page, and how long Chromium takes until a page stands.

    python benchmarks/explorer.py                   # sizes of all shipped models, and load times of some
    python benchmarks/explorer.py hist reverse      # of these

A page is loaded from the disk in a fresh tab, best of five; "ready" is when the model has been run and all is drawn.
Chromium and the package playwright are needed for the times.
"""

import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from groundtruth.explorer.page_file import model_page
from groundtruth.specs import find_model
from groundtruth.store.catalog import shipped, shipped_trained, shipped_variants

LIMIT = 250_000
"""Bytes that a page may have."""

TIMED = ("hist", "reverse", "sort", "hist@all", "odd_one_out@all", "second_step@free-0")
RUNS = 5


def main(names: Sequence[str]) -> None:
    """Write the pages into a folder that is gone afterwards, and print what was measured."""
    chosen = list(names) or [*shipped(), *shipped_variants(), *shipped_trained()]
    with tempfile.TemporaryDirectory() as folder:
        pages = {name: Path(folder) / f"{number}.html" for number, name in enumerate(chosen)}
        for name, path in pages.items():
            path.write_text(model_page(find_model(name), ["eap"]), encoding="utf-8")
        sizes = {name: path.stat().st_size for name, path in pages.items()}
        print_sizes(sizes)
        print_times({name: path for name, path in pages.items() if names or name in TIMED})


def print_sizes(sizes: dict[str, int]) -> None:
    """Print the spread of the sizes, and each page that is larger than it may be."""
    ordered = sorted(sizes.values())
    large = {name: size for name, size in sizes.items() if size > LIMIT}
    print(
        f"{len(sizes)} pages, {sum(ordered) / 1e6:.1f} MB: {ordered[0] / 1e3:.0f} to {ordered[-1] / 1e3:.0f} kB, "
        f"median {ordered[len(ordered) // 2] / 1e3:.0f} kB; over {LIMIT / 1e3:.0f} kB: {len(large)}"
    )
    for name, size in large.items():
        print(f"  {name}: {size / 1e3:.0f} kB")


def print_times(pages: dict[str, Path]) -> None:
    """Print how long each page takes to be ready, and to answer one cut."""
    from playwright.sync_api import sync_playwright

    executable = shutil.which("chromium") or shutil.which("google-chrome")
    if executable is None:
        sys.exit("Chromium is not installed: apt-get install chromium")
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        for name, path in pages.items():
            times = [_ready(browser, path) for _ in range(RUNS)]
            print(f"{name}: ready after {min(times):.0f} ms ({path.stat().st_size / 1e3:.0f} kB)")
        browser.close()


def _ready(browser, path: Path) -> float:  # pyright: ignore[reportMissingParameterType] - playwright is optional
    page = browser.new_page()
    page.goto(path.as_uri())
    page.wait_for_selector("body[data-ready]")
    # From the start of the navigation to now; the script marks the page as ready in its own first task.
    found = page.evaluate("performance.getEntriesByType('navigation')[0].domComplete")
    page.close()
    return float(found)


if __name__ == "__main__":
    main(sys.argv[1:])
