"""No method takes more passes than are planned for it."""

from typing import Any

import pytest
import torch

from mib import featurization
from mib.featurization import pair_runs
from mib.featurization.featurizer_passes import PairSizes, plan_featurizer_passes
from tests.mib.featurization import adder

FEW = {"steps": 26, "restarts": 2, "sae_steps": 2, "batch_size": 8, "max_rank": 3}
"""Little learning, but a second look at the validation split."""

PLENTY, LITTLE = 2**31, 2**14


class Counted:
    """Rows that the model has run, those with a gradient apart."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.forward = self.backward = 0
        monkeypatch.setattr(pair_runs, "record", self._counting(pair_runs.record, at=2))
        monkeypatch.setattr(pair_runs, "resume", self._counting(pair_runs.resume, at=3))

    def _counting(self, run: Any, *, at: int) -> Any:
        def counted(*given: Any) -> Any:
            self.forward += len(given[at])
            self.backward += len(given[at]) * torch.is_grad_enabled() * (run.__name__ == "resume")
            return run(*given)

        return counted


@pytest.mark.parametrize("memory", [PLENTY, LITTLE], ids=["kept", "anew"])
@pytest.mark.parametrize("name", featurization.names())
def test_no_method_takes_more_passes_than_are_planned(name: str, memory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    method, task = featurization.get(name), adder.task(isolation=True, memory=memory)
    given = {key: value for key, value in FEW.items() if key in method.parameters}
    sizes = PairSizes(len(task.split.train), len(task.split.validation), len(task), task.width, cached=memory == PLENTY)
    planned, counted = plan_featurizer_passes(name, sizes, given), Counted(monkeypatch)
    method(task, **given)
    assert planned is not None
    assert counted.forward / len(task) <= planned.forward and counted.backward / len(task) <= planned.backward
    if name.startswith("dbm"):  # which takes all its steps; only the last batch of an epoch is smaller than planned
        assert counted.backward / len(task) > 0.8 * planned.backward
