"""A trial on either track: what is asked of a ``variable`` at a ``site`` is asked of a featurizer."""

from typing import Any

from groundtruth.model import CompiledModel
from groundtruth.testing.featurizer_trial import FeaturizerTrial
from groundtruth.testing.localizer_trial import LocalizerTrial
from groundtruth.testing.trial import Trial
from mib.featurization.registry import Method as FeaturizerFunction
from mib.localization.registry import Method as LocalizerFunction

AnyMethod = str | LocalizerFunction | FeaturizerFunction
"""A function of a task, or the name of a registered method."""


def trial_of(method: AnyMethod, model: CompiledModel | str, **how: Any) -> Trial[Any, Any]:
    """Make a trial of a featurizer where ``how`` names a variable, else of a localization method.

    Args:
        method: A function of a task, or the name of a registered method.
        model: A compiled model, or what the command line would call it.
        how: Fields of the trial.
    """
    kind: Any = FeaturizerTrial if "variable" in how else LocalizerTrial
    return kind.of(method, model, **how)
