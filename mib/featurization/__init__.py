"""Finding variables in activations: sites, featurizers, interchange interventions, and methods, one file each."""

from mib.featurization import autoencoder
from mib.featurization.autoencoder import dictionary
from mib.featurization.featurizer import Featurizer, orthonormal
from mib.featurization.featurizer_law import FeaturizerCheck, check_featurizer, measure_featurizer
from mib.featurization.methods import (
    bijection_das,
    boundless_das,
    components,
    das,
    dbm,
    dbm_sae,
    difference_in_means,
    full_vector,
    k_means,
    lda,
    linear_probe,
    no_op,
    random_subspace,
)
from mib.featurization.registry import FeaturizerMethod, as_featurizer, featurizer, get, names
from mib.featurization.splits import Split
from mib.featurization.task import FeaturizationTask
from mib.site import Site

__all__ = [
    "FeaturizationTask",
    "Featurizer",
    "FeaturizerCheck",
    "FeaturizerMethod",
    "Site",
    "Split",
    "as_featurizer",
    "autoencoder",
    "bijection_das",
    "boundless_das",
    "check_featurizer",
    "components",
    "das",
    "dbm",
    "dbm_sae",
    "dictionary",
    "difference_in_means",
    "featurizer",
    "full_vector",
    "get",
    "k_means",
    "lda",
    "linear_probe",
    "measure_featurizer",
    "names",
    "no_op",
    "orthonormal",
    "random_subspace",
]
