"""All directions at a site, by what is known of them: read or not, and which variable they hold.

What later components read of a vector at the site is its part in the *readable* space; two featurizers that differ
outside it do the same to the model.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from groundtruth.model import CompiledModel
from groundtruth.truth.variables.residual_sites import Site
from groundtruth.truth.variables.value_pool import Ground
from groundtruth.truth.variables.variable_truth import VariableTruth
from mib.featurization.featurizer import orthonormal

Span = Float[Tensor, "d_site _"]


@dataclass(frozen=True, eq=False)
class Landscape:
    """Orthonormal columns of orthogonal spaces that together are the whole site.

    Attributes:
        live: The variable's own: the part of its span of differences that later components read.
        others: Directions of other variables that they read, outside ``live``.
        dormant: Directions that they read and no variable varies.
        dead: Directions in which variables vary and that nothing reads: copies that were read before, or never.
        null: The rest: neither written nor read.
    """

    live: Span
    others: Span
    dormant: Span
    dead: Span
    null: Span

    @property
    def readable(self) -> Span:
        """All that later components read."""
        return torch.cat((self.live, self.others, self.dormant), dim=1)

    @property
    def width(self) -> int:
        """d_site."""
        return len(self.live)

    @classmethod
    def of(cls, ground: Ground, truth: VariableTruth, site: Site) -> "Landscape":
        """The directions at a site of a model.

        Args:
            ground: The model.
            truth: The variable, which need not be written at the site: then ``live`` is empty.
            site: Site of the model.
        """
        model = ground.model if isinstance(ground.model, CompiledModel) else CompiledModel.of(ground.model)
        written = written_at(model, site)
        # What later components read of the stream, pulled back through what the site writes into it.
        readable = orthonormal(_into(model, site) @ ground.readable(site.sublayer))
        own = [truth.variable.span_at(site, model.weights)] if truth in written else []
        others = [other.variable.span_at(site, model.weights) for other in written if other is not truth]
        return cls.around(readable, own, others)

    @classmethod
    def around(cls, readable: Span, own: Sequence[Span], others: Sequence[Span]) -> "Landscape":
        """The directions of a site, by what is read there and where variables vary.

        Args:
            readable: Orthonormal columns of all that later components read.
            own: Directions in which the variable varies.
            others: Directions in which all else varies.
        """
        unread = _rest(readable)
        live = orthonormal(_within(readable, own))
        # Outside `live`, so that what two variables share counts as the own, and the spaces stay orthogonal.
        varied = orthonormal(_outside(live, _within(readable, others)))
        dormant = _within(readable, [_rest(torch.cat((live, varied, unread), dim=1))])
        dead = orthonormal(_within(unread, [*own, *others]))
        null = _within(unread, [_rest(torch.cat((readable, dead), dim=1))])
        return cls(live, varied, orthonormal(dormant), dead, orthonormal(null))


def written_at(model: CompiledModel, site: Site) -> list[VariableTruth]:
    """The variables whose values a site holds: all so far in a residual stream, its own at a component."""
    if site.residual:
        return [truth for truth in model.variables() if truth.variable.since <= site.sublayer]
    writer = Site("head_result", site.layer, site.head) if site.kind == "head_value" else site
    return [truth for truth in model.variables() if truth.variable.writer == writer]


def _into(model: CompiledModel, site: Site) -> Float[Tensor, "d_site d_model"]:
    """Return what the site's dimensions write into the residual stream."""
    if site.kind == "head_value":
        return model.weights.W_O[site.layer, site.head]
    return torch.eye(model.weights.d_model, dtype=torch.float64)


def _within(space: Span, spans: Iterable[Span]) -> Span:
    """The parts of some directions that lie in a space."""
    columns = torch.cat([*spans, space[:, :0]], dim=1)
    return _cleaned(space @ (space.T @ columns))


def _outside(space: Span, columns: Span) -> Span:
    return _cleaned(columns - space @ (space.T @ columns))


def _cleaned(columns: Span) -> Span:
    """Without the columns that are nothing but rounding."""
    # Columns have length 1 at most; what rounding leaves of one is 1e-15, and an `orthonormal` of that alone would be a
    # direction at random.
    return columns[:, columns.norm(dim=0) > 1e-9]


def _rest(space: Span) -> Span:
    """Orthonormal columns of all that is orthogonal to a space."""
    u, s, _ = torch.linalg.svd(space, full_matrices=True)
    return u[:, int((s > 1e-9).sum()) :]
