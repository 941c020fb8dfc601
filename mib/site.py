"""Sites: where in a model a featurizer reads and writes."""

from dataclasses import dataclass, replace
from typing import Literal, Self, get_args

import torch
from jaxtyping import Int
from torch import Tensor

from mib.errors import TaskError, did_you_mean

Kind = Literal["residual", "head", "mlp"]
Stage = Literal["pre", "mid", "post"]
Output = Literal["z", "result"]


@dataclass(frozen=True)
class Site:
    """One activation of a model, at one, several or all positions.

    Build it with ``Site.residual``, ``Site.at_head`` or ``Site.at_mlp``.

    Attributes:
        kind: The residual stream, one attention head's output, or an MLP's output.
        layer: Which block, from 0.
        stage: Of the residual stream: before the block, between attention and MLP, or after the block.
        head: Which attention head.
        output: Of a head: ``z`` is the value that it mixed, [d_head]; ``result`` is what it writes, [d_model].
        positions: Where in the sequence; negative ones count from the end; None is everywhere.
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
            layer: Which block.
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
        """What one MLP writes."""
        return cls("mlp", layer, positions=_several(positions))

    @classmethod
    def parse(cls, name: str) -> Self:
        """A site from what ``str`` makes of it.

        Raises:
            TaskError: If the name is no site.
        """
        body, _, where = name.partition("@")
        try:
            positions = tuple(int(part) for part in where.split(",")) if where else None
            match body.split("."):
                case ["residual", layer, stage]:
                    return cls("residual", _number(layer, ""), stage=stage, positions=positions)  # pyright: ignore[reportArgumentType]
                case [layer, head, output]:
                    number = _number(head, "h")
                    return cls("head", _number(layer, "a"), head=number, output=output, positions=positions)  # pyright: ignore[reportArgumentType]
                case [layer]:
                    return cls("mlp", _number(layer, "m"), positions=positions)
                case _:
                    raise ValueError(body)
        except ValueError as error:
            reason = f" {error}" if isinstance(error, TaskError) else ""
            hint = did_you_mean(name, ("residual.0.post", "a0.h0.z", "m0"))
            raise TaskError(
                f"'{name}' is no site.{reason}{hint} Sites look like residual.2.post@3, a1.h0.z@2,3 or m0."
            ) from None

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
        """The TransformerLens hook point whose value this is (of a head: its row of it).

        Of a ``TransformerBridge`` the point of ``mid`` is the MLP's input alone: patching it there leaves out the
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

    def indices(self, n_examples: int, n_positions: int) -> Int[Tensor, "example chosen"]:
        """The positions, from the start, for each of some examples.

        Raises:
            TaskError: If a position lies outside the inputs.
        """
        chosen = range(n_positions) if self.positions is None else self.positions
        outside = [p for p in chosen if not -n_positions <= p < n_positions]
        if outside:
            raise TaskError(
                f"site {self} is at position {outside[0]}; the inputs have positions 0 to {n_positions - 1}."
            )
        return (torch.tensor([*chosen]) % n_positions).expand(n_examples, -1)


def _several(positions: int | tuple[int, ...] | None) -> tuple[int, ...] | None:
    return (positions,) if isinstance(positions, int) else positions


def _number(text: str, prefix: str) -> int:
    if not text.startswith(prefix):
        raise ValueError(text)
    return int(text[len(prefix) :])


def _listed(names: tuple[str | None, ...]) -> str:
    return ", ".join(map(repr, names))
