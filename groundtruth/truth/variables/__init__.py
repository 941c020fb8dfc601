"""The exact variables of a compiled model: where each is written, held and read, with a certificate for every site."""

from groundtruth.truth.variables.prove_variables import prove_variables
from groundtruth.truth.variables.residual_sites import Site
from groundtruth.truth.variables.variable import Reader, Variable
from groundtruth.truth.variables.variable_truth import Failure, Interchanges, Stage, VariableTruth, program_readers

__all__ = [
    "Failure",
    "Interchanges",
    "Reader",
    "Site",
    "Stage",
    "Variable",
    "VariableTruth",
    "program_readers",
    "prove_variables",
]
