"""Batches of (inputs, replacements) on which circuits are run: where a change is likely first, or every pair."""

from collections.abc import Iterator

import torch

from groundtruth.truth.circuits.patched_runs import Rows, Runs

_SMALL = 24
"""Witnesses are looked for among this many first (shortest) inputs, then in random pairs, then everywhere."""

_COVERING, _EDITS = 100, 40
"""Number of covering inputs that are paired with each other, and of single-token edits that each is paired with."""


def likely_pairs(runs: Runs, replacements: Rows) -> Iterator[tuple[Rows, Rows]]:
    """Batches of (inputs, replacements) where a change is likely: among the first inputs, then at random.

    Args:
        runs: Runs of the model.
        replacements: Replacements to choose from.
    """
    n, m = len(runs.tokens), len(replacements)
    small = replacements[replacements < _SMALL] if runs.ablation == "resample" else replacements
    rows = torch.arange(min(_SMALL, n))
    yield rows.repeat_interleave(len(small)), small.repeat(len(rows))
    generator = torch.Generator().manual_seed(0)
    for size in (512, 2048):
        # A small pool is run whole soon; random pairs would only repeat what comes then.
        if n * m > 4 * size:
            pick = torch.randint(m, (size,), generator=generator)
            yield torch.randint(n, (size,), generator=generator), replacements[pick]


def every_pair(runs: Runs, rows: Rows, replacements: Rows) -> Iterator[tuple[Rows, Rows]]:
    """Batches of (inputs, replacements): every one of both."""
    n, m = len(rows), len(replacements)
    for start in range(0, n * m, runs.rows_a_batch):
        index = torch.arange(start, min(n * m, start + runs.rows_a_batch))
        yield rows[index // m], replacements[index % m]


def covering_pairs(runs: Runs, replacements: Rows, covering: int) -> Iterator[tuple[Rows, Rows]]:
    """Batches of (inputs, replacements): each of the first inputs with each other, and then with its neighbours.

    Args:
        runs: Runs of the model.
        replacements: Replacements to choose from.
        covering: Number of inputs, the first ones, that show something that the others do not.
    """
    first = torch.arange(min(covering, len(runs.tokens), _COVERING))
    near = replacements[replacements < len(first)] if runs.ablation == "resample" else replacements
    yield from every_pair(runs, first, near)
    # There is one replacement for all, so that every input is a pair by itself.
    if runs.ablation != "resample":
        yield from every_pair(runs, torch.arange(len(runs.tokens)), replacements)
        return
    for row in first.tolist():
        edits = replacements[(runs.tokens[replacements] != runs.tokens[row]).sum(1) == 1][:_EDITS]
        if len(edits):
            yield torch.full_like(edits, row), edits
            yield edits, torch.full_like(edits, row)
