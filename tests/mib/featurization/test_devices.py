"""No featurization method mixes tensors of its own, made on the CPU, with those of a task on another device."""

from typing import Any

import pytest
import torch

from mib import featurization
from mib.featurization import FeaturizationTask, Featurizer, Split
from tests.mib.featurization import adder
from tests.mib.pretended_device import PretendedDevice, WrongDeviceError, is_marked, mark

FEW = {"steps": 2, "restarts": 1, "sae_steps": 2}
"""As little learning as there is, of whatever a method has."""


def task() -> FeaturizationTask:
    """A task whose model and examples are on the device; three examples to learn from and two to choose by."""
    model: Any = adder.model()
    for tensor in (*model.parameters(), *model.buffers()):
        mark(tensor)
    given = adder.task(isolation=True)
    per_example = ("base", "source", "expected", "mask", "isolates", "base_values", "source_values")
    parts: dict[str, Any] = {name: getattr(given, name).clone().to("cuda") for name in per_example}
    everything = torch.arange(len(given.base)).to("cuda")
    return adder.task(**parts, model=model, split=Split(everything[::2], everything[1::2], everything[:0]))


@pytest.mark.parametrize("name", featurization.names())
def test_methods_make_no_tensor_on_another_device(name: str) -> None:
    with PretendedDevice():
        asked, method = task(), featurization.get(name)
        assert is_marked(asked.activations()[0])
        found = method(asked, **{k: v for k, v in FEW.items() if k in method.parameters})
        asked.interchange(found)


def test_a_tensor_without_a_device_is_found() -> None:
    def careless(task: FeaturizationTask) -> Featurizer:
        base, _ = task.activations()
        return Featurizer.subspace(torch.linalg.qr(base[:1, 0].T + torch.ones(task.width, 1))[0])

    with PretendedDevice(), pytest.raises(WrongDeviceError, match="add"):
        careless(task())
