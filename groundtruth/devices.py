"""The one place where a device is chosen."""

import torch

from groundtruth.errors import DomainError

AUTO = "auto"


def pick_device(name: str = "cpu") -> torch.device:
    """The device of a name; ``auto`` is the first accelerator, or else the CPU.

    Args:
        name: A device, such as ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.

    Raises:
        DomainError: If there is no such device on this machine.
    """
    if name == AUTO:
        return torch.accelerator.current_accelerator() or torch.device("cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        why = "there is none of that name" if "Expected one of" in str(error) else str(error).splitlines()[0]
        raise DomainError(f"device='{name}' is not available here: {why.rstrip('.')}. Use cpu, or auto.") from error
    return device
