"""The command that makes a page of a result file."""

from pathlib import Path


def report(result: Path, /, *, html: Path | None = None) -> None:
    """Make one HTML page of a result of bench or score: tables, every model, wrong edges, and the true circuits.

    Of the variable track: tables, and the accuracy at every place.

    Args:
        result: A .json file that `groundtruth bench` or `groundtruth score` wrote.
        html: Where to write the page; by default beside the result.
    """
    from rich.text import Text

    from groundtruth.errors import ArtifactError, GroundTruthError
    from groundtruth.files import write_whole
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.result_page import read_result, result_page

    data = read_result(result)
    path = html or result.with_suffix(".html")
    try:
        page = result_page(data)
    except GroundTruthError as error:
        raise ArtifactError(f"{result}: {error}") from error
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, page.encode())
    echo(Text(f"{path}  ({len(page) / 1024:,.0f} KiB; open it in a browser)"))
