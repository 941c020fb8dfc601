"""Localization methods: one file each, found by name."""

from mib.localization import (
    activation_norm,
    atp_star,
    clean_corrupted,
    eap,
    eap_ig_activations,
    eap_ig_inputs,
    exact,
    hisp,
    ifr,
    nap,
    random_scores,
    relp,
    weight_norm,
)
from mib.localization.registry import Localizer, Scores, as_localizer, get, localizer, names

__all__ = [
    "Localizer",
    "Scores",
    "activation_norm",
    "as_localizer",
    "atp_star",
    "clean_corrupted",
    "eap",
    "eap_ig_activations",
    "eap_ig_inputs",
    "exact",
    "get",
    "hisp",
    "ifr",
    "localizer",
    "names",
    "nap",
    "random_scores",
    "relp",
    "weight_norm",
]
