"""The recipe of a variant as JSON has it: ``[name, seed, parameters]`` for each step."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from groundtruth.compiled.recipe import Step
from groundtruth.store.json_values import Packed, pack, unpack
from groundtruth.store.program_schema import Count

StepData = Annotated[tuple[str, Count, dict[str, Packed]], Field(strict=False)]
"""A field of a schema that holds one step."""


def recipe_data(recipe: Sequence[Step]) -> list[list[Any]]:
    """The steps of a recipe as JSON."""
    return [[step.name, step.seed, {name: pack(value) for name, value in step.parameters}] for step in recipe]


def read_recipe(data: Sequence[tuple[str, int, dict[str, Any]]]) -> tuple[Step, ...]:
    """The steps that ``recipe_data`` wrote."""
    return tuple(
        Step(name, seed, tuple((key, unpack(value)) for key, value in parameters.items()))
        for name, seed, parameters in data
    )
