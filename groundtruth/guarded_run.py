"""Run a user's code so that it neither ends the process, nor leaves it changed, nor writes into our output."""

import contextlib
import os
import random
import sys
from collections.abc import Generator
from contextvars import ContextVar
from typing import Any, NoReturn, TextIO

_results: ContextVar[TextIO | None] = ContextVar("results", default=None)


def result_stream() -> TextIO:
    """Give the stream for results: standard output, also where prints of others are kept out of it."""
    return _results.get() or sys.stdout


@contextlib.contextmanager
def reserve_stdout() -> Generator[TextIO]:
    """Keep standard output for what is written to ``result_stream``; whatever else prints there prints to stderr.

    A machine reads our output. A user's file may print when it is imported, its functions when they are called, a
    library whenever it likes, and a program that either of them starts writes to the descriptor and not to a stream.
    """
    apart = _duplicate_stdout()
    token = _results.set(apart or sys.stdout)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield result_stream()
    finally:
        _results.reset(token)
        if apart is not None:
            os.dup2(apart.fileno(), 1)
            apart.close()  # what is still to be written may find a full disk or no reader


def _duplicate_stdout() -> TextIO | None:
    """Point descriptor 1 at standard error and open where it pointed; None where streams are not a process's own."""
    try:
        ours = sys.stdout.fileno() == 1 and sys.stderr.fileno() == 2
    except (AttributeError, OSError, ValueError):  # replaced by a test or a notebook, or closed
        return None
    if not ours:
        return None
    sys.stdout.flush()
    apart = os.fdopen(os.dup(1), "w", encoding=sys.stdout.encoding, errors=sys.stdout.errors)
    os.dup2(2, 1)
    return apart


class EndedProcess(SystemExit):
    """Code of a user that asked to end the process at once."""


@contextlib.contextmanager
def refuse_exit() -> Generator[None]:
    """Make ``os._exit`` raise ``SystemExit`` as ``sys.exit`` does, for whoever runs a user's code to say so.

    A process that is gone has no exit code of ours: one that a method ends by 0 would be taken for a success.
    """
    leave = os._exit  # pyright: ignore[reportPrivateUsage]

    def refuse(status: int) -> NoReturn:
        raise EndedProcess(status)

    os._exit = refuse
    try:
        yield
    finally:
        os._exit = leave


@contextlib.contextmanager
def guard_process(*, restore: bool = True) -> Generator[None]:
    """Keep a user's code from ending or changing this process, and from writing into our output.

    What the code prints goes to standard error, since standard output is for results.

    Args:
        restore: Put torch's modes, default dtype and threads, and all random generators back as they were. Not for
            loading a file, whose settings are meant to last.
    """
    with refuse_exit(), contextlib.redirect_stdout(sys.stderr), _restored() if restore else contextlib.nullcontext():
        yield


@contextlib.contextmanager
def _restored() -> Generator[None]:
    import numpy as np
    import torch

    grad, dtype, threads = torch.is_grad_enabled(), torch.get_default_dtype(), torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    generators: tuple[Any, ...] = (random.getstate(), np.random.get_state(), torch.get_rng_state())
    try:
        yield
    finally:
        torch.set_grad_enabled(grad)
        torch.set_default_dtype(dtype)
        # Only where it was changed: torch imports its compiler for this, which takes as long as torch itself.
        if torch.are_deterministic_algorithms_enabled() != deterministic:
            torch.use_deterministic_algorithms(deterministic)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        random.setstate(generators[0])
        np.random.set_state(generators[1])
        torch.set_rng_state(generators[2])
