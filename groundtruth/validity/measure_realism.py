"""How like a trained network a model is, in numbers: weights, ranks, attention, units, directions, gradients.

Each is measured on the task that methods get, so that compiled, trained and language models stand in one table.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mib.localization import get
from mib.localization.task import LocalizationTask
from mib.models.adapters.anatomy import Anatomy
from mib.models.adapters.parts import Context, Mlp, normalise

N_EXAMPLES = 32
"""Examples that are run, at most."""

ENERGY = 0.99
"""A source's span holds this share of the variance of what it writes."""

FLAT = 1e-3
"""A unit whose slope is below this share of the activation function's largest is flat."""


@dataclass(frozen=True)
class Realism:
    """What weights and activations of one model on one task look like.

    Attributes:
        model: Name of the model, with the task of a language model.
        kurtosis: Kurtosis of the entries of each matrix of the blocks, in the mean over matrices; 3 for a Gaussian.
        qk_rank: Effective rank (exponential of the entropy of singular values) of W_Q W_K', as a share of d_head, in
            the mean over heads.
        ov_rank: The same of W_V W_O.
        attention_entropy: Entropy of attention over what a position can see, as a share of the largest, in the mean
            over heads and positions that see several; 0 is a hard choice, 1 an average.
        dead_units: Share of hidden units that are zero on every example and position.
        flat_units: Share of (unit, position) at which a unit that is not dead has almost no slope.
        cosine: Largest cosine between what two sources write, after their means, in the mean over pairs of sources that
            write anything.
        attribution_error: Sum of |EAP - exact| over all edges, as a share of the sum of |exact|.
    """

    model: str
    kurtosis: float
    qk_rank: float
    ov_rank: float
    attention_entropy: float
    dead_units: float
    flat_units: float
    cosine: float
    attribution_error: float


def measure_realism(model: str, task: LocalizationTask) -> Realism:
    """Measure one model on a task for edges.

    Source: effective rank, Roy & Vetterli (2007), https://www.eurasip.org/Proceedings/Eusipco/Eusipco2007.

    Args:
        model: Name of the model.
        task: Any task on it.
    """
    anatomy, runs = task.engine.anatomy, _Runs.of(task)
    exact, eap = (get(name)(task) for name in ("exact", "eap"))
    cuts, estimates = (torch.from_numpy(scores.flat) for scores in (exact, eap))  # type: ignore[union-attr]
    total = float(cuts.abs().sum())
    return Realism(
        model=model,
        kurtosis=_mean(map(_kurtosis, _matrices(anatomy))),
        qk_rank=_mean(_ranks(anatomy, "W_Q", "W_K")),
        ov_rank=_mean(_ranks(anatomy, "W_V", "W_O")),
        attention_entropy=_mean(runs.entropies()),
        dead_units=runs.dead_units(),
        flat_units=runs.flat_units(),
        cosine=_mean(runs.cosines()),
        attribution_error=float((estimates - cuts).abs().sum()) / total if total else math.nan,
    )


def _mean(values: Iterable[float]) -> float:
    known = [value for value in values if value == value]
    return sum(known) / len(known) if known else math.nan


def _matrices(anatomy: Anatomy) -> Iterator[Tensor]:
    for block in anatomy.blocks:
        attention = block.attention
        yield from (attention.W_Q, attention.W_K, attention.W_V, attention.W_O, block.mlp.W_in, block.mlp.W_out)


def _kurtosis(matrix: Tensor) -> float:
    """Compute the kurtosis of a matrix's entries; NaN for one that has none, or only equal ones."""
    values = matrix.detach().double().flatten()
    if not len(values):
        return math.nan
    centred = values - values.mean()
    variance = float(centred.square().mean())
    return float(centred.pow(4).mean()) / variance**2 if variance else math.nan


def _ranks(anatomy: Anatomy, first: str, second: str) -> Iterator[float]:
    """Effective rank of the product of two matrices of each head, as a share of d_head; NaN for heads of zeros."""
    for block in anatomy.blocks:
        one, other = (getattr(block.attention, name).detach().double() for name in (first, second))
        other = other if second == "W_O" else other.mT
        for head in range(len(one)):
            values = torch.linalg.svdvals(one[head] @ other[head])
            # A head of zeros has no spectrum; it is left out of the mean and not counted as of rank one.
            shares = values / values.sum() if bool(values.sum() > 0) else values
            entropy = float(torch.special.entr(shares).sum())
            yield math.exp(entropy) / one.shape[-1] if bool(values.sum() > 0) else math.nan


