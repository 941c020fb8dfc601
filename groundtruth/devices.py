"""The one place where a device is chosen."""

import torch

from groundtruth.errors import DomainError

AUTO = "auto"


def pick_device(name: str = "cpu") -> torch.device:
    """The device of a name; ``auto`` is the first accelerator, or else the CPU.

    Args:
        name: Such as ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.

    Raises:
        DomainError: If there is no such device on this machine.
    """
    if name == AUTO:
        return torch.accelerator.current_accelerator() or torch.device("cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise DomainError(f"device='{name}' is not available here: {str(error).splitlines()[0]} Use cpu.") from error
    return device
