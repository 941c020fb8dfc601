"""A leaderboard as a static site: a page a track, with every bundle's sources beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from groundtruth.files import sha256, to_json, write_whole
from groundtruth.report import notation
from groundtruth.report.html import Page, html_page
from groundtruth.report.section import Grid
from groundtruth.report.views.track_report import TRACK_REPORTS
from groundtruth.scoreboard.board import Board, build_board
from groundtruth.scoreboard.bundle import Bundle
from groundtruth.user_methods import is_own_method
from groundtruth.user_sources import sources_beside
from mib.user_files import place_in_package

BUNDLES = "bundles"
"""Folder of the site with what was handed in."""


def write_site(bundles: Sequence[Bundle], folder: Path) -> dict[str, Board]:
    """Write the site: ``index.html`` for the first track, ``TRACK.html`` for others, the boards as JSON, the bundles.

    Args:
        bundles: Bundles that were handed in, of one or several tracks.
        folder: Made if it is not there.

    Raises:
        ArtifactError: If bundles cannot stand on one board.
    """
    tracks = dict.fromkeys(bundle.result.tables.name for bundle in bundles)
    boards = {name: build_board([one for one in bundles if one.result.tables.name == name]) for name in tracks}
    pages = {name: "index.html" if index == 0 else f"{name}.html" for index, name in enumerate(boards)}
    contents = {pages[name]: scoreboard_page(board, pages).encode() for name, board in boards.items()}
    contents |= {f"{name}.json": to_json(scoreboard_data(board)) for name, board in boards.items()}
    folder.mkdir(parents=True, exist_ok=True)
    for bundle in bundles:
        _copy_bundle(bundle, folder / _address(bundle).parent)
    for name, content in contents.items():
        write_whole(folder / name, content)
    return boards


def scoreboard_page(board: Board, pages: Mapping[str, str]) -> str:
    """Write the page of one board.

    Args:
        board: Board to show.
        pages: Names of the files of all tracks, by track.
    """
    result = board.result
    report = TRACK_REPORTS[result.tables.name]
    first = [_origin_grid(board), *_track_grids(pages)]
    sections = [replace(section, grids=(*first, *section.grids)) for section in report.sections(result, place="page")]
    newest = max((origin.bundle for origin in board.origins.values()), key=lambda bundle: bundle.created)
    return html_page(
        Page(
            heading=f"Leaderboard: {report.heading}",
            sections=sections,
            details=report.details(result),
            settings=result.settings,
            seconds=result.seconds,
            created=newest.created,
            versions=newest.versions,
            n_cells=len(result.outcomes),
        )
    )


def scoreboard_data(board: Board) -> dict[str, Any]:
    """Write a board as JSON has it: where each method comes from, and the summaries of those that are ranked."""
    return {
        "schema_version": 1,
        "track": board.result.tables.name,
        "n_places": board.n_places,
        "methods": {
            name: {
                "called": origin.name,
                "sha256": origin.sha256,
                "bundle": _address(origin.bundle).as_posix(),
                "control": board.result.is_control(name),
                "places_without_score": board.incomplete.get(name, 0),
            }
            for name, origin in board.origins.items()
        },
        "summaries": [asdict(one) for ablation in board.result.ablations for one in board.result.summaries(ablation)],
    }


def _origin_grid(board: Board) -> Grid:
    """Say of each method where it comes from, and of those that are not ranked why."""
    links: dict[str, str] = {}
    rows: list[tuple[str, ...]] = []
    for name, origin in board.origins.items():
        address = _address(origin.bundle)
        links[_label(origin.bundle)] = quote(address.as_posix())
        source, digest = origin.bundle.source(origin.name), origin.sha256[:16]
        if source is not None and digest:
            links[digest] = quote((address.parent / source.relative_to(place_in_package(source)[0])).as_posix())
        missing = board.incomplete.get(name, 0)
        kind = "control" if board.result.is_control(name) else "contestant"
        stands = f"no score on {missing} of {notation.plural(board.n_places, 'place')}: not ranked" if missing else kind
        built_in = f"built in, code {origin.bundle.code_sha256[:12]}"
        digest = digest or (notation.NONE if is_own_method(origin.name) else built_in)
        rows.append((notation.method_name(name), stands, digest, _label(origin.bundle), origin.bundle.created))
    headings = ("method", "stands as", "SHA-256 of its sources", "bundle", "written")
    return Grid(headings, tuple(rows), title="Where each comes from", place="page", links=links)


def _track_grids(pages: Mapping[str, str]) -> list[Grid]:
    rows = tuple((name, path) for name, path in pages.items())
    links = {path: path for path in pages.values()}
    return [Grid(("track", "page"), rows, title="Tracks", place="page", links=links)] if len(pages) > 1 else []


def _label(bundle: Bundle) -> str:
    return f"{bundle.path.parent.name}/{bundle.path.name}"


def _address(bundle: Bundle) -> Path:
    """Say where a bundle's result file is, below the site: in a folder of its content's hash, for names may repeat."""
    return Path(BUNDLES) / sha256(bundle.path.read_bytes())[:12] / bundle.path.name


def _copy_bundle(bundle: Bundle, folder: Path) -> None:
    """Copy the result file, and the files of its methods with what they import, so that the site can be checked."""
    contents = {bundle.path.name: bundle.path.read_bytes()}
    for name in bundle.result.methods:
        if (source := bundle.source(name)) is not None:
            contents |= sources_beside(source)
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_whole(folder / name, content)
