import re
import shutil
from pathlib import Path

import pytest

from groundtruth.errors import ArtifactError
from groundtruth.report.views.scoreboard_page import write_site
from groundtruth.scoreboard.board import build_board
from groundtruth.scoreboard.bundle import read_bundle, result_files
from groundtruth.user_sources import sources_sha256
from tests.groundtruth.scoreboard.bundles import change, write_bundle


@pytest.fixture(scope="module")
def handed_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two bundles on the same two models, and one on the first alone."""
    folder = tmp_path_factory.mktemp("handed-in")
    write_bundle(folder / "alice", "mine.py:mine", "random")
    write_bundle(folder / "base", "eap", "random", "oracle")
    write_bundle(folder / "small", "exact", models=("hist",))
    return folder


def test_who_has_no_score_on_a_place_of_the_board_is_named_and_not_ranked(handed_in: Path) -> None:
    board = build_board([read_bundle(path) for path in result_files(handed_in)])
    digest = sources_sha256([handed_in / "alice" / "mine.py", handed_in / "alice" / "weights.py"])
    mine = f"mine@{digest[:8]}"
    assert board.incomplete == {"exact": 1}
    assert board.n_places == 2
    standing = board.result.summaries("resample")
    assert [(one.method, one.is_control) for one in standing] == [
        ("eap", False), (mine, False), ("oracle", True), ("random", True),
    ]  # fmt: skip
    assert board.origins[mine].sha256 == digest
    assert len(board.result.outcomes) == 8


def test_a_site_links_the_sources_of_each_method_and_runs_none(handed_in: Path, tmp_path: Path) -> None:
    write_site([read_bundle(path) for path in result_files(handed_in)], tmp_path / "site")
    page = (tmp_path / "site" / "index.html").read_text()
    assert not list(handed_in.rglob("was-run")) and not list(tmp_path.rglob("was-run"))
    digest = sources_sha256([handed_in / "alice" / "mine.py", handed_in / "alice" / "weights.py"])
    (link,) = set(re.findall(rf'<a href="([^"]+)">{digest[:16]}</a>', page))
    copied = tmp_path / "site" / link
    assert sources_sha256([copied]) == digest
    assert read_bundle(copied.parent).methods_sha256 == {f"{handed_in}/alice/mine.py:mine": digest}
    assert "exact</th><td>no score on 1 of 2 places: not ranked</td>" in page
    assert "http://" not in page and "https://" not in page


def test_bundles_that_do_not_compare_are_refused(handed_in: Path, tmp_path: Path) -> None:
    first = read_bundle(handed_in / "base")
    shutil.copytree(handed_in / "alice", tmp_path / "other")
    path = tmp_path / "other" / "result.json"
    change(path, lambda data: data["models_sha256"].update(hist="0" * 64))
    with pytest.raises(ArtifactError, match=r"the model 'hist' of .*other/result.json is another than that of .*base"):
        build_board([first, read_bundle(path)])
    change(path, lambda data: data.update(code_sha256="0" * 64))
    with pytest.raises(ArtifactError, match=r"was scored by code \w{12}, .* by 000000000000: their numbers do not"):
        build_board([first, read_bundle(path)])


def test_a_folder_with_several_results_is_no_bundle(handed_in: Path) -> None:
    with pytest.raises(ArtifactError, match=r"should hold one result file .* and holds result.json, result.json, "):
        read_bundle(handed_in)
