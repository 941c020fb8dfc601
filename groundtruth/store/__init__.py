"""Stored models: a folder each with ``model.safetensors``, ``model.json`` and ``truth.json``."""
