"""Build the documentation site: pages, executed notebooks, ``--help`` of each command, docstrings, explorers.

``python docs/site/build_site.py`` writes ``build/docs/site``, which opens from the file system too, and fails if a link
leads nowhere. ``--quick`` leaves the notebooks' outputs out and makes fewer explorers.
"""

import argparse
import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
BUILD = ROOT / "build" / "docs"

STORIES = ("dormant-pathway", "dead-copy", "variance", "error-channel", "no-op-pairs", "best-of-test")
"""Pitfalls that are told even by ``--quick``: those that train nothing."""

EXPLORERS = ("reverse", "hist", "contains_x_by_vote", "sort", "second_step@free-0")
"""Models whose explorers are part of the site; lessons use the first three."""

SHIM = "https://unpkg.com/iframe-worker/shim"
"""What Zensical's pages fetch where they are opened from the file system."""

SECTIONS: dict[str, Sequence[str]] = {
    "Quick start": ("quick-start/score-a-method", "quick-start/test-in-ci", "quick-start/show-a-circuit"),
    "Lessons": ("lessons/circuits", "lessons/ablations", "lessons/variables"),
    "What is true": (
        "exact-circuits", "compiling", "variables", "tiers", "trained-models", "own-circuits", "interpbench",
        "validity", "stability", "test-circuit",
    ),
    "Methods": (
        "localization-methods", "cost-of-localization", "memory", "pitfalls", "properties", "mutations",
        "write-a-method", "find-a-variable",
    ),
    "Your work": ("in-your-ci", "real-models", "own-models", "tasks", "learned-model", "reproducing-mib", "explorer"),
    "Reference": ("reference/commands", "reference/groundtruth", "reference/mib"),
}  # fmt: skip
"""The navigation; pages that no section names stand under the last but one."""

API = {
    "groundtruth": (
        "groundtruth.compile", "groundtruth.load", "groundtruth.localization_task", "groundtruth.score",
        "groundtruth.featurization_task", "groundtruth.score_featurizer", "groundtruth.train", "groundtruth.verify",
        "groundtruth.model.CompiledModel", "groundtruth.truth.circuits.circuit.Circuit",
        "groundtruth.results.result.Result",
    ),
    "mib": (
        "mib.graph", "mib.localization.task.LocalizationTask", "mib.engine.Engine",
        "mib.featurization.FeaturizationTask", "mib.load_model",
    ),
}  # fmt: skip
"""What the reference of Python shows, generated from docstrings."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Build the site, and leave with an error if a link in it leads nowhere."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="fewer explorers, notebooks without outputs")
    quick = parser.parse_args(arguments).quick
    shutil.rmtree(BUILD, ignore_errors=True)
    pages = BUILD / "pages"
    stage_pages(pages, execute=not quick)
    write_references(pages / "reference")
    write_explorers(pages / "explorers", EXPLORERS[:3] if quick else EXPLORERS)
    write_pitfalls(pages / "explorers" / "pitfalls", STORIES if quick else None)
    settings = (DOCS / "site" / "zensical.toml").read_text()
    settings = settings.replace('paths = ["."]', f"paths = [{json.dumps(str(ROOT))}]")
    (BUILD / "zensical.toml").write_text(settings.replace("[project]\n", f"[project]\nnav = {navigation(pages)}\n", 1))
    done = subprocess.run([Path(sys.executable).with_name("zensical"), "build", "--strict"], cwd=BUILD, check=False)
    if done.returncode:
        sys.exit("zensical could not build the site; see above.")
    keep_offline(BUILD / "site")
    if dead := list(dead_links(BUILD / "site")):
        sys.exit("Links that lead nowhere:\n" + "\n".join(dead))
    print(f"{BUILD / 'site' / 'index.html'}: {len(list((BUILD / 'site').rglob('*.html')))} pages, no dead link")


def stage_pages(pages: Path, *, execute: bool) -> None:
    """Copy the pages, with notebooks as pages; links to files outside the documentation become plain text."""
    for path in sorted(DOCS.rglob("*")):
        target = pages / path.relative_to(DOCS)
        if path.is_dir() or "site" in path.relative_to(DOCS).parts:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".md":
            target.write_text(_within_site(path))
        elif path.suffix == ".ipynb":
            target.with_suffix(".md").write_text(_notebook_page(path, execute=execute))
        else:
            shutil.copyfile(path, target)


def _within_site(path: Path) -> str:
    """The text of a page, whose links lead to pages of the site only."""

    def link(found: re.Match[str]) -> str:
        words, address = found.group(1), found.group(2)
        if address.startswith(("http", "#", "mailto:")) or "explorers/" in address:
            return found.group(0)
        if not (path.parent / address.partition("#")[0]).resolve().is_relative_to(DOCS):
            return words  # a file of the repository that is no page
        return f"[{words}]({address.replace('.ipynb', '.md')})"

    return re.sub(r"\[([^\]]*)\]\(([^)\s]+)\)", link, path.read_text())


def _notebook_page(path: Path, *, execute: bool) -> str:
    """A notebook as Markdown: text, code, and what the code printed when it was run just now."""
    import nbclient
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    if execute:
        nbclient.NotebookClient(notebook, timeout=None, resources={"metadata": {"path": ROOT}}).execute()
    parts: list[str] = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
        elif cell.cell_type == "code":
            parts.append(f"```python\n{cell.source}\n```")
            parts += [f"```text\n{text.rstrip()}\n```" for text in map(_printed, cell.outputs) if text.strip()]
    return "\n\n".join(parts) + "\n"


def _printed(output: Any) -> str:
    text = output.get("text") or output.get("data", {}).get("text/plain", "")
    return re.sub(r"\x1b\[[0-9;]*m", "", "".join(text))


def write_references(folder: Path) -> None:
    """Write ``--help`` of every command, and for each package a page of docstrings."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "commands.md").write_text("\n\n".join(["# Commands", *_commands()]) + "\n")
    for package, names in API.items():
        directives = "\n\n".join(f"::: {name}" for name in names)
        (folder / f"{package}.md").write_text(f"# The package `{package}`\n\n{directives}\n")


