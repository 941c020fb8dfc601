"""The environment of a process that hashes strings otherwise than this one."""

import os


def another_hash_seed() -> dict[str, str]:
    """This environment with another PYTHONHASHSEED; that of this process is a number, or drawn when it starts."""
    return {**os.environ, "PYTHONHASHSEED": "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"}
