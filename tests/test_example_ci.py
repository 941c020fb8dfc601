"""examples/ci: what its workflow runs passes in a fresh directory, and the page shows the workflow as it is."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "ci"
WORKFLOW = EXAMPLE / ".github" / "workflows" / "ground-truth.yml"
PAGE = ROOT / "docs" / "in-your-ci.md"


@pytest.mark.slow
def test_what_the_workflow_runs_passes(tmp_path):
    (job,) = yaml.safe_load(WORKFLOW.read_text())["jobs"].values()
    run = job["steps"][-1]["run"]
    shutil.copytree(EXAMPLE, tmp_path / "project")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, **job["env"], "PATH": path}
    done = subprocess.run(run.split(), cwd=tmp_path / "project", env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "11 passed, 3 xfailed" in done.stdout


def test_nothing_is_left_to_fill_in():
    workflow, page = WORKFLOW.read_text(), PAGE.read_text()
    assert "OWNER" not in workflow + page
    assert workflow in page
    assert (EXAMPLE / "known.toml").read_text() in page