def _commands() -> Iterator[str]:
    from groundtruth.cli.main import app

    os.environ |= {"COLUMNS": "100", "NO_COLOR": "1"}
    for name in sorted(name for name in app if not name.startswith("-")):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
            app([name, "--help"])
        text = "\n".join(line.rstrip() for line in printed.getvalue().strip().splitlines())
        yield f"## groundtruth {name}\n\n```text\n{text}\n```"


def write_explorers(folder: Path, names: Sequence[str]) -> None:
    """Write the explorers of some models, and their index."""
    from groundtruth.explorer.site_files import write_site

    write_site(folder, names, ["eap", "eap-ig-inputs"])


def write_pitfalls(folder: Path, chosen: Sequence[str] | None) -> None:
    """Write the stories of some pitfalls, or of all, and their index."""
    from groundtruth.explorer.story_files import write_stories
    from groundtruth.pitfalls import get, names

    write_stories(folder, [get(name).run() for name in chosen or names()])


def navigation(pages: Path) -> str:
    """Give the navigation as TOML has it: every page once, in sections."""
    titled = {section: [f"{name}.md" for name in names] for section, names in SECTIONS.items()}
    known = {name for names in titled.values() for name in names} | {"index.md"}
    others = sorted(str(path.relative_to(pages)) for path in pages.rglob("*.md"))
    titled["Your work"] += [name for name in others if name not in known]
    entries = ['"index.md"', *(f"{{{json.dumps(section)} = {json.dumps(names)}}}" for section, names in titled.items())]
    return f"[{', '.join(entries)}]"


def keep_offline(site: Path) -> None:
    """Put a script of our own in the place of the one that pages would fetch to search without a server.

    Raises:
        SystemExit: If a page would still load anything from elsewhere.
    """
    shutil.copyfile(DOCS / "site" / "file-worker.js", site / "assets" / "file-worker.js")
    for path in site.rglob("*.html"):
        depth = len(path.relative_to(site).parts) - 1
        text = path.read_text().replace(SHIM, "../" * depth + "assets/file-worker.js")
        path.write_text(text)
        if loaded := re.search(r"<(?:script|img|link|iframe)\b[^>]*\b(?:src|href)=[\"']?(https?:[^\"'\s>]+)", text):
            sys.exit(f"{path.relative_to(site)} would load {loaded.group(1)}. The site must work without a network.")


class _Page(HTMLParser):
    """The addresses that a page refers to, and the anchors that it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = {""}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.anchors |= {value for key in ("id", "name") if (value := found.get(key))}
        self.links += [value for key in ("href", "src") if (value := found.get(key))]


def dead_links(site: Path) -> Iterator[str]:
    """List the links between files of a folder that lead to no file, or to no anchor of one; explorers are left out."""
    paths = [path for path in site.rglob("*.html") if path.name != "404.html" and "explorers" not in path.parts]
    read = {path.resolve(): _Page(path.read_text()) for path in paths}
    for path, page in read.items():
        for link in page.links:
            address = urlsplit(link)
            if address.scheme or address.netloc or link.startswith("data:"):
                continue
            target = (path.parent / unquote(address.path)).resolve() if address.path else path
            if not target.exists() or (target in read and unquote(address.fragment) not in read[target].anchors):
                yield f"{path.relative_to(site)}: {link}"


if __name__ == "__main__":
    main()
