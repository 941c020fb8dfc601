"""Pitfalls of causal variable localization, each a demonstration with a known answer (``groundtruth pitfalls``).

>>> from groundtruth import pitfalls
>>> outcome = pitfalls.get("dormant-pathway").run()
>>> outcome.demonstration.naive, outcome.demonstration.truth
"""

# Imported in the order in which they are told.
# isort: off
from groundtruth.pitfalls import (
    dormant_pathway,
    dead_copy,
    variance,
    rotated_basis,
    sae_splitting,
    nonlinear_map,
    error_channel,
    no_op_pairs,
    best_of_test,
)

# isort: on
from groundtruth.pitfalls.pitfall import (
    AnswerTable,
    Demonstration,
    Exhibit,
    Finding,
    Outcome,
    Pitfall,
    get,
    names,
    pitfall,
)

__all__ = [
    "AnswerTable",
    "Demonstration",
    "Exhibit",
    "Finding",
    "Outcome",
    "Pitfall",
    "best_of_test",
    "dead_copy",
    "dormant_pathway",
    "error_channel",
    "get",
    "names",
    "no_op_pairs",
    "nonlinear_map",
    "rotated_basis",
    "sae_splitting",
    "pitfall",
    "variance",
]
