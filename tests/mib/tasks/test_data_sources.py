"""Data sets in MIB's columns: local folders, and what is asked of the hub."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from mib import FormatError, TaskError, tasks
from mib.tasks.data_sources import data_of
from tests.mib.tasks.tokenizers_of_tasks import model_for, word_level

GENERATED = (
    "arithmetic-addition", "arithmetic-subtraction", "digits-ones", "digits-tens", "digits-hundreds",
    "digits-subtraction-ones", "digits-subtraction-tens", "greater-than", "ioi", "mcqa", "ravel",
)  # fmt: skip

ARC: dict[str, Any] = {
    "arc_id": "Mercury_7",
    "question": "Which one is warm?",
    "prompt": "Question: Which one is warm?\nA. a stone\nB. ice\nC. the sun\nAnswer:",
    "choices": {"text": ["a stone", "ice", "the sun"], "label": ["A", "B", "C"]},
    "answerKey": 2,
    "label": "C",
    "symbol_counterfactual": {
        "prompt": "Question: Which one is warm?\n1. a stone\n2. ice\n3. the sun\nAnswer:",
        "choices": {"text": ["a stone", "ice", "the sun"], "label": [1, 2, 3]},
        "answerKey": 2,
    },
    "answerPosition_counterfactual": {
        "prompt": "Question: Which one is warm?\nA. the sun\nB. ice\nC. a stone\nAnswer:",
        "choices": {"text": ["the sun", "ice", "a stone"], "label": ["A", "B", "C"]},
        "answerKey": 0,
    },
}
"""A record in the columns of ARC: not four choices, and numbers for symbols."""


@pytest.mark.parametrize("name", GENERATED)
def test_what_is_written_is_read(name: str, tmp_path: Path) -> None:
    task = tasks.get(name)
    path = task.write(tmp_path, 30, seed=4, split="test")
    assert path == tmp_path / "test.jsonl"
    assert task.load(tmp_path, split="test") == task.generate(30, seed=4, split="test")
    assert task.load(tmp_path, split="test", n=3) == task.generate(3, seed=4, split="test")


@pytest.mark.parametrize("name", GENERATED)
def test_parquet_files_as_the_hub_has_them(name: str, tmp_path: Path) -> None:
    task = tasks.get(name)
    (tmp_path / "data").mkdir()
    table = pyarrow.Table.from_pylist(task.rows(30, split="validation"))
    parquet.write_table(table, tmp_path / "data" / "validation-00000-of-00001.parquet")
    assert task.load(tmp_path, split="validation") == task.generate(30, split="validation")


def test_a_list_of_records(tmp_path: Path) -> None:
    ioi = tasks.get("ioi")
    (tmp_path / "train.json").write_text(json.dumps(ioi.rows(4)))
    assert ioi.load(tmp_path) == ioi.generate(4)


def test_arc_has_three_choices_and_numbers_for_symbols(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text(json.dumps(ARC) + "\n")
    (example,) = tasks.get("arc-easy").load(tmp_path)
    assert example.answer == " C" and example.counterfactual("symbol").answer == " 3"
    assert example.counterfactual("answerPosition").answer == " A"
    model = tasks.get("arc-easy").causal_model
    assert model is not None
    moved = model.interchange(example.variables, {"answer_pointer": example.counterfactual("answerPosition").variables})
    assert moved["answer"] == " A"
    with pytest.raises(TaskError, match="task arc-easy cannot be generated: its questions come from a data set"):
        tasks.get("arc-easy").generate(1)
    with pytest.raises(TaskError, match="task arc-easy cannot be generated, so its vocabulary is open"):
        tasks.get("arc-easy").vocabulary()


def broken(**changes: Any) -> dict[str, Any]:
    return {**ARC, **changes}


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (broken(answerKey=3), r"column 'answerKey' holds 3; expected the place of one of 3 choices"),
        (broken(answerKey="C"), r"column 'answerKey' holds 'C'; expected int"),
        (
            broken(prompt="Question: Which?\nAnswer:"),
            r"column 'prompt' holds .*, without a line that begins with 'A\.'",
        ),
        (broken(choices={"text": []}), r"row has no column 'choices\.label'\.* It has: 'text'"),
        ({"promt": "", "choices": {}}, r"row has no column 'prompt'\. Did you mean: promt\?"),
    ],
)
def test_malformed_records_are_refused_by_place(row: dict[str, Any], problem: str, tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text(json.dumps(ARC) + "\n" + json.dumps(row) + "\n")
    with pytest.raises(FormatError, match=rf"train, record 2: not as task arc-easy has it: {problem}"):
        tasks.get("arc-easy").load(tmp_path)


def test_malformed_files_are_refused_by_place(tmp_path: Path) -> None:
    ioi = tasks.get("ioi")
    with pytest.raises(FormatError, match=r"nowhere: folder: does not exist"):
        ioi.load(tmp_path / "nowhere")
    ioi.write(tmp_path, 2)
    with pytest.raises(FormatError, match=r"no data of the split 'test'.* Expected test\.jsonl, .* holds train\.jsonl"):
        ioi.load(tmp_path, split="test")
    (tmp_path / "test.jsonl").write_text('{"prompt": \n')
    with pytest.raises(FormatError, match=r"test\.jsonl: line 1: is no JSON"):
        ioi.load(tmp_path, split="test")
    (tmp_path / "test.jsonl").write_text("\n[1]\n")
    with pytest.raises(FormatError, match=r"test\.jsonl: line 2: expected a record, found list"):
        ioi.load(tmp_path, split="test")
    (tmp_path / "validation.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(FormatError, match=r"validation\.parquet: file: is no Parquet file"):
        ioi.load(tmp_path, split="validation")
    (tmp_path / "validation.parquet").unlink()
    (tmp_path / "validation.json").write_text("{}")
    with pytest.raises(FormatError, match=r"validation\.json: top level: expected a list of records, found dict"):
        ioi.load(tmp_path, split="validation")


def test_bytes_that_are_no_text_are_refused_by_place(tmp_path: Path) -> None:
    ioi = tasks.get("ioi")
    path = ioi.write(tmp_path, 3)
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([lines[0], lines[1][:20] + b"\xff" + lines[1][21:], lines[2]]))
    with pytest.raises(FormatError, match=r"train\.jsonl: line 2: is no UTF-8: byte 21 is 0xff"):
        ioi.load(tmp_path)
    path.unlink()
    (tmp_path / "train.json").write_bytes(b'["\x80"]')
    with pytest.raises(FormatError, match=r"train\.json: file: is no UTF-8: byte 3 is 0x80"):
        ioi.load(tmp_path)
    (tmp_path / "train.json").write_text("[" * 100_000)
    with pytest.raises(FormatError, match=r"train\.json: file: is no JSON"):
        ioi.load(tmp_path)
    (tmp_path / "train.json").unlink()
    (tmp_path / "train.jsonl").mkdir()
    with pytest.raises(FormatError, match=r"train\.jsonl: file: cannot be read: Is a directory"):
        ioi.load(tmp_path)


@pytest.mark.parametrize("name", GENERATED)
def test_whatever_a_record_holds_it_is_read_or_refused_by_place(name: str, tmp_path: Path) -> None:
    """Every value of a record in turn, at any depth, becomes something of another kind."""
    task = tasks.get(name)
    row, refused = task.rows(1)[0], 0
    for place in places_in(row):
        for value in ("a string", 7, None, [], {}, ["x"], {"prompt": "x"}, True, -1e300):
            (tmp_path / "train.json").write_text(json.dumps([changed(row, place, value)]))
            try:
                task.load(tmp_path)
            except FormatError as error:
                refused += 1
                assert str(error).startswith(f"{tmp_path}: train, record 1: not as task {name} has it: ")
                assert "\n" not in str(error)
    assert refused > 10


def places_in(value: object) -> list[tuple[Any, ...]]:
    """Paths to everything in a record."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(key, *rest) for key, item in inside for rest in [(), *places_in(item)]]


