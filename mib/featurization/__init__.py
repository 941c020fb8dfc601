"""Finding variables in activations: sites, featurizers, interchange interventions, and methods, one file each."""

from mib.featurization import das, full_vector, no_op, random_subspace
from mib.featurization.checking import FeaturizerCheck, check_featurizer, measure_featurizer
from mib.featurization.featurizer import Featurizer, orthonormal
from mib.featurization.registry import FeaturizerMethod, as_featurizer, featurizer, get, names
from mib.featurization.sites import Site
from mib.featurization.splits import Split
from mib.featurization.task import FeaturizationTask

__all__ = [
    "FeaturizationTask",
    "Featurizer",
    "FeaturizerCheck",
    "FeaturizerMethod",
    "Site",
    "Split",
    "as_featurizer",
    "check_featurizer",
    "das",
    "featurizer",
    "full_vector",
    "get",
    "measure_featurizer",
    "names",
    "no_op",
    "orthonormal",
    "random_subspace",
]
