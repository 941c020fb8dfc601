"""How much memory a run may use beside its model; results are read where there is no torch, so this imports nothing."""

MEMORY = 2 * 2**30
"""Bytes that a run may use beside the model unless told otherwise."""
