"""How far float32 is from float64 in the runs of a certificate, and whether it ever decides one wrongly.

A certificate makes each run in float32, and again in float64 where its margin is near zero or float32 is seen to be
off. Here every run is made in both: with edges cut alone and together, with circuits, and with interchanges.

Run it with `python benchmarks/float32_bound.py [MODEL ...]`; by default all trained models that ship.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

import groundtruth
from groundtruth.store.catalog import shipped_trained
from groundtruth.trained.answer_margins import answer_margins, exact_margins
from groundtruth.trained.certify_network import Certifier
from groundtruth.trained.domain_runs import DomainRuns
from groundtruth.trained.trained_model import TrainedModel


@dataclass(frozen=True, eq=False)
class BothRuns(DomainRuns):
    """Runs that are all made in both dtypes; float64 decides.

    Attributes:
        errors: The largest difference between the margins of each batch of runs.
        wrong: How many runs of each batch float32 would have decided, and otherwise than float64.
        made: How many runs each batch has.
    """

    errors: list[float] = field(default_factory=list[float])
    wrong: list[int] = field(default_factory=list[int])
    made: list[int] = field(default_factory=list[int])

    def margins(self, logits: Tensor, codes: Tensor, again: Callable[[Tensor], Tensor]) -> Tensor:
        """Return ``DomainRuns.margins`` from float64 alone, and the difference noted."""
        decoder, every = self.network.decoder, torch.arange(len(logits))
        screened, exact = answer_margins(decoder, logits, codes).double(), exact_margins(decoder, again(every), codes)
        known = screened.isfinite() & exact.isfinite()
        self.errors.append(float((screened - exact)[known].abs().max()) if bool(known.any()) else 0.0)
        decided = screened.abs() >= self.near
        self.wrong.append(int((decided & ((screened > 0) != (exact > 0))).sum()))
        self.made.append(len(exact))
        return exact


def main(*names: str) -> None:
    """Print errors and wrong decisions for each model, and over all."""
    torch.set_num_threads(1)
    start, every = time.process_time(), list[BothRuns]()
    for name in names or shipped_trained():
        model = groundtruth.load(name)
        if not isinstance(model, TrainedModel):
            raise SystemExit(f"{name} is no trained model.")
        certifier = Certifier(model)
        certifier.runs = runs = BothRuns.of(model)
        certifier.certify()
        every.append(runs)
        print(
            f"{name}: {sum(runs.made):,} runs; float32 off by {runs.float32_error:.1e} on the domain, by at most "
            f"{max(runs.errors):.1e} in them; made again below {runs.near:.2g}; {sum(runs.wrong)} decided otherwise",
            flush=True,
        )
    ratio = min(runs.near / max(runs.errors) for runs in every if max(runs.errors))
    print(
        f"{len(every)} models, {sum(sum(runs.made) for runs in every):,} runs: largest error "
        f"{max(max(runs.errors) for runs in every):.1e}, bound at least {ratio:.0f} times a model's largest error, "
        f"{sum(sum(runs.wrong) for runs in every)} decided otherwise; {time.process_time() - start:.0f} CPU s"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
