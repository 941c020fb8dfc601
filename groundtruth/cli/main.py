"""Parse the command line, run one command, and turn errors into one line and an exit code."""

import errno
import os
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import cyclopts
from rich.console import Console

from groundtruth import __version__
from groundtruth.cli.bench import bench
from groundtruth.cli.check import check
from groundtruth.cli.compare import compare
from groundtruth.cli.compile import compile
from groundtruth.cli.explore import explore
from groundtruth.cli.generate import generate
from groundtruth.cli.import_models import import_models
from groundtruth.cli.leaderboard import leaderboard
from groundtruth.cli.learn_program import learn_program
from groundtruth.cli.methods import methods
from groundtruth.cli.models import models
from groundtruth.cli.new_method import new_method
from groundtruth.cli.pitfalls import pitfalls
from groundtruth.cli.plot import plot
from groundtruth.cli.programs import programs
from groundtruth.cli.realism import realism
from groundtruth.cli.report import report
from groundtruth.cli.repro import repro
from groundtruth.cli.score import score
from groundtruth.cli.show import show
from groundtruth.cli.submit import submission, submit
from groundtruth.cli.tasks import tasks
from groundtruth.cli.test_circuit import test_circuit
from groundtruth.cli.train import train
from groundtruth.cli.validity import validity
from groundtruth.cli.verify import verify
from groundtruth.cli.why import why
from groundtruth.guarded_run import refuse_exit, reserve_stdout
from mib.plain_text import printable

BAD_INPUT = 2
"""Exit code for what the user can put right: a name, a file, an option."""

INCOMPLETE = 1
"""Exit code for work that is missing because a process was killed."""

INTERRUPTED = 130

LIBRARY_BARS = ("TQDM_DISABLE", "HF_HUB_DISABLE_PROGRESS_BARS", "HF_DATASETS_DISABLE_PROGRESS_BARS")
"""Variables that keep libraries from drawing progress bars of their own; workers inherit them."""

QUIET_OPTION = "--quiet"
"""Option of every command; it is taken off the line before that is parsed."""

QUIET_VARIABLE = "GROUNDTRUTH_QUIET"
"""Name of the variable that ``groundtruth.report.progress`` reads, which is too slow to import before a command is
known."""

app = cyclopts.App(
    name="groundtruth",
    help=(
        "Exact ground truth for mechanistic interpretability.\n\n"
        "Score localization methods on transformers whose circuits are known and proven. Start with "
        "`groundtruth bench`, look at one model with `groundtruth show reverse`, and score a function of your own "
        "with `groundtruth score my_file.py:my_method`.\n\n"
        "Results go to standard output, progress to standard error where that is a terminal. With `--quiet`, anywhere "
        "on the line, there is no progress; with `NO_COLOR` set there are no colours."
    ),
    version=__version__,
    version_flags=["--version", "-V"],
    default_parameter=cyclopts.Parameter(negative=()),
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)
COMMANDS = (
    programs, models, show, explore, compile, train, learn_program, import_models, verify, bench, score, check, methods,
    new_method, test_circuit, pitfalls, generate, repro, tasks, submit, submission, report, plot, compare, why,
    validity, realism, leaderboard,
)  # fmt: skip
"""The commands in the order in which help lists them."""

for _command in COMMANDS:
    app.command(_command)
app.register_install_completion_command(help="Complete commands, options and their choices in this shell.")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; leaves by ``SystemExit``.

    Exit codes: 0 all is well; 1 a claim does not hold, a threshold is not met, a method fails or a process was
    killed; 2 bad input, with one line ``error: ...`` on standard error; 130 interrupted.

    Args:
        arguments: Instead of those of the process.
    """
    # One thread a process: small models gain nothing from more, and sums come out the same whatever the machine.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # One progress bar, ours: libraries draw theirs in every worker, all onto the same line of the terminal.
    for name in LIBRARY_BARS:
        os.environ.setdefault(name, "1")
    given = sys.argv[1:] if arguments is None else list(arguments)
    words = given[: given.index("--")] if "--" in given else given
    with _quiet() if QUIET_OPTION in words else nullcontext():
        code = _run([word for word in words if word != QUIET_OPTION] + given[len(words) :])
    sys.exit(code)


@contextmanager
def _quiet() -> Generator[None]:
    """Set the variable that turns progress off, as it was before at the end."""
    before = os.environ.get(QUIET_VARIABLE, "")
    os.environ[QUIET_VARIABLE] = "1"
    try:
        yield
    finally:
        os.environ[QUIET_VARIABLE] = before


def _run(arguments: list[str]) -> int:
    try:
        with refuse_exit(), reserve_stdout() as results:
            code: Any = app(arguments, console=Console(file=results), exit_on_error=False, print_error=False)
    except cyclopts.CycloptsError as error:
        return _fail(str(error), hint=_usage(arguments))
    except KeyboardInterrupt as stopped:
        sys.stderr.write(f"\ninterrupted{': ' if stopped.args else ''}{stopped}\n")
        return INTERRUPTED
    except SystemExit as error:  # no command of ours raises it, and a user's code must not decide our exit code
        return _fail(
            f"a method or program ended the process (exit code {error.code}). It must return or raise.", code=1
        )
    except BrokenPipeError:
        sys.stderr.close()  # the reader of a pipe, such as head, has seen enough
        return 0
    except OSError as error:
        if error.errno == errno.ENOSPC and error.filename is None:  # a stream has no name
            return _fail("cannot write: no space is left where the output goes.", code=INCOMPLETE)
        if error.filename is None:
            raise  # not of a file
        # Whether it was read or written is not known here: commands that write refuse their --out before they begin.
        return _fail(f"cannot read or write {error.filename}: {error.strerror}.")
    except ValueError as error:
        if not _is_ours(error):
            raise
        return _fail(str(error), code=_code(error))
    return code if isinstance(code, int) else 0


def _is_ours(error: ValueError) -> bool:
    """Tell whether an error was written for the user; whatever raised it has loaded these modules."""
    from groundtruth.errors import GroundTruthError
    from mib.errors import MibError

    return isinstance(error, GroundTruthError | MibError)


def _code(error: ValueError) -> int:
    from groundtruth.errors import ExecutorError, WorkerError

    return INCOMPLETE if isinstance(error, WorkerError) and not isinstance(error, ExecutorError) else BAD_INPUT


def _fail(message: str, *, hint: str = "", code: int = BAD_INPUT) -> int:
    sys.stderr.write(f"error: {printable(message.strip(), lines=True)}{hint}\n")
    return code


def _usage(arguments: Sequence[str]) -> str:
    known = {name for name in app if not name.startswith("-")}
    command = next((word for word in arguments if word in known), "")
    return f" See `groundtruth {command + ' ' if command else ''}--help`."
