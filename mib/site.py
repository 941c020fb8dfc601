"""Sites: where in a model a featurizer reads and writes."""

import re
from dataclasses import dataclass, replace
from typing import Any, Literal, Self, get_args

from mib.errors import TaskError, did_you_mean

Kind = Literal["residual", "head", "mlp"]
Stage = Literal["pre", "mid", "post"]
Output = Literal["z", "result"]

_SPELLINGS: tuple[tuple[re.Pattern[str], dict[str, Any]], ...] = (
    (re.compile(r"residual\.(?P<layer>-?\d+)\.(?P<stage>\w+)"), {"kind": "residual"}),
    (re.compile(r"resid_(?P<stage>pre|mid|post)(?P<layer>\d+)"), {"kind": "residual"}),
    (re.compile(r"blocks\.(?P<layer>\d+)\.hook_resid_(?P<stage>\w+)"), {"kind": "residual"}),
    (re.compile(r"a(?P<layer>-?\d+)\.h(?P<head>-?\d+)\.(?P<output>\w+)"), {"kind": "head"}),
    (re.compile(r"a(?P<layer>\d+)\.h(?P<head>\d+)"), {"kind": "head", "output": "result"}),
    (re.compile(r"m(?P<layer>-?\d+)"), {"kind": "mlp"}),
    (re.compile(r"blocks\.(?P<layer>\d+)\.hook_mlp_out"), {"kind": "mlp"}),
)
"""Spellings that are read, with what a site of each is; ``str`` writes the first of its kind."""


@dataclass(frozen=True)
class Site:
    """One activation of a model, at one, several or all positions.

    Build it with ``Site.residual``, ``Site.at_head`` or ``Site.at_mlp``.

    Attributes:
        kind: The residual stream, one attention head's output, or an MLP's output.
        layer: Number of the block, from 0.
        stage: Place in the residual stream: before the block, between attention and MLP, or after the block.
        head: Number of the attention head.
        output: Output of a head: ``z`` is the value that it mixed, [d_head]; ``result`` is what it writes, [d_model].
        positions: Places in the sequence; negative ones count from the end; None is everywhere.
    """

    kind: Kind
    layer: int
    stage: Stage | None = None
    head: int | None = None
    output: Output | None = None
    positions: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise TaskError(f"unknown kind of site '{self.kind}'. Known: {', '.join(get_args(Kind))}.")
        if self.layer < 0:
            raise TaskError(f"layer={self.layer} is negative; layers count from 0.")
        stages = get_args(Stage) if self.kind == "residual" else (None,)
        if self.stage not in stages:
            raise TaskError(f"stage={self.stage!r} of a {self.kind} site; use one of {_listed(stages)}.")
        outputs = get_args(Output) if self.kind == "head" else (None,)
        if self.output not in outputs:
            raise TaskError(f"output={self.output!r} of a {self.kind} site; use one of {_listed(outputs)}.")
        if (self.kind == "head") != (self.head is not None) or (self.head is not None and self.head < 0):
            raise TaskError(f"head={self.head} of a {self.kind} site; head sites, and only they, name a head from 0.")
        if self.positions is not None and (not self.positions or len(set(self.positions)) < len(self.positions)):
            raise TaskError(f"positions={self.positions}; name distinct positions, at least one, or None for all.")

    @classmethod
    def residual(cls, layer: int, stage: Stage = "post", *, positions: int | tuple[int, ...] | None = None) -> Self:
        """The residual stream around a block.

        Args:
            layer: Number of the block.
            stage: ``pre``, ``mid`` (between attention and MLP) or ``post``.
            positions: One, several, or None for all.
        """
        return cls("residual", layer, stage=stage, positions=_several(positions))

    @classmethod
    def at_head(
        cls, layer: int, head: int, output: Output = "z", *, positions: int | tuple[int, ...] | None = None
    ) -> Self:
        """The output of one attention head, before (``z``) or after (``result``) its output matrix."""
        return cls("head", layer, head=head, output=output, positions=_several(positions))

    @classmethod
    def at_mlp(cls, layer: int, *, positions: int | tuple[int, ...] | None = None) -> Self:
        """Give what one MLP writes."""
        return cls("mlp", layer, positions=_several(positions))

    @classmethod
    def parse(cls, name: str) -> Self:
        """Read a site from its name, in the spelling of ``str`` or in that of a graph, of truth files or of hooks.

        ``resid_post2`` and ``blocks.2.hook_resid_post`` are ``residual.2.post``; ``a1.h0`` is ``a1.h0.result``.
        Positions follow after ``@``.

        Raises:
            TaskError: If the name is no site.
        """
        body, _, where = name.partition("@")
        reason = ""
        try:
            positions = tuple(int(part) for part in where.split(",")) if where else None
            for pattern, arguments in _SPELLINGS:
                if match := pattern.fullmatch(body):
                    parts = match.groupdict()
                    numbers: dict[str, Any] = {key: int(parts[key]) for key in ("layer", "head") if key in parts}
                    words: dict[str, Any] = {key: parts[key] for key in ("stage", "output") if key in parts}
                    return cls(**(arguments | words | numbers), positions=positions)
        except TaskError as error:
            reason = f" {error}"
        except ValueError:
            pass  # a position that is no number
        hint = did_you_mean(name, ("residual.0.post", "a0.h0.z", "m0"))
        raise TaskError(f"'{name}' is no site.{reason}{hint} Sites look like residual.2.post@3, a1.h0.z@2,3 or m0.")

    def __str__(self) -> str:
        match self.kind:
            case "residual":
                name = f"residual.{self.layer}.{self.stage}"
            case "head":
                name = f"a{self.layer}.h{self.head}.{self.output}"
            case "mlp":
                name = f"m{self.layer}"
        return name if self.positions is None else f"{name}@{','.join(map(str, self.positions))}"

    @property
    def hook(self) -> str:
        """The TransformerLens hook point whose value this is; for a head, its row of that value.

        On a ``TransformerBridge`` the point of ``mid`` is the MLP's input alone: patching it there leaves out the
        skip connection, which a site does not.
        """
        match self.kind:
            case "residual":
                return f"blocks.{self.layer}.hook_resid_{self.stage}"
            case "head":
                return f"blocks.{self.layer}.attn.hook_{self.output}"
            case "mlp":
                return f"blocks.{self.layer}.hook_mlp_out"

    def at(self, positions: int | tuple[int, ...] | None) -> Self:
        """The same activation at other positions."""
        return replace(self, positions=_several(positions))


def _several(positions: int | tuple[int, ...] | None) -> tuple[int, ...] | None:
    return (positions,) if isinstance(positions, int) else positions


def _listed(names: tuple[str | None, ...]) -> str:
    return ", ".join(map(repr, names))
