"""A snapshot of what a method is given, to be compared with what it leaves."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mib.models.fingerprints import hooks_on

_SETTINGS: tuple[Callable[[], Any], ...] = (torch.is_grad_enabled, torch.get_default_dtype, torch.get_num_threads)


@dataclass(frozen=True)
class Snapshot:
    """A task as it was before a method ran on it.

    Attributes:
        task: The task itself, which the method may change.
        inputs: Copies of its token ids, by name.
        weights: Copies of its model's tensors, by name.
        settings: Values of torch's global settings, in the order of the functions that tell them.
    """

    task: Any
    inputs: dict[str, Tensor]
    weights: dict[str, Tensor]
    settings: list[Any]

    @classmethod
    def of(cls, task: Any, inputs: tuple[str, ...]) -> "Snapshot":
        """Take a snapshot.

        Args:
            task: A task of either track.
            inputs: The names of its tensors of token ids.
        """
        copies = {name: getattr(task, name).clone() for name in inputs}
        weights = {name: value.clone() for name, value in _weights_of(task.model).items()}
        return cls(task, copies, weights, [setting() for setting in _SETTINGS])

    def changed_settings(self) -> list[str]:
        """Name the global settings that are not what they were."""
        pairs = zip(_SETTINGS, self.settings, strict=True)
        return [setting.__name__ for setting, before in pairs if setting() != before]

    def changed_inputs(self) -> list[str]:
        """Name the inputs that are not what they were, as ``task.clean``."""
        return [f"task.{name}" for name, was in self.inputs.items() if not torch.equal(getattr(self.task, name), was)]

    def changed_weights(self) -> list[str]:
        """Name the tensors of the model that are not what they were, or gone."""
        now = _weights_of(self.task.model)
        return [name for name, was in self.weights.items() if name not in now or not torch.equal(now[name], was)]

    def hooks_left(self) -> list[str]:
        """Name the modules that hooks are on."""
        return list(hooks_on(self.task.model)) if isinstance(self.task.model, torch.nn.Module) else []


def _weights_of(model: object) -> dict[str, Tensor]:
    return dict(model.state_dict()) if isinstance(model, torch.nn.Module) else {}
