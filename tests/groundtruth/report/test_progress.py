"""Progress is drawn on a terminal, and nowhere else: not in a pipe, whatever the environment has, nor by --quiet."""

import io
import os
import sys
import threading
from pathlib import Path

import pytest

from groundtruth.cli import main
from groundtruth.cli.main import QUIET_VARIABLE
from groundtruth.report import progress
from groundtruth.report.progress import QUIET, count_up, followed, tracked, working
from tests.patience import PATIENCE, wait_until


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def drawn(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    with working("thinking"):
        pass
    assert list(tracked("counting", range(3), total=3)) == [0, 1, 2]
    with count_up("climbing") as report:
        report(1, 2)
    return stream.getvalue()


def test_a_terminal_shows_what_is_done_and_how_much_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = drawn(Terminal(), monkeypatch)
    assert all(label in shown for label in ("thinking", "counting", "climbing", "3/3", "1/2", "left"))


def test_a_bar_moves_before_its_first_item_has_come(monkeypatch: pytest.MonkeyPatch) -> None:
    stream, seen = Terminal(), threading.Event()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "LOOK_AFTER", 0.01)
    shown: list[float] = []
    monkeypatch.setattr(progress.Progress, "update", lambda bar, task, *, completed, **_: shown.append(completed))

    def underway() -> float:
        if len(shown) > 2:
            seen.set()
        return 0.1 * len(shown)

    def items():
        assert seen.wait(PATIENCE)
        yield "first"

    assert list(tracked("training", items(), total=1, underway=underway)) == ["first"]
    assert shown[:3] == [0.0, 0.1, 0.2]
    assert shown[-1] > 1
    alive = [thread for thread in threading.enumerate() if "call_until_over" in thread.name]
    assert not alive


def test_nobody_looks_where_no_bar_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr(progress, "LOOK_AFTER", 0.0)
    asked: list[int] = []

    def underway() -> float:
        asked.append(1)
        return 0.0

    assert list(tracked("training", range(3), total=3, underway=underway)) == [0, 1, 2]
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("show hist", "proving the circuit of hist"),
        ("compile hist", "proving the circuit of hist"),
        ("check eap", "running eap on mock tasks"),
        ("why eap hist", "preparing hist"),
        ("why lda reverse:opposite@residual.2.post", "looking at lda on reverse:opposite"),
        ("explore hist", "writing the page of hist"),
        ("explore hist --export neuronpedia", "cutting the edges of hist"),
        ("repro hist --method random --property deterministic", "running random on hist"),
        ("realism hist", "measuring"),
        ("verify hist", "verifying"),
        ("test-circuit truth --model hist", "testing"),
        ("score random --models hist --against oracle --profile smoke", "scoring"),
        ("pitfalls no-op-pairs", "falling"),
    ],
)
def test_what_may_take_long_says_what_it_is_at(
    command: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stream = Terminal()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    with pytest.raises(SystemExit) as left:
        main(command.split())
    assert int(left.value.code or 0) in (0, 1)
    assert said in stream.getvalue() and "0:00:0" in stream.getvalue()


def test_a_bar_follows_one_piece_of_work_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    stream, shares = Terminal(), {"first": 0.0, "second": 0.0}
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "LOOK_AFTER", 0.01)
    at = ["first"]
    with followed(lambda: (at[0], shares[at[0]])):
        shares["first"] = 0.5
        wait_until(lambda: "50%" in stream.getvalue(), "half of the first")
        at[0] = "second"
        wait_until(lambda: "second" in stream.getvalue(), "the second")
    assert "left" in stream.getvalue()


@pytest.mark.parametrize("variable", ["FORCE_COLOR", "CI", "TTY_COMPATIBLE"])
def test_a_pipe_gets_nothing(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "1")
    assert drawn(io.StringIO(), monkeypatch) == ""


def test_quiet_is_for_one_command_and_stands_anywhere_before_two_dashes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert QUIET_VARIABLE == QUIET
    monkeypatch.delenv(QUIET, raising=False)
    seen: list[str | None] = []
    monkeypatch.setattr(progress, "tracked", lambda label, items, total: seen.append(os.environ.get(QUIET)) or items)
    for arguments in (["--quiet", "pitfalls", "no-op-pairs"], ["pitfalls", "no-op-pairs", "--quiet"]):
        with pytest.raises(SystemExit) as left:
            main(arguments)
        assert left.value.code == 0
    assert seen == ["1", "1"] and not os.environ.get(QUIET)
    monkeypatch.setenv(QUIET, "1")
    assert drawn(Terminal(), monkeypatch) == ""
    with pytest.raises(SystemExit) as left:
        main(["show", "--", "--quiet"])
    assert left.value.code == 2
