"""What ``groundtruth bench --ladder`` does with the outcomes of the ladder's cells."""

from pathlib import Path
from typing import TYPE_CHECKING

from groundtruth.cli.running import show

if TYPE_CHECKING:
    from groundtruth.bench import Result


def ladder_names(models: list[str] | None, level: str) -> list[str]:
    """The models of the ladder, rung by rung.

    Raises:
        DomainError: For a level without an AUROC, or a model that is a twin already.
    """
    from groundtruth.bench.ladder import ladder_models
    from groundtruth.errors import DomainError

    if level == "neuron":
        raise DomainError("--ladder compares AUROC against true edges or nodes; use --level edge or node.")
    return ladder_models(models)


def report_ladder(result: "Result", out: Path, name: str, json: bool) -> int:
    """Write the result files with the ladder in them, print the table or JSON, and say whether a method failed."""
    from groundtruth.artifacts.writing import to_json
    from groundtruth.bench.ladder import ladder_data
    from groundtruth.bench.results import as_data
    from groundtruth.report.ladder import as_markdown, ladder_report
    from groundtruth.report.tables import ending
    from groundtruth.report.writing import as_csv, write_contents

    data = {**as_data(result), "ladder": ladder_data(result)}
    contents = {"json": to_json(data), "csv": as_csv(result).encode(), "md": as_markdown(result).encode()}
    paths = write_contents(contents, out, name)
    return show(result, json=json, data=lambda: data, view=lambda: (ladder_report(result), ending(result, paths)))
