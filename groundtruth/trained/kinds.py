"""Kinds of trained models, by how their edges were held in training."""

from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["wired", "free", "scratch", "sparse"]
"""``wired``: edges that nothing needs are absent by algebra, then the rest is trained. ``free``: from there every
matrix is let go, disturbed and trained strictly. ``scratch``: trained strictly from random weights. ``sparse``: trained
on answers alone, with few weights; no circuit is planned, and the one that the network chose is enumerated."""

Origin: TypeAlias = Literal["wired", "free", "scratch", "sparse", "imported", "compiled"]
"""A kind of training; or ``imported``: trained elsewhere, so that the circuit that others claim of it is measured and
not vouched for; or ``compiled``: a compiled model behind norms, not trained at all."""
