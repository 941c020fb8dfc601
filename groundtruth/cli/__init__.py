"""The command ``groundtruth``. Nothing heavy is imported before a command runs, so that ``--help`` is instant."""

from groundtruth.cli.main import main

__all__ = ["main"]
