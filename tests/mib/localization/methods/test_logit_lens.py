"""The logit lens: direct logit attribution at every depth."""

import numpy as np
import pytest

from mib.localization import get
from tests.mib.localization.methods.constant_scale import effect_at_constant_scale
from tests.mib.localization.test_methods import make_task
from tests.mib.small_models import golden_gpt2


def test_the_column_of_the_logits_is_direct_logit_attribution() -> None:
    task = make_task(model=golden_gpt2())
    lens, direct = (get(name)(task).as_dict() for name in ("logit-lens", "direct-logit-attribution"))
    into_logits = [edge for edge in lens if edge.endswith("->logits")]
    np.testing.assert_allclose([lens[e] for e in into_logits], [direct[e] for e in into_logits], rtol=1e-4, atol=1e-7)


def test_without_norms_a_source_has_one_score_whoever_reads_it() -> None:
    """The metric is linear in the logits, and so are the logits in each source."""
    task = make_task()
    found = get("logit-lens")(task).as_dict()
    assert len({round(score, 9) for score in found.values()}) > 3
    for edge, score in found.items():
        assert score == pytest.approx(found[f"{edge.split('->')[0]}->logits"], abs=1e-12)


def test_scores_of_one_reader_add_up_to_the_effect_of_its_whole_stream_at_a_constant_scale() -> None:
    task = make_task(model=golden_gpt2())
    engine, every = task.engine, task.everything
    clean, other = (engine.streams(which)[1] for which in (every.clean, every.counterfactual))  # what m0 reads
    found = sum(score for edge, score in get("logit-lens")(task).as_dict().items() if edge.endswith("->m0"))
    assert found == pytest.approx(effect_at_constant_scale(task, clean, other), rel=1e-4)
