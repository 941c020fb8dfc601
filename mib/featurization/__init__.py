"""Causal variable localization: sites, featurizers and their law, and methods by name, one file each in ``methods``."""

from mib.featurization.autoencoder import dictionary
from mib.featurization.featurizer import Featurizer, orthonormal
from mib.featurization.featurizer_law import FeaturizerCheck, check_featurizer, measure_featurizer
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
    "check_featurizer",
    "dictionary",
    "featurizer",
    "get",
    "measure_featurizer",
    "names",
    "orthonormal",
]
