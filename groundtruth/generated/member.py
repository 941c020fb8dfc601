"""What a suite says about each of its models."""

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

SuiteKind: TypeAlias = Literal["compiled", "trained"]
"""Kind of model that is made of a suite's programs."""

MODEL_NAME = re.compile("g[0-9a-f]{8}")
"""Pattern of every generated model's name; no other name makes a path."""


@dataclass(frozen=True)
class Member:
    """One model of a suite.

    Attributes:
        name: Name of the model and of its folder.
        code: Code that ``from_code`` draws its program from.
        layers: Number of layers of the compiled transformer.
        heads: Number of heads of its widest layer.
        live: Live edges under resample ablation.
        edges: All edges.
        shared_mlps: Layers whose MLP computes more than one expression.
        inputs: Size of its domain.
        causal: True if attention is causal.
    """

    name: str
    code: str
    layers: int
    heads: int
    live: int
    edges: int
    shared_mlps: int
    inputs: int
    causal: bool
