"""Parts exchanged for parts with another backward pass."""

from dataclasses import fields
from typing import Any, TypeVar

from mib.models.adapters.parts import Attention, Mlp, Norm

Part = TypeVar("Part", bound=Attention | Mlp | Norm)


def remade(part: Attention | Mlp | Norm, kind: type[Part], **changes: Any) -> Part:
    """A part as one of a subclass, with some of its fields changed."""
    values: dict[str, Any] = {field.name: getattr(part, field.name) for field in fields(part)}
    return kind(**{**values, **changes})
