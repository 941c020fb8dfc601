"""Direct logit attribution: the column of the logits, and nothing else."""

import pytest

from mib.localization import get
from tests.mib.localization.methods.constant_scale import effect_at_constant_scale
from tests.mib.localization.test_methods import make_task
from tests.mib.small_models import golden_gpt2


def test_without_a_norm_edges_into_the_logits_are_those_of_eap_and_of_exact_cuts() -> None:
    """What is added to the logits is linear in each source, so that the estimate is the effect."""
    task = make_task()
    found, eap, exact = (get(name)(task).as_dict() for name in ("direct-logit-attribution", "eap", "exact"))
    for edge, score in found.items():
        if edge.endswith("->logits"):
            assert score == pytest.approx(eap[edge], abs=1e-12)
            assert score == pytest.approx(exact[edge], abs=1e-9)
        else:
            assert score == 0


def test_a_node_has_the_score_of_its_edge() -> None:
    edges, nodes = (get("direct-logit-attribution")(make_task(level=level)) for level in ("edge", "node"))
    for node, score in nodes.as_dict().items():
        assert score == pytest.approx(edges[f"{node}->logits"], abs=1e-12)


def test_all_scores_add_up_to_the_effect_of_the_whole_stream_at_a_constant_scale() -> None:
    task = make_task(model=golden_gpt2())
    engine, every = task.engine, task.everything
    clean, other = (engine.trace(which).after[-1].detach() for which in (every.clean, every.counterfactual))
    found = get("direct-logit-attribution")(task).flat.sum()
    assert found == pytest.approx(effect_at_constant_scale(task, clean, other), rel=1e-4)
