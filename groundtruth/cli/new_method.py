"""The command that starts a project for a method of one's own."""

from pathlib import Path
from typing import Literal


def new_method(folder: Path, /, *, featurizer: bool = False, ci: Literal["github"] | None = None) -> None:
    """Start a project for a method of your own: a method that works, its tests, a README; nothing is overwritten.

    The method is a first version to be replaced. The tests run at once: `cd DIR && pytest`.

    Args:
        folder: Folder to write to; made if it is not there.
        featurizer: Start a featurizer, against exact variables, instead of a localization method.
        ci: Add a workflow for GitHub Actions that runs the tests and writes the table into the job's summary.
    """
    from rich.text import Text

    from groundtruth.report.terminal import echo
    from groundtruth.testing.new_project import FEATURIZER, LOCALIZER, write_project

    kind = FEATURIZER if featurizer else LOCALIZER
    written = write_project(folder, kind, ci=ci is not None)
    echo(*(Text(str(path)) for path in written))
    echo(Text.assemble(("next: ", "faint"), f"cd {folder} && pytest"))
