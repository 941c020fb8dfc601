"""Read and write the files that MIB exchanges; nothing here unpickles."""

from mib.leaderboard.formats.any_circuit import read_circuit, write_circuit
from mib.leaderboard.formats.circuit_file import CircuitFile
from mib.leaderboard.formats.circuit_folders import CircuitCell, read_cell, read_submission
from mib.leaderboard.formats.featurizer_files import (
    Cell,
    FeaturizerSubmission,
    IoiParameters,
    read_featurizer,
    read_featurizer_cell,
    read_featurizer_submission,
    read_ioi_parameters,
    write_featurizer,
    write_ioi_parameters,
)
from mib.leaderboard.formats.sae_lens import read_sae_lens
from mib.leaderboard.formats.units import Unit

__all__ = [
    "Cell",
    "CircuitCell",
    "CircuitFile",
    "FeaturizerSubmission",
    "IoiParameters",
    "Unit",
    "read_cell",
    "read_circuit",
    "read_featurizer",
    "read_featurizer_cell",
    "read_featurizer_submission",
    "read_ioi_parameters",
    "read_sae_lens",
    "read_submission",
    "write_circuit",
    "write_featurizer",
    "write_ioi_parameters",
]
