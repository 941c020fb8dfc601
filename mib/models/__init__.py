"""Real models: loaded by name, hub id or folder, unprocessed, with every hook, and taken apart for the engine."""

from mib.models.lending import LentModel
from mib.models.loaded import LoadedModel
from mib.models.loading import load_model
from mib.models.names import MODELS

__all__ = ["MODELS", "LentModel", "LoadedModel", "load_model"]
