"""Language models: loaded by name, hub id or folder, unprocessed, with every hook, and decomposed for the engine."""

from mib.models.load import learned_model, load_model, wrap_model
from mib.models.loaded_model import LoadedModel
from mib.models.model_names import MODELS
from mib.models.shared_model import SharedModel

__all__ = ["MODELS", "SharedModel", "LoadedModel", "learned_model", "load_model", "wrap_model"]
