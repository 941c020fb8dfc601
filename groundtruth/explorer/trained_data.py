"""The network of a trained model with its variables, as the page runs and swaps them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from groundtruth.explorer.network_data import steps_data
from groundtruth.explorer.packed_matrix import Packed, pack_matrix
from groundtruth.explorer.source_coordinates import SourceCoordinates, rounded
from groundtruth.explorer.trained_steps import trained_steps
from groundtruth.trained.trained_model import TrainedModel
from groundtruth.trained.trained_variable import TrainedStage, TrainedVariableTruth

SPAN_PLACES = 16
"""Binary places of subspaces: outputs after a swap are decoded with wide margins."""


def trained_data(model: TrainedModel) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The network and the variables as JSON, in coordinates of what sources write where the network is wired.

    Returns:
        The network, and for each variable its sites, with the subspace that an interchange swaps as ``span``: its
        ``read`` gives the subspace's coordinates of a stream, ``write`` (left out where it is ``read`` transposed) the
        stream of these.
    """
    steps, truths = trained_steps(model), model.variables()
    spans = [stage.span.numpy().T for truth in truths for stage in truth.stages if stage.span is not None]
    directions = np.concatenate([np.zeros((1, steps.token.shape[1])), *spans])
    coordinates = SourceCoordinates.of(steps, directions) if model.training.kind == "wired" else None
    network = steps_data(steps if coordinates is None else coordinates.steps(steps))
    return network, [_variable_data(truth, coordinates) for truth in truths]


def _variable_data(truth: TrainedVariableTruth, coordinates: SourceCoordinates | None) -> dict[str, Any]:
    variable = truth.variable
    return {
        "label": variable.label,
        "labels": list(variable.labels),
        "name": str(variable),
        "encoding": "subspace",
        "exact": truth.exact,
        "writer": " and ".join(variable.components),
        "components": list(variable.components),
        "readers": [[reader, None] for reader in dict.fromkeys(variable.readers)],
        "stages": [
            _stage_data(stage, _span_data(truth.stages, place, coordinates)) for place, stage in enumerate(truth.stages)
        ],
    }


def _stage_data(stage: TrainedStage, span: dict[str, Packed] | int | None) -> dict[str, Any]:
    return {
        "state": stage.state,
        "sites": [str(site) for site in stage.sites],
        "sublayers": [site.sublayer for site in stage.sites],
        "residual": stage.sites[0].residual,
        "readers": [],
        "tried": stage.interchange.runs,
        "wrong": stage.interchange.wrong,
        "rest": stage.rest.wrong,
        "distinguishing": stage.distinguishing,
        "exhaustive": True,
        "rank": stage.rank,
        "span": span,
    }


def _span_data(
    stages: Sequence[TrainedStage], place: int, coordinates: SourceCoordinates | None
) -> dict[str, Packed] | int | None:
    """The subspace of a stage, or the number of an earlier stage that has the same."""
    found = stages[place].span
    if found is None:
        return None
    for earlier, stage in enumerate(stages[:place]):
        if stage.span is not None and torch.equal(stage.span, found):
            return earlier
    span = found.numpy()
    if coordinates is None:
        return {"read": pack_matrix(rounded(span, SPAN_PLACES))}
    read, written = coordinates.read(span), coordinates.directions(span)
    return {"read": pack_matrix(rounded(read, SPAN_PLACES)), "write": pack_matrix(rounded(written, SPAN_PLACES))}
