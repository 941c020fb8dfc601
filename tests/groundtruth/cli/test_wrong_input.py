"""Wrong input ends with exit code 2 and one line that says what is wrong and what to do; nothing is written."""

import json
from pathlib import Path

import pytest

from groundtruth.bench.result_data import result_data
from groundtruth.cli import main
from groundtruth.files import to_json
from groundtruth.results.cell import Cell, Skipped
from groundtruth.results.cell_settings import Sizes, VariableSetting
from groundtruth.results.result import Result
from tests.groundtruth.bench.cell_makers import circuit_cell

NOTHING = "names nothing. Write names, separated by commas, or leave it out."


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The error of a command, without ``error: ``."""
    with pytest.raises(SystemExit) as left:
        main(list(arguments))
    assert left.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ") and printed.err.count("\n") == 1
    return printed.err.removeprefix("error: ").rstrip("\n")


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (["verify", ""], f"'' {NOTHING}"),
        (["pitfalls", ","], f"',' {NOTHING}"),
        (["score", "eap", "--models", ""], f"--models '' {NOTHING}"),
        (["score", "eap", "--models", "hist", "--ablation", ","], f"--ablation ',' {NOTHING}"),
        (["bench", "--track", "variables", "--methods", ""], f"--methods '' {NOTHING}"),
        (["show", ""], "unknown model ''. `groundtruth models` lists all 104; a folder with a stored model works too."),
        (
            ["why", "eap", "learned"],
            "'learned' is a language model, whose circuit nobody knows; name a compiled or a trained model here. "
            "`groundtruth bench --models learned` and `groundtruth realism learned` take it.",
        ),
        (
            ["realism", "learned-lama-2"],
            "unknown model 'learned-lama-2'. Did you mean: learned-llama-2, learned-llama-3, learned-llama-1? "
            "`groundtruth models` lists all 104; a folder with a stored model works too.",
        ),
        (
            ["bench", "--tiers", "--models", "hist", "--columns", "gap"],
            "--columns chooses scores, and the columns of --tiers are tiers; --wide shows all of them.",
        ),
        (
            ["realism", "reverse", "--task", "mcqa"],
            "--task mcqa is for language models, and there is none among reverse. Leave it out, or name one, such as "
            "learned.",
        ),
        (
            ["test-circuit", "truth", "--model", "hist", "--top", "3"],
            "--top 3 is for a ranking, and 'truth' is a circuit already. Leave it out.",
        ),
        (
            ["explore", "circuit.json", "--models", "learned", "--method", "eap"],
            "--method eap is for the page of a compiled model, and --models learned is none. Leave it out.",
        ),
        (
            ["explore", "hist", "--export", "neuronpedia", "--method", "eap"],
            "--method eap is for the page of a compiled model, and --export neuronpedia is none. Leave it out.",
        ),
        (
            ["submit", "pca", "--models", "gpt2", "--tasks", "ioi", "--out", "o", "--track", "featurizers"]
            + ["--level", "node"],
            "--level is for --track circuits; a featurizer finds features at layers and heads.",
        ),
        (["tasks", "--out", "records"], "--out is for one task: name it, such as `groundtruth tasks ioi`."),
        (["tasks", "--data", "hub"], "--data is for one task: name it, such as `groundtruth tasks ioi`."),
        (
            ["score", "eap", "--jobs", "0"],
            'Invalid value "0" for --jobs. Must be >= 1. See `groundtruth score --help`.',
        ),
        (["verify", "--jobs", "0"], 'Invalid value "0" for --jobs. Must be >= 1. See `groundtruth verify --help`.'),
        (["bench", "--seed=-1"], 'Invalid value "-1" for --seed. Must be >= 0. See `groundtruth bench --help`.'),
        (["pitfalls", "--seed=-1"], 'Invalid value "-1" for --seed. Must be >= 0. See `groundtruth pitfalls --help`.'),
        (
            ["score", "eap", "--fail-under", "auroc=nan"],
            "--fail-under: 'auroc=nan' is no threshold; write auroc=NUMBER, such as auroc=0.9.",
        ),
        (
            ["score", "eap", "--models", "hist", "--device", "gpu"],
            "device='gpu' is not available here: there is none of that name. Use cpu, or auto.",
        ),
        (
            ["train", "hist", "--layers", "9"],
            'Invalid value "9" for --layers. Must be <= 4. See `groundtruth train --help`.',
        ),
        (["train", "gen:zzz"], "'zzz' is no code of a generated program of this version; such codes begin with 1."),
        (
            ["train", "first_is_last", "--vocab", "a,?"],
            "vocab holds '?', which the program does not take: vocabulary a b c · lengths 1-5.",
        ),
        (
            ["score", "eap", "--executor", "slurm"],
            "unknown executor 'slurm'. Choose from serial (this process, for debugging), processes (processes of this "
            "machine), ray (a Ray cluster, by default one that is started on this machine), submitit (jobs of Slurm).",
        ),
        (
            ["score", "eap", "--models", "hist", "--tier", "sotf"],
            "unknown tier 'sotf'. Did you mean: soft? Choose from raw, rotated, soft, distractors, redundancy, "
            "cancelling, votes, all, mixture, layernorm, trained, superposed.",
        ),
        (
            ["score", "eap", "--models", "hist", "--tier", "soft"],
            "--tier soft chooses among the models that ship, and --models names others. Give one of them, or name "
            "models of the tier: `groundtruth models --tier soft` lists them.",
        ),
        (
            ["why", "das", "reverse"],
            "'das' is a featurizer: it finds variables. Name a variable and a place too, such as "
            "reverse:opposite@residual.2.post.",
        ),
        (
            ["why", "eap", "reverse:opposite@residual.2.post"],
            "'eap' is a localization method: it ranks edges. Name a model alone: reverse.",
        ),
        (["report", "."], "cannot read .: Is a directory. Name a .json file that groundtruth bench or score wrote."),
    ],
    ids=" ".join,
)
def test_one_line_says_what_is_wrong(capsys: pytest.CaptureFixture[str], command: list[str], error: str) -> None:
    assert told(capsys, *command) == error


@pytest.mark.parametrize(
    "arguments", ["--models learned-gpt2-1 --task greater-than --methods eap", "--models hist --methods random"]
)
def test_what_a_verdict_is_worth_is_not_told_of_a_result_in_which_no_method_is_ranked(capsys, tmp_path, arguments):
    with pytest.raises(SystemExit) as left:
        main(["bench", *arguments.split(), "--profile", "smoke", "--jobs", "1", "--out", str(tmp_path), "--json"])
    assert left.value.code in (None, 0)
    capsys.readouterr()
    (file,) = tmp_path.glob("*.json")
    error = told(capsys, "validity", str(file))
    assert error.startswith(
        f"{file}: no method that is ranked has a score on a compiled or trained model. Name a result"
    )


def test_results_of_another_track_than_the_one_asked_for_are_refused_by_file(capsys, tmp_path) -> None:
    skipped = Skipped("no", "model")
    variable = Cell("pca", "hist", VariableSetting("hist", "residual.1.post", Sizes(8, 8, 8)))
    for name, cell in (("edges", circuit_cell("exact", "hist")), ("spans", variable)):
        written = result_data(Result(((cell, skipped),), {"seed": 0}, 2.0))
        (tmp_path / f"{name}.json").write_bytes(to_json(written))
    edges, spans = tmp_path / "edges.json", tmp_path / "spans.json"
    assert told(capsys, "validity", str(edges), "--track", "variables") == (
        f"--track variables: {edges} is a result of the track circuits. Leave --track out, or name other results."
    )
    assert told(capsys, "validity", str(edges), str(spans)) == (
        f"{spans} is a result of the track variables, the first one of circuits. Name results of one track."
    )
    # The track that it is of may be said: then it is refused only as no method in it has a score.
    assert "no method that is ranked" in told(capsys, "validity", str(edges), "--track", "circuits")


def test_a_variant_that_does_not_ship_is_refused_with_the_lists_of_those_that_do(capsys):
    error = told(capsys, "verify", "hist@repair")
    assert error.startswith("unknown model 'hist@repair'. Did you mean: ")
    listed = 0
    for options in (["--variants"], ["--tier", "trained"], ["--tier", "layernorm"]):
        assert " ".join(options) in error
        with pytest.raises(SystemExit):
            main(["models", *options, "--json"])
        listed += len(json.loads(capsys.readouterr().out))
    assert f" {listed} models with '@' ship" in error
    assert "other variants are made by `groundtruth show` or `bench`" in error


@pytest.mark.parametrize("command", [["explore", "hist"], ["report", "r.json"], ["plot", "r.json"]], ids=" ".join)
def test_a_page_below_a_file_is_refused_by_its_option(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, command: list[str]
) -> None:
    file = tmp_path / "taken"
    file.touch()
    error = told(capsys, *command, "--out", f"{file}/page.svg")
    assert error == f"--out {file}: {file} is a file. Name a folder that can be made or written to."


@pytest.mark.parametrize("below", ["", "/results"])
@pytest.mark.parametrize(
    "command",
    [
        ["bench"],
        ["score", "eap"],
        ["score", "das", "--track", "variables"],
        ["compile", "hist"],
    ],
    ids=" ".join,
)
def test_a_file_is_no_folder_for_results_which_is_said_before_anything_is_run(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    command: list[str],
    below: str,
) -> None:
    monkeypatch.setattr("groundtruth.bench.run_cells", None)
    monkeypatch.setattr("groundtruth.compiler.compile_program.compile", None)
    file = tmp_path / "file"
    file.write_text("mine")
    out = f"{file}{below}"
    wrong = f"--out {out}: {file} is a file. Name a folder that can be made or written to."
    assert told(capsys, *command, "--out", out) == wrong
    assert file.read_text() == "mine"


def test_a_folder_is_not_named_as_a_file_is(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for command in (["score", "eap"], ["compile", "hist"]):
        error = told(capsys, *command, "--out", f"{tmp_path}/w.json")
        assert error == f"--out {tmp_path}/w.json: a folder is wanted. Name one, such as {tmp_path}/w."
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "hist").mkdir()
    (tmp_path / "hist" / "model.json").mkdir()
    error = told(capsys, "compile", "hist", "--out", str(tmp_path / "hist"))
    assert error.startswith(f"cannot read or write {tmp_path}/hist/") and error.endswith(": Is a directory.")


def test_no_method_beside_ones_own_is_a_choice(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as left:
        main(
            [
                "score",
                "eap",
                "--models",
                "previous_token",
                "--against",
                "",
                "--profile",
                "smoke",
                "--out",
                str(tmp_path),
            ]
        )
    assert left.value.code == 0
    shown = capsys.readouterr().out
    assert "\neap " in shown and "\nrandom " not in shown


@pytest.mark.parametrize("name", ["\x1b[2Jhist", "hist\udcff", "\u202ehist"])
def test_no_name_reaches_the_terminal_as_an_escape_sequence(capsys, name):
    with pytest.raises(SystemExit) as left:
        main(["show", name])
    told = capsys.readouterr().err
    assert left.value.code == 2
    assert told.startswith("error: unknown model '") and told.strip().isprintable()
    assert name.encode("unicode_escape").decode() in told
