"""Faithfulness curves as a result file keeps them, from the areas that were measured."""

from groundtruth.results.kept_scores import KeptCurves
from mib.metrics.faithfulness import Areas


def kept_curves(measured: Areas) -> KeptCurves:
    """Take the curves from measured areas, whose two rankings have the same sizes."""
    signed, absolute = measured.signed, measured.absolute
    return KeptCurves(signed.sizes[-1], signed.sizes, signed.faithfulness, absolute.faithfulness)
