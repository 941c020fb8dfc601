import json
import shutil
from pathlib import Path

import pytest

from groundtruth.cli import main
from groundtruth.errors import ArtifactError
from groundtruth.report.views.scoreboard_page import write_site
from groundtruth.scoreboard.bundle import read_bundle
from groundtruth.scoreboard.recompute_cells import draw_cells, other_grounds, recompute_cells
from groundtruth.scoreboard.stated_summaries import false_summaries
from tests.groundtruth.bench.cell_makers import forget_package
from tests.groundtruth.scoreboard.bundles import METHOD, Here, change, write_bundle


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written") / "bundle"
    write_bundle(folder, "mine.py:mine", "eap")
    return folder


@pytest.fixture
def bundle(written: Path, tmp_path: Path) -> Path:
    """A copy in another place, as whoever checks it has it."""
    return shutil.copytree(written, tmp_path / "bundle")


def differences(bundle: Path) -> dict[str, tuple[str, ...]]:
    read = read_bundle(bundle)
    found = recompute_cells(read, draw_cells(read, 1.0, 0), Here())
    return {f"{Path(one.cell.method).name} {one.cell.model}": one.differences for one in found}


def test_a_bundle_is_what_its_cells_give_again(bundle: Path) -> None:
    assert differences(bundle) == {
        "mine.py:mine hist": (), "eap hist": (), "mine.py:mine copy_first": (), "eap copy_first": (),
    }  # fmt: skip
    assert other_grounds(read_bundle(bundle)) == []
    assert list(false_summaries(read_bundle(bundle))) == []


def test_a_mean_that_is_not_that_of_the_cells_is_told(bundle: Path) -> None:
    (path,) = bundle.glob("*.json")
    data = json.loads(path.read_text())
    (eap,) = (one for one in data["summaries"] if one["method"] == "eap")
    true = eap["columns"]["auroc"]["mean"]
    eap["columns"]["auroc"]["mean"] = 0.125
    data["summaries"].append({**eap, "method": "nobody"})
    path.write_text(json.dumps(data))
    assert list(false_summaries(read_bundle(bundle))) == [
        f"summary of eap: auroc 0.125 there, {true:.6g} by its cells",
        "summary of nobody: none of its cells is scored",
    ]


def test_a_method_that_was_named_by_its_module_is_run_from_the_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "there"
    (folder / "lab").mkdir(parents=True)
    (folder / "lab" / "__init__.py").write_text("WEIGHT = 0.5\n")
    (folder / "lab" / "methods.py").write_text(METHOD.replace("from weights", "from lab"))
    monkeypatch.chdir(folder)
    write_bundle(folder / "bundle", "lab.methods:mine", models=("hist",))
    shutil.move(folder / "lab", folder / "bundle" / "lab")
    monkeypatch.chdir(tmp_path)
    forget_package("lab")
    assert differences(folder / "bundle") == {"lab.methods:mine hist": ()}
    forget_package("lab")
    (folder / "bundle" / "lab" / "__init__.py").write_text("WEIGHT = 0.25\n")
    (told,) = differences(folder / "bundle").values()
    assert "the sources of the method (" in told[0]
    write_site([read_bundle(folder / "bundle")], tmp_path / "site")
    (copied,) = (tmp_path / "site").rglob("lab/methods.py")
    assert f'href="{copied.relative_to(tmp_path / "site").as_posix()}"' in (tmp_path / "site/index.html").read_text()
    forget_package("lab")


def test_sources_other_than_those_that_were_scored_are_told(bundle: Path) -> None:
    (bundle / "weights.py").write_text("WEIGHT = 0.25\n")
    found = differences(bundle)
    assert "the sources of the method (" in found["mine.py:mine hist"][0]
    assert found["eap hist"] == ()


def test_the_command_names_what_was_changed_and_fails(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def improve(data) -> None:
        cell = next(one for one in data["cells"] if one["cell"]["model"] == "hist" and ".py" in one["cell"]["method"])
        cell["cmd"] -= 0.25
        data["environment"]["versions"]["torch"] = "0.1"

    change(bundle / "result.json", improve)
    with pytest.raises(SystemExit) as ended:
        main(["leaderboard", "check", str(bundle), "--recompute", "100%", "--jobs", "1", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert ended.value.code == 1
    assert told["run_again"] == told["cells"] == 4
    (differing,) = told["differing"]
    assert differing["cell"].endswith("mine.py:mine on hist, resample")
    assert [line.split()[0] for line in differing["differences"]] == ["cmd"]
    assert any(line.startswith("torch 0.1 there, ") for line in told["scored_otherwise"])


def test_the_draw_is_nobodys_choice_and_can_be_repeated(written: Path) -> None:
    read = read_bundle(written)
    assert len(draw_cells(read, 0.05).cells) == 1
    assert len({draw_cells(read, 0.05).seed for _ in range(4)}) > 1
    assert draw_cells(read, 0.5, 3) == draw_cells(read, 0.5, 3)
    assert len(draw_cells(read, 0.51, 3).cells) == 3


def test_a_bundle_without_scores_cannot_be_checked(bundle: Path) -> None:
    change(bundle / "result.json", lambda data: data.update(cells=[]))
    with pytest.raises(ArtifactError, match="has no cell with a score: nothing to run again"):
        draw_cells(read_bundle(bundle), 0.05)


@pytest.mark.parametrize("share", ["0", "101%", "five"])
def test_a_share_that_is_none_is_told(share: str, written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["leaderboard", "check", str(written), "--recompute", share])
    assert ended.value.code == 2
    assert f"--recompute {share}: write a share above 0, such as 5% or 0.05" in capsys.readouterr().err
