"""Circuit localization: tasks, and methods by name, one file each in ``methods``."""

from mib.levels import Scores
from mib.localization.registry import Localizer, as_localizer, get, localizer, names

__all__ = ["Localizer", "Scores", "as_localizer", "get", "localizer", "names"]
