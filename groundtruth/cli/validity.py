"""The command that says what a verdict on known circuits is worth."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from groundtruth.cli.options import AsJson, print_json

if TYPE_CHECKING:
    from groundtruth.results.result import Result


def validity(
    results: list[Path] | None = None,
    /,
    *,
    track: str | None = None,
    score: str | None = None,
    out: Path | None = None,
    wide: bool = False,
    json: AsJson = False,
) -> None:
    """Say how far ranks on each tier predict ranks by published tables and on learned models.

    Kendall's tau with a bootstrap interval for every tier and reference, controls left out; and a transfer score, tiers
    weighted by some references and tested on another.

    Args:
        results: Files of `groundtruth bench --tiers` and the like, taken together; by default what ships, measured with
            all built-in methods. Learned models among them count as a reference.
        track: circuits or variables; by default circuits, with result files theirs.
        score: Column that ranks methods; by default the first one of the track.
        out: Write the same as Markdown to this file, too.
        wide: Keep every tier, however long the lines become.
        json: Print JSON.
    """
    from groundtruth.errors import ArtifactError
    from groundtruth.files import write_whole
    from groundtruth.report.progress import working
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.validity_view import validity_markdown, validity_view
    from groundtruth.results.read_results import read_results
    from groundtruth.results.track_tables import find_tables
    from groundtruth.validity.references import read_references
    from groundtruth.validity.tier_scores import read_tier_scores
    from groundtruth.validity.tiers_of_result import tier_scores
    from groundtruth.validity.validity_report import learned_references, validity_data, validity_report

    if results:
        result = read_results(results)
        _require_one_track(results, result, track)
        chosen, scores, learned = result.tables, tier_scores(result), learned_references(result)
        if not scores:
            raise ArtifactError(
                f"{', '.join(map(str, results))}: no method that is ranked has a score on a compiled or trained model. "
                "Name a result of groundtruth bench on some; learned models beside them count as a reference."
            )
    else:
        chosen, learned = find_tables(track or "circuits"), []
        # Ranks of all built-in methods take long to measure: what ships is what this version measured.
        scores = read_tier_scores(chosen.name)
        if not scores:
            raise ArtifactError(f"no scores of {chosen.name} ship: give result files of groundtruth bench.")
    with working("comparing ranks"):
        report = validity_report(chosen, scores, [*read_references(chosen.name), *learned], score)
    if out is not None:
        write_whole(out, validity_markdown(report).encode())
    if json:
        print_json(validity_data(report))
    else:
        echo(validity_view(report, wide=wide))


def _require_one_track(paths: Sequence[Path], result: "Result", track: str | None) -> None:
    """Refuse result files of another track than is asked for, or than the others are of.

    Raises:
        DomainError: If one is, or there is no such track.
    """
    from groundtruth.errors import DomainError
    from groundtruth.results.read_results import read_results
    from groundtruth.results.track_tables import find_tables

    wanted = result.tables.name if track is None else find_tables(track).name
    if all(cell.setting.track == wanted for cell, _ in result.outcomes):
        return
    path, other = next((path, own) for path in paths if (own := read_results([path]).tables.name) != wanted)
    if track is not None:
        raise DomainError(
            f"--track {track}: {path} is a result of the track {other}. Leave --track out, or name other results."
        )
    raise DomainError(f"{path} is a result of the track {other}, the first one of {wanted}. Name results of one track.")