@dataclass(frozen=True, eq=False)
class _Runs:
    """Some clean inputs of a task run through a model."""

    task: LocalizationTask
    anatomy: Anatomy
    context: Context
    mask: Tensor | None
    reads: Sequence[Tensor]
    """Input of each sublayer, [example, position, d_model]."""
    written: Tensor
    """Output of each source, [example, source, position, d_model]."""

    @classmethod
    def of(cls, task: LocalizationTask) -> "_Runs":
        clean = task.everything.clean[:N_EXAMPLES]
        tokens, mask = task.engine.tokens(clean)
        anatomy = task.engine.anatomy
        run = task.engine.trace(clean, split=False)
        reads = [read[:, 0].detach() for read in run.reads]
        return cls(task, anatomy, anatomy.context(tokens, mask), mask, reads, task.engine.outputs(clean).detach())

    def entropies(self) -> Iterator[float]:
        """Compute the entropy of every head at every position that sees several, as a share of the largest possible."""
        for layer, block in enumerate(self.anatomy.blocks):
            attention, read = block.attention, self.reads[2 * layer][:, None]
            queries, keys = attention.queries(read, self.context), attention.keys(read, self.context)
            seen = torch.eye(keys.shape[-2], dtype=keys.dtype, device=keys.device)[None, None]
            seen = seen.expand(*keys.shape[:2], -1, -1)
            pattern = attention.mix(queries, keys, seen, self.context).detach().double()
            bias = self.context.local_bias if attention.local else self.context.bias
            n_seen = torch.tensor(float(pattern.shape[-1])) if bias is None else bias.isfinite().sum(-1).double()
            entropy = torch.special.entr(pattern).sum(-1)
            # Where one position is seen the largest entropy is 0; these are masked out just below.
            share = entropy / n_seen.clamp(min=2).log()
            several = (n_seen > 1).expand_as(share) & self._real(share)
            for head in range(pattern.shape[1]):
                # An idle head attends to everything alike, which would pass for an average.
                if bool(attention.W_O[head].any()):
                    yield float(share[:, head][several[:, head]].mean())

    def _real(self, like: Tensor) -> Tensor:
        """True at positions that are not padding, [example, head, position]."""
        real = torch.ones(like.shape[0], like.shape[-1], dtype=torch.bool) if self.mask is None else self.mask.bool()
        return real[:, None].expand_as(like).to(like.device)

    def _hidden(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Activation and slope of every unit of an MLP, [example and position, unit], padding left out."""
        for layer, block in enumerate(self.anatomy.blocks):
            if not block.mlp.W_in.shape[-1]:
                continue
            gate = _gate(block.mlp, self.reads[2 * layer + 1]).double()
            with torch.enable_grad():
                given = gate.detach().requires_grad_()
                active = block.mlp.act(given)
                (slope,) = torch.autograd.grad(active.sum(), given)
            real = self._real(gate[..., 0][:, None])[:, 0]
            yield active.detach()[real], slope[real]

    def dead_units(self) -> float:
        """Share of units that are zero everywhere."""
        dead = [(active.abs() <= 1e-9).all(0) for active, _ in self._hidden()]
        return float(torch.cat(dead).double().mean()) if dead else math.nan

    def flat_units(self) -> float:
        """Share of (unit, position) without a slope, of units that are not dead."""
        found: list[Tensor] = []
        for active, slope in self._hidden():
            alive = (active.abs() > 1e-9).any(0)
            found.append((slope[:, alive].abs() < FLAT).flatten())
        flat = torch.cat(found) if found else torch.zeros(0)
        return float(flat.double().mean()) if len(flat) else math.nan

    def cosines(self) -> Iterator[float]:
        """The largest cosine between directions in which two sources write."""
        spans = [span for source in range(self.written.shape[1]) if (span := self._span(source)) is not None]
        for index, one in enumerate(spans):
            for other in spans[:index]:
                yield float(torch.linalg.svdvals(one @ other.mT).amax())

    def _span(self, source: int) -> Tensor | None:
        """Orthonormal directions that hold nearly all of what a source writes beside its mean, [direction, d_model]."""
        written = self.written[:, source].double()
        rows = written[self._real(written[..., 0][:, None])[:, 0]]
        centred = rows - rows.mean(0)
        _, values, directions = torch.linalg.svd(centred, full_matrices=False)
        energy = values.square()
        # Rounding about a constant output is no direction.
        if not bool(energy.sum() > 1e-18):
            return None
        kept = int((energy.cumsum(0) / energy.sum() < ENERGY).sum()) + 1
        return directions[:kept]


def _gate(mlp: Mlp, read: Tensor) -> Tensor:
    """Return what the activation function of an MLP is applied to."""
    x = normalise(mlp.norm, read)
    weight, bias = (mlp.W_in, mlp.b_in) if mlp.W_gate is None else (mlp.W_gate, mlp.b_gate)
    return x @ weight if bias is None else x @ weight + bias
