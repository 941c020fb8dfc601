"""Recipes of the networks of few weights that ship; each of them chose its circuit."""

from groundtruth.trained_recipe import ShippedRecipe

_ONE_LAYER = (("n_layers", 1),)

SPARSE: tuple[ShippedRecipe, ...] = tuple(
    ShippedRecipe(program, kind="sparse", sizes=_ONE_LAYER)
    for program in ("hist", "contains_both", "has_larger", "a_before_b", "dense_rank", "contains_either")
)
"""Every network that ships and chose its circuit."""
