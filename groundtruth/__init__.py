"""Transformers whose circuits and variables are known exactly, and the scoring of methods on them."""
