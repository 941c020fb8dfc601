"""Why is RelP among the last here, and reported to be the best white-box tool in audits of fine-tuned models?

Run it with `python benchmarks/relp.py`. Two measurements:

1. On models with an exact circuit: AUROC over all edges, and over all edges but those into queries and keys, which
   RelP scores 0 by construction.
2. On small trained language models, as they ship and after a fine-tune that makes them give the wrong name on indirect
   object identification: Spearman's correlation of the estimates with the exact effect of each cut, by what the edge
   enters, and of nodes, all edges out of a node cut together. Audits rank nodes or their features.
"""

import argparse
import dataclasses
import math
import warnings
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.stats import spearmanr

import groundtruth
import mib
from mib import EdgeScores, LocalizationTask, NodeScores, localization
from mib.metrics.roc import edge_auroc
from mib.models.adapters.anatomy import Anatomy

METHODS = ("relp", "eap", "gim", "eap-ig-inputs")
WITH_TRUTH = {
    "compiled": (
        "hist", "reverse", "frac_prevs", "contains_x", "follow_pointer_twice", "pair_balance", "second_step", "sort",
    ),
    "trained": (
        "contains_both@free-0", "contains_either@free-1", "contains_x@wired-llama-0", "has_larger@wired-0",
        "hist@free-0", "second_step@free-0", "waiting_pair@free-0",
    ),
}  # fmt: skip
LANGUAGE_MODELS = ("learned-gpt2-1", "learned-gpt2-2", "learned-gpt2-3", "learned-llama-2")
N_PAIRS, N_TUNED, STEPS, RATE = 32, 48, 60, 3e-3
INTO = {"q, k": ("q", "k"), "v": ("v",), "MLP, logits": ("",)}


def main() -> None:
    """Print both tables."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    print(f"{'AUROC: all edges, without q and k':36}" + "".join(f"{method:>16}" for method in METHODS))
    for kind, names in WITH_TRUTH.items():
        rows = [auroc_with_and_without(name) for name in names]
        cells = [
            f"{fmean(row[method][0] for row in rows):9.2f}{fmean(row[method][1] for row in rows):7.2f}"
            for method in METHODS
        ]
        print(f"{f'{kind} ({len(names)})':36}" + "".join(cells), flush=True)
    print(f"\n{'Spearman with exact cuts':36}" + "".join(f"{method:>16}" for method in METHODS))
    tables = [[agreement_with_cuts(task) for task in tasks_of(name)] for name in LANGUAGE_MODELS]
    for which, title in enumerate(("as it ships", "fine-tuned")):
        for part in (*INTO, "nodes"):
            cells = [f"{fmean(table[which][part][method] for table in tables):16.2f}" for method in METHODS]
            print(f"{f'{title}: {part}':36}" + "".join(cells))


def auroc_with_and_without(name: str) -> Mapping[str, tuple[float, float]]:
    """Score each method on a model with an exact circuit, over all edges and over those not into queries and keys."""
    model = groundtruth.load(name)
    task = groundtruth.localization_task(model, n_pairs=N_PAIRS, dtype=torch.float64)
    truth = model.circuit("resample").mask()
    left_out = np.broadcast_to(entering(task, INTO["q, k"]), truth.shape)
    found = dict[str, tuple[float, float]]()
    for method in METHODS:
        scores = cast(EdgeScores, localization.get(method)(task))
        found[method] = (edge_auroc(scores, truth), edge_auroc(scores, truth, leave_out=left_out))
    return found


def entering(task: LocalizationTask, letters: Sequence[str]) -> NDArray[np.bool_]:
    """Find which destinations are inputs of these kinds."""
    return np.array([place.letter in letters for place in map(task.graph.locate, task.graph.destinations)])


def tasks_of(name: str) -> tuple[LocalizationTask, LocalizationTask]:
    """Indirect object identification on a learned model, and on the same model after a fine-tune."""
    model = mib.load_model(name, dtype=torch.float64)
    ioi = mib.tasks.get("ioi")
    plain = ioi.localization(model, n=N_PAIRS)
    tuned = fine_tuned(model.anatomy, ioi.localization(model, n=N_TUNED, seed=1))
    return plain, dataclasses.replace(plain, model=tuned)


def fine_tuned(anatomy: Anatomy, task: LocalizationTask) -> Anatomy:
    """A copy of a model that was trained, in all of its weights, to prefer the wrong answer of a task's prompts."""
    leaves = list[torch.Tensor]()
    copy = _copied(anatomy, leaves)
    optimizer = torch.optim.Adam(leaves, lr=RATE)
    examples = task.everything.examples
    for _ in range(STEPS):
        optimizer.zero_grad()
        leads = task.metric(copy.logits(task.clean, task.attention_mask), examples)
        F.softplus(leads).mean().backward()
        optimizer.step()
    with torch.no_grad():
        wrong = (task.metric(copy.logits(task.clean, task.attention_mask), examples) < 0).double().mean()
    print(f"fine-tuned: the wrong name on {wrong:.0%} of its prompts", flush=True)
    for leaf in leaves:
        leaf.requires_grad_(False)
    return copy


def _copied(part: Any, leaves: list[torch.Tensor]) -> Any:
    """A part with weights of its own, which are noted."""
    if isinstance(part, torch.Tensor):
        leaves.append(part.detach().clone().requires_grad_())
        return leaves[-1]
    if isinstance(part, tuple):
        return tuple(_copied(item, leaves) for item in part)
    if dataclasses.is_dataclass(part) and not isinstance(part, type):
        changed = {field.name: _copied(getattr(part, field.name), leaves) for field in dataclasses.fields(part)}
        return dataclasses.replace(part, **changed)
    return part


def agreement_with_cuts(task: LocalizationTask) -> Mapping[str, Mapping[str, float]]:
    """Correlate each method's estimates with exact cuts: edges by what they enter, and nodes."""
    exact = cast(EdgeScores, localization.get("exact")(task))
    nodes = cast(NodeScores, localization.get("exact-node")(dataclasses.replace(task, level="node")))
    estimates = {method: cast(EdgeScores, localization.get(method)(task)) for method in METHODS}
    found = dict[str, dict[str, float]]()
    for part, letters in INTO.items():
        these = task.graph.edge_mask & entering(task, letters)
        found[part] = {m: _spearman(scores.values[these], exact.values[these]) for m, scores in estimates.items()}
    found["nodes"] = {m: _spearman(np.nansum(s.values, axis=1), nodes.values) for m, s in estimates.items()}
    return found


def _spearman(estimated: NDArray[np.float64], exact: NDArray[np.float64]) -> float:
    """Rank correlation of sizes; 0 for estimates that are all alike."""
    correlation = cast(float, spearmanr(np.abs(estimated), np.abs(exact))[0])
    return 0.0 if math.isnan(correlation) else correlation


if __name__ == "__main__":
    main()
