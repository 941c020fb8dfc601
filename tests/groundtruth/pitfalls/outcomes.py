"""Pitfalls that were run once, for all tests that look at them."""

from functools import cache

import pytest

from groundtruth import pitfalls
from groundtruth.pitfalls import Outcome

SLOW = {"rotated-basis", "nonlinear-map", "sae-splitting"}
"""Pitfalls that train something."""

EACH = [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in pitfalls.names()]


@cache
def outcome_of(name: str) -> Outcome:
    """Run a pitfall."""
    return pitfalls.get(name).run()
