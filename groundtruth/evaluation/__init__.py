"""Evaluators: one method on one subject, scored against exact truth or by MIB's metrics."""
