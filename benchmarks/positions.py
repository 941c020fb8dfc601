"""How well are edges scored a position at a time, where it is known which edges matter at which positions?

Run it with `python benchmarks/positions.py [MODEL ...]`. Of each model, with at most 128 inputs of its greatest
length, every edge is cut at every position alone on every pair of inputs. Printed are how many (edge, position) there
are and how many of them are live, and the AUROC of four rankings: first-order estimates a position at a time (PEAP),
the same with integrated gradients, exact cuts at single positions, and exact cuts of whole edges, which score all
positions of an edge alike. Beside these, live edges that no single position shows, and the other way round.
"""

import argparse
from typing import cast

import numpy as np
import torch

from groundtruth import compile as compile_program
from groundtruth import load, localization_task
from groundtruth.evaluation.circuits.position_truth import position_truth
from groundtruth.model import KnownModel
from groundtruth.programs import get
from mib import EdgeScores, localization
from mib.localization.position_scores import PositionScores, attribute_positions, cut_positions

SMALL = ("copy_first", "previous_token")
"""Programs that take what stands at a place, compiled for four tokens of two kinds: theirs have too many pairs."""

MODELS = ("parity", "run_length", "bracket_depth", "repeated_bigram", "sort", "sum_of_three", "contains_x_twice_told")
N_PAIRS, STEPS = 64, 5


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=(*MODELS, *SMALL))
    columns = ("PEAP", "PEAP-IG", "cuts", "whole edges")
    print(f"{'model':24}{'edges x positions':>18}{'live':>6}" + "".join(f"{c:>13}" for c in columns), flush=True)
    for name in parser.parse_args().models:
        model = model_of(name)
        truth = position_truth(model)
        task = localization_task(model, lengths="fixed", n_pairs=N_PAIRS, dtype=torch.float64)
        cuts = cut_positions(task)
        exact = cast(EdgeScores, localization.get("exact")(task))
        whole = PositionScores(task.graph, np.broadcast_to(exact.values[..., None], cuts.values.shape))
        rankings = (attribute_positions(task), attribute_positions(task, steps=STEPS), cuts, whole)
        n_places = len(truth.graph.edges) * truth.live.shape[-1]
        cells = "".join(f"{truth.auroc(scores):13.2f}" for scores in rankings)
        whole_edges = set(model.circuit("resample", lengths="fixed").edges)
        hidden, partial = (
            ", ".join(sorted(map(str, edges))) for edges in (whole_edges - {*truth.edges}, {*truth.edges} - whole_edges)
        )
        print(f"{name:24}{n_places:18}{int(truth.live.sum()):6}{cells}", flush=True)
        if hidden:
            print(f"  live, at no single position: {hidden}")
        if partial:
            print(f"  live at a position, not as a whole: {partial}")


def model_of(name: str) -> KnownModel:
    """Load the model that ships, or compile it for small inputs."""
    if name not in SMALL:
        return load(name)
    return compile_program(get(name).build(), vocab="ab", max_seq_len=4, min_seq_len=4, name=name)


if __name__ == "__main__":
    main()
