"""One draw of a suite: a program drawn, judged, compiled or trained, and its model stored."""

import random
from dataclasses import replace

from groundtruth.generated.acceptance import Rejected, judge
from groundtruth.generated.bounds import Bounds
from groundtruth.generated.choices import seeded
from groundtruth.generated.draw import Drawn, draw
from groundtruth.generated.grammar import Stuck
from groundtruth.generated.member import Member
from groundtruth.generated.resume import Job, kept
from groundtruth.generated.train_draw import store_trained
from groundtruth.store.write import save

WIDE = 3
"""Programs are made to have at least 1, 2, ... so many heads in turn."""


def draw_number(seed: int, number: int, bounds: Bounds) -> Drawn:
    """One draw of a suite: of the depth, and the least number of heads, whose turn it is.

    Raises:
        Stuck: If nothing comes of it.
    """
    (low, high), (least, most) = bounds.depth, bounds.heads
    turn, depth = number // (high - low + 1), low + number % (high - low + 1)
    heads = least + turn % (min(most, WIDE) - least + 1) if least < WIDE else least
    dealt = replace(bounds, depth=(depth, depth), heads=(min(heads, max(least, depth)), most))
    return draw(seeded(random.Random(f"{seed}/{number}")), dealt)


def outcome_of(job: Job) -> Member | str:
    """Draw, judge and store one model, or take what is kept of an earlier run; the reason if it is rejected."""
    return kept(job, _drawn)


def _drawn(job: Job) -> Member | str:
    import torch

    torch.set_num_threads(1)
    try:
        drawn = draw_number(job.seed, job.number, job.bounds)
        if job.kind == "trained":
            return store_trained(drawn, job.number, job.bounds, str(job.folder))
        judged = judge(drawn, job.bounds)
    except Stuck:
        return "nothing fits any more"
    except Rejected as error:
        return error.reason
    model = judged.model
    kinds = ("fixed", "mixed") if model.pad_safe and len(model.domain.lengths) > 1 else ("fixed",)
    save(model, job.folder / model.name, [model.circuit("resample", lengths) for lengths in kinds])
    return Member(
        name=model.name,
        code=drawn.code,
        layers=model.weights.n_layers,
        heads=model.weights.n_heads,
        live=len(judged.circuit.edges),
        edges=len(model.graph.edges),
        shared_mlps=drawn.size.mlps,
        inputs=model.check.inputs,
        causal=model.causal,
    )
