"""Models decomposed into pure functions, so that patching never needs hooks at run time."""

from mib.models.adapters.anatomy import Anatomy, Rotary
from mib.models.adapters.decompose import Decomposed, Model, decompose
from mib.models.adapters.parts import Attention, Block, Context, Mlp, Norm

__all__ = ["Anatomy", "Attention", "Block", "Context", "Decomposed", "Mlp", "Model", "Norm", "Rotary", "decompose"]
