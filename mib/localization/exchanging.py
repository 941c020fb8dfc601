"""Gradients through a model some of whose parts are exchanged for parts with another backward pass."""

from dataclasses import fields
from typing import Any, TypeVar

from mib.anatomy import Anatomy, Attention, Mlp, Norm
from mib.patching.gradients import Trace, trace
from mib.task import Batch, LocalizationTask

Part = TypeVar("Part", bound=Attention | Mlp | Norm)


def remade(part: Attention | Mlp | Norm, kind: type[Part], **changes: Any) -> Part:
    """A part as one of a subclass, with some of its fields changed."""
    values: dict[str, Any] = {field.name: getattr(part, field.name) for field in fields(part)}
    return kind(**{**values, **changes})


def trace_through(task: LocalizationTask, batch: Batch, anatomy: Anatomy) -> Trace:
    """As ``Engine.trace`` on the clean inputs, through other parts; counted as a forward and a backward pass."""
    engine = task.engine
    tokens, mask = engine.tokens(batch.clean)
    stream = anatomy.embed(tokens) + anatomy.position(tokens, mask)
    engine.count(len(tokens), 1.0)
    engine.cost.backward += len(tokens)
    return trace(anatomy, stream, anatomy.context(tokens, mask))
