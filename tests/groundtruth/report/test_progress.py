"""One progress bar is drawn, whatever libraries a method or a model brings."""

import subprocess
import sys

RUN = """
from groundtruth.cli.main import main
try:
    main(["--version"])
except SystemExit:
    pass
from tqdm.auto import tqdm
from huggingface_hub.utils import tqdm as hub_tqdm
print(sum(tqdm(range(3))) + sum(hub_tqdm(range(3))))
"""


def test_bars_of_libraries_are_not_drawn_over_ours() -> None:
    run = subprocess.run([sys.executable, "-c", RUN], capture_output=True, text=True, check=True)
    assert run.stdout.endswith("6\n")
    assert run.stderr == ""
