"""The command that makes a page of a result file."""

import os.path
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from groundtruth.cli.options import require_writable

PagePath = Annotated[Path | None, Parameter(name=("--out", "--html"))]


def report(result: Path, /, *, html: PagePath = None, explorer: str | None = None) -> None:
    """Make one HTML page of a result of bench or score: tables, figures, every model, wrong edges, true circuits.

    The page needs nothing else. Its tables sort by a click on a heading, and one field filters methods and models. Of
    the variable track: tables, figures, and the accuracy at every place. `groundtruth plot` draws the figures for a
    paper.

    Args:
        result: A .json file that `groundtruth bench` or `groundtruth score` wrote.
        html: File of the page; by default beside the result. --html is the same.
        explorer: A folder that `groundtruth explore --site` wrote, or its address on the web: each wrong edge is linked
            to its model's page there, with the edge cut on a pair of inputs where that changes the output.
    """
    from groundtruth.errors import ArtifactError, GroundTruthError
    from groundtruth.files import write_whole
    from groundtruth.report.progress import working
    from groundtruth.report.terminal import echo_written
    from groundtruth.report.views.result_page import explored_models, result_page
    from groundtruth.results.read_results import read_result_data

    if html is not None:
        require_writable(html.parent)
    data = read_result_data(result)
    path = html or result.with_suffix(".html")
    address, written = _find_explorer(explorer, path.parent) if explorer else ("", None)
    try:
        with working("drawing"):
            page = result_page(data, explorer=address, written=written)
    except GroundTruthError as error:
        raise ArtifactError(f"{result}: {error}") from error
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, page.encode())
    echo_written(path, f"{len(page) / 1024:,.0f} KiB; open it in a browser")
    if written is not None:
        _tell_unwritten(explored_models(data), written, str(explorer))


def _tell_unwritten(models: list[str], written: set[str], explorer: str) -> None:
    """Say which models have no page to link their wrong edges to."""
    from rich.text import Text

    from groundtruth.report.terminal import echo
    from groundtruth.report.views.result_page import page_name

    if missing := [model for model in models if page_name(model) not in written]:
        named = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        command = f"groundtruth explore {' '.join(models)} --site {explorer}"
        echo(Text(f"not linked: {named}, of which {explorer} has no page. To write all: {command}", "warn"))


def _find_explorer(explorer: str, folder: Path) -> tuple[str, set[str] | None]:
    """The explorer's folder as a page in another folder has it, and the models that have a page there, if it is here.

    Raises:
        DomainError: If it is neither such a folder nor an address on the web.
    """
    from groundtruth.errors import DomainError
    from groundtruth.explorer.site_files import INDEX

    if explorer.startswith(("https://", "http://")):
        return explorer, None
    if not (Path(explorer) / INDEX).is_file():
        raise DomainError(
            f"--explorer {explorer}: there is no {INDEX}. Write the pages first: groundtruth explore --site {explorer}"
        )
    # Relative to the page, so that both folders can be moved or served together.
    return Path(os.path.relpath(explorer, folder)).as_posix(), {page.stem for page in Path(explorer).glob("*.html")}