def changed(value: Any, place: tuple[Any, ...], to: object) -> Any:
    """A copy in which one place holds something else."""
    if not place:
        return to
    copy = value.copy()
    copy[place[0]] = changed(value[place[0]], place[1:], to)
    return copy


@pytest.mark.parametrize("data", [[{"prompt": "x"}], ["x"], [None], 3, {"a": 1}])
def test_data_that_are_no_examples_are_refused(data: Any) -> None:
    ioi = tasks.get("ioi")
    with pytest.raises(TaskError, match="data(.0.)? is a (dict|str|NoneType|int); expected"):
        ioi.localization(model_for(word_level("ioi")), word_level("ioi"), n=1, data=data)


def test_labels_that_contradict_the_operands_are_refused(tmp_path: Path) -> None:
    addition = tasks.get("arithmetic-addition")
    row = {**addition.rows(1)[0], "label": "7"}
    (tmp_path / "train.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(FormatError, match=r"column 'label' holds '7', but \d+ \+ \d+ is \d+"):
        addition.load(tmp_path)
    with pytest.raises(FormatError, match=r"column 'operator' holds '\+'; this task is '-'"):
        tasks.get("arithmetic-subtraction").load(tmp_path)


def test_values_that_are_not_known_leave_pairs_out(tmp_path: Path) -> None:
    """MIB's RAVEL has cities without a language."""
    ravel, words = tasks.get("ravel"), word_level("ravel")
    rows = [dict(row) for row in ravel.rows(30, distinct=False) if row["attribute"] == "Language"]
    rows[0]["Language"] = None
    rows[1]["attribute_counterfactual"] = {**rows[1]["attribute_counterfactual"], "Language": None}
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert ravel.load(tmp_path)[0].answer == ""
    found = ravel.selection(model_for(words), words, n=None, data=tmp_path)
    assert found.left_out["an answer is not known"] == 2


def test_the_hub_is_asked_for_the_pinned_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, ...]] = []

    def load_dataset(repository: str, config: str | None, *, split: str, revision: str | None) -> Iterator[Any]:
        asked.append((repository, config, split, revision))
        return iter(tasks.get("ravel").rows(2) if "ravel" in repository else tasks.get("mcqa").rows(2))

    monkeypatch.setattr("datasets.load_dataset", load_dataset)
    assert tasks.get("mcqa").load("hub") == tasks.get("mcqa").generate(2)
    assert len(tasks.get("ravel").load("hub", split="validation")) == 2
    mcqa, ravel = asked
    assert mcqa[:3] == ("mib-bench/copycolors_mcqa", "4_answer_choices", "train") and len(mcqa[3]) == 40
    assert ravel[:3] == ("mib-bench/ravel", None, "val") and len(ravel[3]) == 40


def test_an_unreachable_hub_gives_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr("datasets.load_dataset", fails)
    with pytest.raises(
        TaskError, match=r"^cannot read split 'test' of mib-bench/ioi .*ConnectionError: no route\)"
    ) as e:
        tasks.get("ioi").load("hub", split="test")
    assert "\n" not in str(e.value)
    with pytest.raises(TaskError, match="task greater-than has no data set on the hub"):
        tasks.get("greater-than").load("hub")


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(TaskError, match=r"the package 'datasets', which is not installed: pip install"):
        tasks.get("ioi").load("hub")


def test_each_task_has_a_folder_of_its_own_and_one_alone_needs_none(tmp_path: Path) -> None:
    assert [data_of(data, "ioi") for data in (None, "hub")] == [None, "hub"]
    assert data_of(tmp_path, "ioi") == tmp_path / "ioi"
    (tmp_path / "train.jsonl").touch()
    assert data_of(tmp_path, "ioi") == tmp_path
    (tmp_path / "ioi").mkdir()
    assert data_of(str(tmp_path), "ioi") == tmp_path / "ioi"
