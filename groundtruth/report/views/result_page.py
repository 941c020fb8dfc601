"""A result file as one HTML page: the file is read and checked as a whole, then reported like the run that wrote it."""

from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import quote

from pydantic import ValidationError

from groundtruth.errors import ArtifactError
from groundtruth.report.html import Page, html_page
from groundtruth.report.views.track_report import TRACK_REPORTS
from groundtruth.results.read_results import result_in
from groundtruth.results.result import Result


def result_page(data: Mapping[str, Any], *, explorer: str = "", written: Collection[str] | None = None) -> str:
    """Write the page.

    Args:
        data: Data as ``read_result_data`` gives them.
        explorer: Address of a folder of the explorer's pages, as the page is to have it; empty for none.
        written: Names of the models whose pages are there, where that is known; others are not linked.

    Raises:
        ArtifactError: If an entry that is read is missing or not what it should be.
    """
    try:
        result = result_in(data)
        versions = {str(name): str(version) for name, version in data["environment"]["versions"].items()}
        report = TRACK_REPORTS[result.tables.name]
        page = Page(
            heading=report.heading,
            sections=report.sections(result, place="page"),
            details=report.details(result, pages=_pages(result, explorer, written)),
            settings=result.settings,
            seconds=result.seconds,
            created=str(data["created"]),
            versions=versions,
            n_cells=len(result.outcomes),
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ArtifactError(f"the result is incomplete: {where}: {first['msg']}. Run the benchmark again.") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ArtifactError(f"the result is incomplete: {error}. Run the benchmark again.") from error
    return html_page(page)


def _pages(result: Result, explorer: str, written: Collection[str] | None) -> dict[str, str]:
    """The address of each compiled model's page."""
    if not explorer:
        return {}
    names = {cell.model: page_name(cell.model) for cell, _ in result.outcomes if not cell.task}
    return {
        model: f"{explorer.rstrip('/')}/{quote(name)}.html"
        for model, name in names.items()
        if written is None or name in written
    }


def explored_models(data: Mapping[str, Any]) -> list[str]:
    """Models whose wrong edges a page of a result lists, as its cells name them; none of the variable track."""
    cells = [cell["cell"] for cell in data["cells"] if data["track"] == "circuits"]
    return sorted({cell["model"] for cell in cells if not cell["task"]})


def page_name(model: str) -> str:
    """Name of a model's page without its suffix: of one in a folder, or in a file of one's own, the last part."""
    return model.rstrip("/").rpartition("/")[2].rpartition(":")[2]
