import json
from pathlib import Path

import pytest

from groundtruth.cli import main

METHODS = '''
import mib
import torch

def mine(task: mib.LocalizationTask) -> mib.EdgeScores:
    """Exact patching, under another name."""
    return mib.localization.get("exact")(task)

def chance(task):
    generator = task.generator()
    return mib.EdgeScores(task.graph, torch.rand(len(task.graph.edges), generator=generator).numpy())

def crash(task):
    return [][0]

NUMBER = 3
'''

PROGRAMS = '''
from tracr.rasp import rasp
from groundtruth.programs import program

@program(vocab="ab", max_seq_len=3)
def is_a():
    """Whether the token is a."""
    return rasp.Map(lambda token: token == "a", rasp.tokens)

@program(vocab=[1, 2], max_seq_len=3)
def broken():
    """Categories that are averaged."""
    before = rasp.Select(rasp.indices, rasp.indices, rasp.Comparison.LEQ)
    return rasp.Aggregate(before, rasp.tokens)

def not_a_program():
    return rasp.tokens

VALUE = 7
'''

CLASH = '''
from tracr.rasp import rasp
from groundtruth.programs import program

@program(vocab=["a", "compiler_bos"], max_seq_len=3)
def clash():
    """A vocabulary with Tracr's own token."""
    return rasp.Map(lambda token: token == "a", rasp.tokens)
'''


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One place for the files: a program that is declared in two of them is refused."""
    folder = tmp_path_factory.mktemp("sources")
    for name, text in (("m.py", METHODS), ("p.py", PROGRAMS), ("clash.py", CLASH)):
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def files(sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one's own with the files in it, and the current one."""
    for path in sources.glob("*.py"):
        (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Done:
    """What a command gave: exit code, standard output, standard error."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> object:
        return json.loads(self.out)

    @property
    def words(self) -> str:
        return " ".join(self.out.split())


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]):
    def call(*arguments: str) -> Done:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        captured = capsys.readouterr()
        return Done(int(stopped.value.code or 0), captured.out, captured.err)

    return call


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("show revers", "unknown model 'revers'. Did you mean: reverse"),
        ("show reverse --ablation zer", "ablation='zer' is unknown. Did you mean: zero?"),
        ("show reverse --lengths long", "lengths='long' is unknown. Choose from fixed, mixed."),
        ("show reverse --input 1,9", "token '9' at position 1 of '1 9' is not in the vocabulary 1 2 3."),
        ("show reverse --input 1,2,3,1,2,3", "'1 2 3 1 2 3' has 6 tokens; allowed are 1 to 5."),
        ("show p.py:not_a_program", "is an undecorated function, not a program"),
        ("show p.py:VALUE", "is of type int, not a program"),
        ("compile p.py:is_b", "has no program 'is_b'. Did you mean: is_a?"),
        ("compile nowhere.py:x", "no file"),
        ("compile clash.py:clash", "vocab contains 'compiler_bos', which Tracr adds itself. Rename that token."),
        ("compile p.py:broken", "selects several positions with different values"),
        ("compile revers", "unknown program 'revers'. Did you mean: reverse"),
        ("programs --family sortin", "unknown family 'sortin'. Did you mean: sorting"),
        ("models --family sortin", "unknown family 'sortin'. Did you mean: sorting"),
        ("verify hits", "unknown model 'hits'. Did you mean: hist"),
        ("bench --profile smok", "unknown profile 'smok'. Did you mean: smoke?"),
        ("bench --methods eep", "unknown localizer 'eep'. Did you mean: eap"),
        ("bench --models hits --methods eap", "unknown model 'hits'. Did you mean: hist"),
        ("bench --ablation zer --models hist", "ablation='zer' is unknown. Did you mean: zero?"),
        ("bench --level edges", "unknown level 'edges'. Did you mean: edge?"),
        ("bench --models hist --methods random --device moon", "device='moon' is not available here"),
        ("bench --models hist --methods random --dtype int8", "dtype='int8' is none of a model."),
        ("score m.py:mien", "has no function 'mien'. Did you mean: mine?"),
        ("score m.py:NUMBER", "is of type int, not a method"),
        ("score nowhere.py:mine", "no file"),
        ("score n:mine", "no module 'n' below "),
        (
            "score m.sub:mine",
            "no module 'm.sub' there. Write my_pkg.my_mod:my_method, or the file: my_file.py:my_method.",
        ),
        ("score m.py", "'m.py' names no method in the file. It has: mine, "),
        ("score m.py --track variables", "'m.py' names no method in the file. It has: mine, "),
        ("check m.py", "Write m.py:mine."),
        ("why m.py hist", "'m.py' names no method in the file. It has: mine, "),
        ("score random --models m.py", "m.py declares 0 programs and has m.py:mine, "),
        ("compile m.py", "m.py declares 0 programs and has m.py:mine, "),
        ("score random --models learned --task m.py", "'m.py' names no task in the file. It has: mine, "),
        ("score random --models learned --task m.py:mien", "has no 'mien'. Did you mean: mine"),
        ("score folder/m:mine", "'folder/m:mine' names no method. Write my_file.py:my_method, or by module my_pkg."),
        ("score m:", "'m:' names no method. Write my_file.py:my_method, or by module my_pkg.my_mod:my_method."),
        ("score mib.localization.methods.eap:eap", "comes with this package. Name what is registered, as groundtruth"),
        ("explore hist --method n:mine", "no module 'n' below "),
        ("why n:mine hist", "no module 'n' below "),
        ("check n:mine", "no module 'n' below "),
        ("bench --methods n:mine --models hist", "no module 'n' below "),
        ("score m.py:mine --fail-under aurok=1", "--fail-under: unknown column 'aurok'. Did you mean: auroc?"),
        ("check m.py:mien", "has no function 'mien'. Did you mean: mine?"),
        ("check eep", "unknown localizer 'eep'. Did you mean: eap"),
        ("methods --level edg", "unknown level 'edg'. Did you mean: edge?"),
        ("frobnicate", 'Unknown command "frobnicate"'),
        ("bench --sed 3", "Unknown option: --sed"),
        ("bench --seed three", "three"),
        ("show", "requires an argument"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(files: Path, run, arguments: str, message: str) -> None:
    done = run(*arguments.split())
    assert done.code == 2
    assert done.out == ""
    assert done.err.startswith("error: ")
    assert message in done.err
    assert "Traceback" not in done.err


def test_errors_that_fit_one_line_take_one_line(files: Path, run) -> None:
    for arguments in ("show revers", "bench --sed 3", "score m.py:mien", "compile clash.py:clash"):
        assert run(*arguments.split()).err.count("\n") == 1


def test_a_bug_of_ours_is_not_dressed_up_as_bad_input(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("groundtruth.specs.find_model", lambda name: [][0])
    with pytest.raises(IndexError):
        main(["show", "reverse"])


def test_listings_name_everything_and_print_json(run) -> None:
    from groundtruth.programs import names
    from groundtruth.store.catalog import shipped
    from mib import localization

    for command, expected in (
        ("programs", names()),
        ("models", shipped()),
        ("methods", list(localization.names())),
    ):
        listed, data = run(command), run(command, "--json").json
        assert [item["name"] for item in data] == sorted(expected)
        assert all(name in listed.out for name in expected)
        assert max(map(len, listed.out.splitlines())) <= 100


def test_a_family_or_level_narrows_a_listing(run) -> None:
    assert {item["family"] for item in run("programs", "--family", "sorting", "--json").json} == {"sorting"}
    assert {item["family"] for item in run("models", "--family", "text", "--json").json} == {"text"}
    neuron = {item["name"] for item in run("methods", "--level", "neuron", "--json").json}
    assert "nap" in neuron
    assert "exact" not in neuron


@pytest.mark.parametrize("tier", ["large", "learned"])
def test_models_lists_what_lies_in_a_folder_of_its_own(run, tier: str) -> None:
    from groundtruth.store.catalog import library

    listed = run("models", "--tier", tier, "--json").json
    assert [item["name"] for item in listed] == sorted(
        path.parent.name for path in library().glob(f"{tier}/*/model.json")
    )
    assert all(item["live"]["resample/fixed"] > 0 for item in listed)


def test_show_tells_program_layers_circuit_and_run(run) -> None:
    done = run("show", "reverse", "--input", "1 2 3")
    assert done.code == 0
    assert max(map(len, done.out.splitlines())) <= 100
    assert not any(line.endswith(" ") for line in done.out.splitlines())
    for text in (
        "opposite = remaining - 1",
        "a0.h0 1/(1+length) m0 length",
        "resample, mixed lengths: 8 live of 94, 0 undecided, jointly sufficient (proven)",
        "└─ q m2 opposite",
        "pos->m1, pos->a3.h0<k>",
        "structural",
        "opposite 2 1 0",
        "the model 3 2 1",
    ):
        assert text in done.words


def test_the_tree_has_every_live_edge_once(run) -> None:
    data = run("show", "sort_freq", "--json").json
    text = run("show", "sort_freq").out
    drawn = [line for line in text.splitlines() if "├─" in line or "└─" in line]
    assert len(drawn) == len(data["circuit"]["live"])


def test_show_as_json_has_every_edge_with_its_proof(run) -> None:
    data = run("show", "reverse", "--json", "--lengths", "fixed", "--ablation", "zero").json
    assert len(data["circuit"]["edges"]) == 94
    assert len(data["circuit"]["live"]) == 9
    live = data["circuit"]["edges"]["m2->a3.h0<q>"]
    assert (live["status"], live["proof"]) == ("live", "witness")
    assert live["witness"]["output"] != live["witness"]["cut_output"]
    assert data["run"]["output"] == data["run"]["values"]["reverse"]


def test_show_can_list_every_edge_and_the_source(run) -> None:
    done = run("show", "hist", "--edges", "--source")
    assert "def hist()" in done.out
    assert "the other 7 edges are absent" in done.words
    assert "input->a0.h0<q> live witness" in done.words


def test_show_can_list_the_variables(run) -> None:
    done = run("show", "reverse", "--variables")
    assert max(map(len, done.out.splitlines())) <= 100
    data = {item["name"]: item for item in run("show", "reverse", "--variables", "--json").json["variables"]}
    assert data["opposite"]["readers"] == ["a3.h0<q>"]
    assert all(item["certified"] for item in data.values())
    assert set(data) == {"indices", "tokens", "1/(1+length)", "length", "remaining", "opposite", "reverse"}
    for name in data:
        assert name in done.out
    assert run("show", "reverse", "--json").json["variables"] is None


@pytest.mark.parametrize(
    ("name", "variable", "place", "operands", "tried"),
    [
        ("rotate_by_first", "origin", "resid_mid2", ["ahead", "length"], 41_025),
        ("waiting_pair@free-0", "has_a", "resid_mid0", ["a0.h2"], 729),
    ],
)
def test_show_can_list_where_variables_are_implicit(run, name, variable, place, operands, tried) -> None:
    done = run("show", name, "--implicit")
    assert max(map(len, done.out.splitlines())) <= 100
    assert f"right on all {tried:,}" in done.out and variable in done.out
    data = {item["name"]: item for item in run("show", name, "--implicit", "--json").json["implicit"]}
    stage = data[variable]["stages"][-1]
    assert (place in stage["sites"], stage["from"], stage["tried"], stage["wrong"]) == (True, operands, tried, 0)
    assert run("show", name, "--json").json["implicit"] is None


def test_compile_writes_a_model_that_show_and_verify_take(files: Path, run) -> None:
    done = run("compile", "p.py:is_a", "--out", "stored")
    assert done.code == 0
    assert "equal to its program on all 14 inputs" in done.out
    assert {path.name for path in (files / "stored").iterdir()} == {"model.json", "model.safetensors", "truth.json"}
    assert "Whether the token is a" in run("show", "stored").out
    assert run("verify", "stored").code == 0
    assert run("compile", "p.py:is_a", "--json").json["name"] == "is_a"


def test_verify_fails_on_a_lie(files: Path, run) -> None:
    run("compile", "p.py:is_a", "--out", "stored")
    weights = files / "stored" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    done = run("verify", "stored")
    assert done.code == 1
    assert "FAILED" in done.out
    (outcome,) = run("verify", "stored", "--json").json
    assert outcome["ok"] is False
    assert [check["ok"] for check in outcome["checks"]] == [False]


def test_verify_passes_what_is_shipped(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 1)  # without processes, of which tests/groundtruth/truth has a test
    done = run("verify", "hist,reverse", "--json")
    assert done.code == 0
    assert [(outcome["name"], outcome["ok"]) for outcome in done.json] == [("hist", True), ("reverse", True)]


def test_bench_prints_a_table_and_writes_three_files(files: Path, run) -> None:
    done = run(
        "bench", "--models", "hist,reverse", "--methods", "oracle,eap,random", "--jobs", "1", "--profile", "smoke"
    )
    assert done.code == 0
    assert "Circuit localization · 2 models · resample ablation" in done.words
    assert max(map(len, done.out.splitlines())) <= 100
    written = sorted((files / "results").glob("*-smoke-*"))
    assert [path.suffix for path in written] == [".csv", ".json", ".md"]
    data = json.loads(written[1].read_text())
    assert [cell["method"] for cell in data["cells"]] == ["oracle", "eap", "random"] * 2
    assert data["cells"][0]["truth"]["live"]["exact"] is True
    assert data["settings"]["seed"] == 0


def test_bench_continues_and_its_json_is_one_document(files: Path, run) -> None:
    arguments = ("bench", "--models", "hist", "--methods", "oracle,eap", "--jobs", "1", "--profile", "smoke", "--json")
    first, again = run(*arguments).json, run(*arguments).json
    assert (first["settings"]["known"], again["settings"]["known"]) == (0, 2)
    assert first["cells"] == again["cells"]
    other = run(*arguments, "--seed", "1").json
    assert other["settings"]["known"] == 0


def test_score_puts_my_method_beside_the_baselines(files: Path, run) -> None:
    arguments = ("score", "m.py:mine", "--models", "hist,reverse", "--jobs", "1", "--profile", "smoke")
    done = run(*arguments, "--fail-under", "auroc=0.9")
    assert done.code == 0
    for name in ("mine", "oracle", "random", "eap", "exact"):
        assert name in done.out
    data = json.loads(next((files / "results").glob("*-mine-*.json")).read_text())
    by_method = {s["method"]: s["columns"]["auroc"]["mean"] for s in data["summaries"]}
    assert by_method["m.py:mine"] == by_method["exact"]


def test_score_fails_below_the_threshold(files: Path, run) -> None:
    arguments = (
        "score",
        "m.py:chance",
        "--models",
        "reverse",
        "--against",
        "oracle",
        "--jobs",
        "1",
        "--profile",
        "smoke",
    )
    done = run(*arguments, "--fail-under", "auroc=0.99,cmd=0.001")
    assert done.code == 1
    assert "not met: auroc is" in done.out
    assert "wanted at most 0.001" in done.out


def test_score_fails_if_the_method_does_and_says_where(files: Path, run) -> None:
    done = run("score", "m.py:crash", "--models", "hist", "--against", "random", "--jobs", "1", "--profile", "smoke")
    assert done.code == 1
    line = 1 + METHODS.splitlines().index("    return [][0]")
    assert f"IndexError: list index out of range (m.py, line {line})" in done.words


def test_check_says_what_was_expected(files: Path, run) -> None:
    good = run("check", "m.py:mine")
    assert good.code == 0
    assert "keeps its contract" in good.out
    bad = run("check", "m.py:crash", "--json")
    assert bad.code == 1
    assert bad.json["ok"] is False
    assert "IndexError" in bad.json["promises"][0]["detail"]
