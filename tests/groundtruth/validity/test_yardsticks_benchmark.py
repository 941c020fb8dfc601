"""The benchmark of yardsticks refuses what it would otherwise ignore."""

import subprocess
import sys
from pathlib import Path

from tests.patience import PATIENCE

ROOT = Path(__file__).parents[3]


def test_an_unknown_method_is_refused_with_the_known_ones() -> None:
    command = [sys.executable, "benchmarks/yardsticks.py", "--without", "eap,nope"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert run.returncode == 2 and run.stdout == ""
    assert "error: --without: no method 'nope'. Choose from " in run.stderr and "eap-ig-inputs, " in run.stderr
