"""MIB's names of places in a model, such as ``ResidualStream(Layer-3,Token-last_token)``.

Source: the submission section of the MIB causal variable track (README) and its files; older files of
atticusg/CausalAbstraction write ``Layer:3,Token:last_token``, and leave the head out of ``AttentionHead``.
"""

import re
from dataclasses import dataclass
from typing import Literal, Self

from mib.errors import FormatError
from mib.site import Site

_NAME = re.compile(
    r"(?P<kind>ResidualStream|AttentionHead)\(Layer[-:](?P<layer>\d{1,4})"
    r"(?:,Head[-:](?P<head>\d{1,4}))?,Token[-:](?P<token>[^/\\\0]{1,200})\)"
)


@dataclass(frozen=True)
class Unit:
    """A place as MIB names it: its token is a word, which a task turns into a position of each input.

    Attributes:
        kind: ``ResidualStream`` (the output of a block) or ``AttentionHead`` (its value, before the output matrix).
        layer: Number of the block.
        token: MIB's name of the position, such as ``last_token``.
        head: Head of an ``AttentionHead``; None in older files, which leave it out.
    """

    kind: Literal["ResidualStream", "AttentionHead"]
    layer: int
    token: str
    head: int | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(str(self)) or (self.kind == "ResidualStream" and self.head is not None):
            raise FormatError(
                f"{self!r} is no MIB unit: a ResidualStream has a layer and a token, an AttentionHead a head too; the "
                "token is a word without slashes."
            )

    @classmethod
    def parse(cls, name: str) -> Self:
        """Read a name, of today or of older files.

        Raises:
            FormatError: If it is none.
        """
        found = _NAME.fullmatch(name)
        if found is None or (found["kind"] == "ResidualStream" and found["head"] is not None):
            raise FormatError(
                f"'{name}' is no MIB unit. Names are 'ResidualStream(Layer-3,Token-last_token)' and "
                "'AttentionHead(Layer-3,Head-1,Token-last_token)'."
            )
        head = None if found["head"] is None else int(found["head"])
        return cls(found["kind"], int(found["layer"]), found["token"], head)  # pyright: ignore[reportArgumentType]

    @classmethod
    def of(cls, site: Site, token: str) -> Self:
        """The name of a site.

        Args:
            site: The residual stream after a block, or the ``z`` of a head.
            token: MIB's name of its position.

        Raises:
            FormatError: If MIB has no name for such a site.
        """
        if site.kind == "residual" and site.stage == "post":
            return cls("ResidualStream", site.layer, token)
        if site.kind == "head" and site.output == "z":
            return cls("AttentionHead", site.layer, token, site.head)
        raise FormatError(f"MIB has no name for site {site}; it names the output of a block and the z of a head.")

    def site(self, *, positions: int | tuple[int, ...] | None = None, head: int | None = None) -> Site:
        """The site, at positions that the task knows.

        Args:
            positions: Positions of the token; for positions that differ from input to input, leave it out and give them
                to the task.
            head: Number of the head, for older names that leave it out.

        Raises:
            FormatError: If the head is not known.
        """
        if self.kind == "ResidualStream":
            return Site.residual(self.layer, positions=positions)
        known = self.head if head is None else head
        if known is None:
            raise FormatError(f"'{self}' names no head, as older files do; say which: unit.site(head=...).")
        return Site.at_head(self.layer, known, positions=positions)

    def name(self, *, joint: Literal["-", ":"] = "-") -> str:
        """The name as files have it.

        Args:
            joint: Between a word and its number: ``-``, or ``:`` as in older files and in MIB's evaluation of IOI.
        """
        head = "" if self.head is None else f"Head{joint}{self.head},"
        return f"{self.kind}(Layer{joint}{self.layer},{head}Token{joint}{self.token})"

    def __str__(self) -> str:
        return self.name()
