"""Places in a transformer where a variable can be read off and replaced."""

from dataclasses import dataclass
from typing import Literal

import mib.site
from groundtruth.errors import GroundTruthError
from mib.errors import TaskError
from mib.sublayers import attention_sublayer

SiteKind = Literal["embed", "pos_embed", "head_value", "head_result", "mlp_out", "resid_pre", "resid_mid", "resid_post"]

_NAMES: dict[SiteKind, str] = {
    "embed": "input",
    "pos_embed": "pos",
    "head_value": "a{layer}.h{head}.z",
    "head_result": "a{layer}.h{head}",
    "mlp_out": "m{layer}",
    "resid_pre": "resid_pre{layer}",
    "resid_mid": "resid_mid{layer}",
    "resid_post": "resid_post{layer}",
}
_HOOKS: dict[SiteKind, str] = {
    "embed": "hook_embed",
    "pos_embed": "hook_pos_embed",
    "head_value": "blocks.{layer}.attn.hook_z",
    "head_result": "blocks.{layer}.attn.hook_result",
    "mlp_out": "blocks.{layer}.hook_mlp_out",
    "resid_pre": "blocks.{layer}.hook_resid_pre",
    "resid_mid": "blocks.{layer}.hook_resid_mid",
    "resid_post": "blocks.{layer}.hook_resid_post",
}
_BEFORE: dict[SiteKind, int] = {
    "head_value": 1,
    "head_result": 1,
    "resid_mid": 1,
    "mlp_out": 2,
    "resid_post": 2,
}
"""Number of sublayers of its block that lie before a site."""


@dataclass(frozen=True, slots=True)
class Site:
    """A residual stream or the output of one component; as a string its name in the graph, or such as ``resid_mid0``.

    Attributes:
        kind: Kind of the site; ``head_value`` is what a head has mixed before its output matrix, [d_head].
        layer: Number of the block; 0 for the embeddings.
        head: Number of the head, for ``head_value`` and ``head_result``.
    """

    kind: SiteKind
    layer: int = 0
    head: int | None = None

    @property
    def sublayer(self) -> int:
        """The first sublayer that can read it, by its number in ``mib.sublayers``."""
        return attention_sublayer(self.layer) + _BEFORE.get(self.kind, 0)

    @property
    def hook(self) -> str:
        """Its hook in TransformerLens; a head is one index of that hook's third axis."""
        return _HOOKS[self.kind].format(layer=self.layer)

    @classmethod
    def of(cls, site: mib.site.Site) -> "Site":
        """The site that a featurization task names, whatever its positions."""
        if site.kind == "residual":
            kinds: dict[str | None, SiteKind] = {"pre": "resid_pre", "mid": "resid_mid", "post": "resid_post"}
            return cls(kinds[site.stage], site.layer)
        if site.kind == "head":
            return cls("head_value" if site.output == "z" else "head_result", site.layer, site.head)
        return cls("mlp_out", site.layer)

    @property
    def residual(self) -> bool:
        """True if it is a residual stream and not the output of one component."""
        return self.kind.startswith("resid")

    def __str__(self) -> str:
        return _NAMES[self.kind].format(layer=self.layer, head=self.head)

    @classmethod
    def parse(cls, name: str) -> "Site":
        """The site of a name, in the spelling of truth files or in any other that ``mib.site.Site`` reads.

        Raises:
            GroundTruthError: If no site has such a name, or it names positions.
        """
        if name in ("input", "pos"):
            return cls("embed" if name == "input" else "pos_embed")
        try:
            site = mib.site.Site.parse(name)
        except TaskError:
            site = None
        if site is None or site.positions is not None:
            raise GroundTruthError(
                f"'{name}' is no site; write resid_pre0, resid_mid0, resid_post0, a0.h0.z, a0.h0, m0, input or pos."
            )
        return cls.of(site)


def residual_sites(n_layers: int, *, since: int) -> list[Site]:
    """The residual streams that a sublayer or a later one reads, in the order of computation.

    Args:
        n_layers: Number of layers of the model.
        since: The sublayer.
    """
    kinds: tuple[SiteKind, ...] = ("resid_pre", "resid_mid", "resid_post")
    return [site for layer in range(n_layers) for kind in kinds if (site := Site(kind, layer)).sublayer >= since]
