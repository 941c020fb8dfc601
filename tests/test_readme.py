"""The README's Python runs as it stands, and its commands exist."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

README = (Path(__file__).parent.parent / "README.md").read_text()


def test_python_blocks_run(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README, re.S)
    assert len(blocks) == 2
    for number, block in enumerate(blocks):
        path = tmp_path / f"block_{number}.py"
        path.write_text(block)
        runpy.run_path(str(path), run_name="__main__")


def test_commands_and_files_exist() -> None:
    command = Path(sys.executable).with_name("groundtruth")
    helped = subprocess.run([command, "--help"], capture_output=True, text=True).stdout
    commands = set(re.findall(r"`groundtruth (\w+)", README))
    assert len(commands) >= 9
    assert {name for name in commands if name not in helped} == set()
    root = Path(__file__).parent.parent
    linked = re.findall(r"\]\((docs/[^)]+)\)", README)
    assert linked and all((root / name).exists() for name in linked)


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (Path(__file__).parent.parent / "Makefile").read_text(), re.M))
    assert set(re.findall(r"`?make ([a-z-]+)", README)) <= targets
