"""The levels at which a method scores a graph, and what it gives there."""

from typing import Literal, get_args

from mib.graph import EdgeScores, NeuronScores, NodeScores

Level = Literal["edge", "node", "neuron"]
LEVELS: tuple[Level, ...] = get_args(Level)

Scores = EdgeScores | NodeScores | NeuronScores
"""Scores that a localization method gives: one number a part, at its level."""
