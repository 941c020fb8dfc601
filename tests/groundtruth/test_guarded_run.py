"""A user's code neither ends the process, nor leaves it changed, nor writes into our output."""

import os
import random

import numpy as np
import pytest
import torch

from groundtruth.guarded_run import guard_process


def test_what_a_method_leaves_behind_is_put_back() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state(), random.getstate(), torch.get_num_threads()
    with guard_process():
        torch.set_grad_enabled(False)
        torch.set_default_dtype(torch.float64)
        torch.set_num_threads(before[2] + 1)
        torch.use_deterministic_algorithms(True)
        torch.manual_seed(2)
        random.seed(2)
        np.random.seed(2)
    assert torch.is_grad_enabled()
    assert torch.get_default_dtype() == torch.float32
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (random.getstate(), torch.get_num_threads()) == before[1:]


def test_it_is_put_back_after_an_error_too() -> None:
    with pytest.raises(ZeroDivisionError), guard_process():
        torch.set_grad_enabled(False)
        _ = 1 / 0
    assert torch.is_grad_enabled()


def test_a_process_is_not_ended_and_prints_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, guard_process():
        print("a method prints")
        os._exit(3)
    assert ended.value.code == 3
    assert capsys.readouterr() == ("", "a method prints\n")
    assert os._exit.__module__ in ("posix", "nt")
