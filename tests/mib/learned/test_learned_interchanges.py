"""Interchanges on the learned model: what must come out at its two ends, whatever it has learned in between."""

import pytest
import torch

import mib
from mib import learned, tasks
from mib.featurization import Featurizer, Site

TASKS = [(name, variable) for name in learned.tasks() for variable in tasks.get(name).variables]


@pytest.fixture(scope="module")
def model() -> mib.LoadedModel:
    return mib.learned_model()


@pytest.mark.parametrize(("name", "variable"), TASKS)
def test_behind_the_last_block_the_source_answers_and_before_the_first_the_base(
    model: mib.LoadedModel, name: str, variable: str
) -> None:
    task = tasks.get(name)
    families = [family for family in task.families if family not in ("abc", "symbol")]  # two right answers; digits
    last = Site.residual(model.anatomy.n_layers - 1)
    for site, answering in ((last, "source"), (Site.residual(0, "pre"), "base")):
        asked = task.featurization(model, variable=variable, site=site, family=families[:2], n=20)
        tokens, mask = getattr(asked, answering), getattr(asked, f"{answering}_attention_mask")
        answers = model.anatomy.logits(tokens, mask)[:, -1].argmax(-1)
        everything = Featurizer.subspace(torch.eye(asked.width))
        swapped = asked.interchange(everything)[:, -1].argmax(-1)
        assert torch.equal(swapped, answers)
        assert torch.equal(asked.right(everything), asked.expected[:, -1] == answers)


def test_the_whole_stream_at_the_end_carries_the_answers_name(model: mib.LoadedModel) -> None:
    if "ioi" not in learned.tasks():
        pytest.skip("the learned model does not claim ioi")
    site = Site.residual(model.anatomy.n_layers - 1)
    task = tasks.get("ioi").featurization(model, variable="output_token", site=site, family="s2_io_flip", n=20)
    assert bool(task.right(Featurizer.subspace(torch.eye(task.width))).all())
    assert not bool(task.right(Featurizer.subspace(torch.zeros(task.width, 0))).any())
