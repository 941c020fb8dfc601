"""Commands for a leaderboard without a server: leaderboard build, leaderboard check."""

import os
from pathlib import Path

from cyclopts import App

from groundtruth.cli.options import AsJson, CellTimeout, Jobs, Seed, print_json, require_writable

FAILED = 1

leaderboard = App(name="leaderboard", help="Make a leaderboard of result files, and check what others hand in.")


@leaderboard.command
def build(folder: Path, /, *, out: Path) -> None:
    """Make a static site of all results of bench and score in a folder, that works offline.

    One table a track: contestants, controls apart, scores tier by tier, the transfer score, costs, and the hash of each
    method's sources, with a link to the file where it lies beside its result. Nothing in the folder is executed. Who
    has no score on a place that others have is named and not ranked.

    Args:
        folder: Folder of bundles: result files, each with the file of its method beside it.
        out: Folder of the site.
    """
    from rich.text import Text

    from groundtruth.errors import ArtifactError
    from groundtruth.report.notation import plural
    from groundtruth.report.progress import working
    from groundtruth.report.terminal import echo, echo_written
    from groundtruth.report.views.scoreboard_page import write_site
    from groundtruth.scoreboard.bundle import read_bundle, result_files

    require_writable(out)
    if not folder.is_dir():
        raise ArtifactError(f"{folder} is no folder. Name one that holds result files of bench or score.")
    # A site that was built before may lie in the folder: its own files are no bundles.
    inside = out.resolve()
    files = [path for path in result_files(folder) if not path.resolve().is_relative_to(inside)]
    if not files:
        raise ArtifactError(f"{folder} holds no result file. `groundtruth bench --out {folder}` writes one.")
    with working(f"ranking {len(files)} results"):
        boards = write_site([read_bundle(path) for path in files], out)
    for name, board in boards.items():
        ranked = len(board.origins) - len(board.incomplete)
        methods, places = plural(ranked, "method"), plural(board.n_places, "place")
        echo(Text(f"{name}: {methods} ranked on {places}, {len(board.incomplete)} not ranked"))
    echo_written(out / "index.html", "open it in a browser")


@leaderboard.command
def check(
    bundle: Path,
    /,
    *,
    recompute: str = "5%",
    seed: Seed | None = None,
    jobs: Jobs = None,
    cell_timeout: CellTimeout = 600.0,
    json: AsJson = False,
) -> int:
    """Run a random share of a bundle's cells again and compare every score; exit code 1 if any differs.

    The means that the bundle states are held to its cells, too.

    This runs the method of the bundle, in processes of their own, after a look at the hash of its sources. It is no
    sandbox: check what comes from strangers on a machine that has nothing to lose.

    Args:
        bundle: A result file of bench or score, or a folder that holds one, with the file of its method beside it.
        recompute: Share of the cells, as 5% or 0.05; at least one is run.
        seed: Draws the cells; by default one that nobody can know beforehand. It is printed.
        jobs: Processes; by default one a CPU.
        cell_timeout: Seconds for each cell.
        json: Print JSON, for machines.
    """
    from groundtruth.executors import Processes
    from groundtruth.report.progress import tracked
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.recomputed_view import recomputed_data, recomputed_view
    from groundtruth.scoreboard.bundle import read_bundle
    from groundtruth.scoreboard.recompute_cells import draw_cells, other_grounds, recompute_cells
    from groundtruth.scoreboard.stated_summaries import false_summaries

    share = _share(recompute)
    read = read_bundle(bundle)
    draw = draw_cells(read, share, seed)
    again = recompute_cells(read, draw, Processes(jobs or os.cpu_count() or 1), timeout=cell_timeout)
    found = list(tracked("running again", again, total=len(draw.cells)))
    others, false = other_grounds(read), list(false_summaries(read))
    if json:
        print_json(recomputed_data(read, draw, found, others, false))
    else:
        echo(*recomputed_view(read, draw, found, others, false))
    return FAILED if false or any(one.differences for one in found) else 0


def _share(text: str) -> float:
    """Read a share: ``5%`` or ``0.05``.

    Raises:
        DomainError: If it is none above 0 and at most 1.
    """
    from groundtruth.errors import DomainError

    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise DomainError(f"--recompute {text}: write a share above 0, such as 5% or 0.05; 100% runs every cell again.")
    return share
