"""What the parts of a stored model are called, and the version of their schema."""

WEIGHTS, MODEL, TRUTH = "model.safetensors", "model.json", "truth.json"
"""The files of a stored model."""

FRAME = "frame"
"""The array beside the weights that says where directions lie; see ``groundtruth.compiled.frame``."""

SCHEMA_VERSION = 1
