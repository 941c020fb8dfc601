"""Ctrl-C ends a sweep and keeps what is finished, also where a method swallows it."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE, wait_until

METHODS = """
import time

import mib

def chance(task):
    return mib.localization.get("random")(task)

calls = []

def slow_from_the_third(task):
    calls.append(task)
    time.sleep(1800 if len(calls) > 2 else 0)
    return chance(task)

def deaf_from_the_third(task):
    try:
        return slow_from_the_third(task)
    except:
        return {}
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals differ")
@pytest.mark.parametrize("method", ["slow_from_the_third", "deaf_from_the_third"])
def test_an_interruption_leaves_the_finished_cells(tmp_path: Path, method: str) -> None:
    (tmp_path / "m.py").write_text(METHODS)
    # What a shell starts in the background ignores Ctrl-C, and so do its children; this one is to hear it all the same.
    hears = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [sys.executable, "-c", f"{hears}; from groundtruth.cli import main; main()", "score", f"m.py:{method}"]
    command += ["--profile", "smoke", "--against", "oracle", "--jobs", "1"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    cells = tmp_path / "results" / "cells"
    wait_until(lambda: len(list(cells.glob("*.json"))) >= 4 or process.poll() is not None, "four cells")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE / 2)  # before the method that hears nothing would be done
    assert process.returncode == 130, err
    assert re.search(r"interrupted: \d+ of \d+ cells are kept; the same command runs the rest", err)
    assert "Traceback" not in err
    kept = [json.loads(path.read_text()) for path in cells.glob("*.json")]
    assert 4 <= len(kept) < 14
    assert not any("error" in cell["outcome"] for cell in kept)
