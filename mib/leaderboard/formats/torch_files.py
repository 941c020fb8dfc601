"""Read what ``torch.save`` wrote, with ``weights_only=True``: nothing that a file names is imported or run."""

import io
import re
import warnings
from pathlib import Path

import torch

from mib.errors import first_line
from mib.leaderboard.formats.place_names import malformed

GLOBAL = re.compile(r"GLOBAL ([\w.]+)")
"""Pattern of torch's name of a Python object that a file asks for."""

REASON = re.compile(r"(?:WeightsUnpickler error|UnpicklingError|Error): (.+)")


def load_torch_file(path: Path) -> object:
    """Read a file of tensors, numbers, texts, lists and dictionaries.

    Raises:
        FormatError: If it is damaged, or holds anything else, naming that.
    """
    try:
        data = io.BytesIO(path.read_bytes())
    except OSError as error:
        raise malformed(path, "file", f"cannot be read: {error.strerror or error}") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(data, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file makes torch raise anything, from EOFError to RuntimeError
        raise malformed(path, "file", _reason(error)) from error


def _reason(error: Exception) -> str:
    """Find the reason in a text of torch's that first advises to unpickle, in colours."""
    if asked := GLOBAL.search(str(error)):
        advice = "Write arrays as tensors: torch.from_numpy(array)" if "numpy" in asked[1] else "Leave it out"
        return (
            f"holds a {asked[1]}; only tensors, numbers, texts, lists and dictionaries are read, and nothing is "
            f"unpickled. {advice}"
        )
    reason = REASON.search(str(error))
    text = first_line(ValueError(reason[1])) if reason else first_line(error)
    return f"torch.load(weights_only=True) cannot read it: {text.rstrip('.')}"
