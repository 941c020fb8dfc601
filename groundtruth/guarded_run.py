"""Run a user's code so that it neither ends the process, nor leaves it changed, nor writes into our output."""

import contextlib
import os
import random
import sys
from collections.abc import Generator
from typing import Any, NoReturn


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
        torch.use_deterministic_algorithms(deterministic)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        random.setstate(generators[0])
        np.random.set_state(generators[1])
        torch.set_rng_state(generators[2])
