"""A task refuses parts that do not fit; its interchanges are the model's, in any memory."""

from typing import Any

import pytest
import torch

from mib.errors import TaskError
from mib.featurization import FeaturizationTask, Featurizer, Site, Split
from tests.mib.featurization import adder
from tests.mib.small_models import random_model

N = len(adder.PAIRS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": torch.zeros(N, 3, dtype=torch.long)}, r"base has shape \(81, 2\), source \(81, 3\)"),
        ({"base": torch.full((N, 2), 9)}, "base has token ids from 9 to 9; the vocabulary is 0 to 8"),
        ({"site": Site.residual(2)}, "site residual.2.post: the model has layers 0 to 1"),
        ({"site": Site.at_head(0, 1)}, "the model has heads 0 to 0"),
        ({"site": Site.residual(0, positions=2)}, "is at position 2; the inputs have positions 0 to 1"),
        ({"expected": torch.full((N, 2), 3)}, "output indices from 3 to 3 where mask counts; the model has outputs 0"),
        ({"expected": torch.zeros(N, 2)}, "expected holds numbers, and the model has 3 outputs"),
        ({"mask": torch.zeros(N, 2, dtype=torch.bool)}, "mask counts no position in 81 of 81 examples: '0', '1', '2'"),
        ({"mask": torch.ones(N, 2)}, "mask must be bool"),
        ({"isolates": torch.zeros(3, dtype=torch.bool)}, r"isolates has shape \(3,\); expected \(81,\)"),
        ({"source_values": None}, "base_values and source_values: give both or neither"),
        ({"base_positions": torch.full((N, 1), 5)}, "base_positions has positions from 5 to 5; inputs have 0 to 1"),
        ({"source_positions": torch.zeros(N, 2, dtype=torch.long)}, r"expected \[example, chosen\] = \(81, 1\)"),
        ({"split": Split(*(torch.tensor(x) for x in ([0], [81], [2])))}, "split.validation names example 81"),
    ],
)
def test_parts_that_do_not_fit_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(TaskError, match=message):
        adder.task(**change)


def test_parts_of_a_split_must_not_overlap() -> None:
    with pytest.raises(TaskError, match="example 1 is in two places"):
        Split(torch.tensor([0, 1]), torch.tensor([1]), torch.tensor([2]))
    split = Split.random(10, seed=1)
    assert sorted(torch.cat((split.train, split.validation, split.test)).tolist()) == list(range(10))
    assert (len(split.train), len(split.validation), len(split.test)) == (6, 2, 2)


def test_a_readout_may_give_scores_of_more_answers_than_there_are_outputs() -> None:
    """A fourth answer, "none", which wins where no output reaches a threshold."""

    def with_none(logits: torch.Tensor, examples: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.pad(logits, (0, 1), value=0.5)

    expected = torch.full((N, 2), 3)
    task = adder.task(expected=expected, readout=with_none)
    silent, said = torch.zeros(N, 2, 3), torch.eye(3)[torch.zeros(N, 2, dtype=torch.long)]
    assert task.answers.right(silent, task.everything).all()
    assert not task.answers.right(said, task.everything).any()
    losses = [float(task.answers.loss(logits, task.everything)) for logits in (silent, said)]
    assert losses == pytest.approx(
        [torch.logsumexp(torch.tensor(x), 0).item() - 0.5 for x in ((0, 0, 0, 0.5), (1, 0, 0, 0.5))]
    )
    assert not adder.task(readout=with_none).answers.right(silent, task.everything).any()


def test_known_accuracies_of_the_adder() -> None:
    task = adder.task()
    nothing, everything = (Featurizer.subspace(torch.eye(12)[:, :k]) for k in (0, 12))
    assert int(task.right(nothing).sum()) == 27  # sources with the base's a
    assert int(task.right(everything).sum()) == 27  # sources with the base's b
    assert task.right(Featurizer.subspace(adder.live())).all()
    assert int(task.right(everything, indices=[]).sum()) == 27
    assert task.right(everything, indices=[0, 1, 2]).all()


def test_the_adder_tells_swaps_at_its_two_positions_apart() -> None:
    elsewhere = adder.task(site=Site.residual(0, positions=0))
    assert int(elsewhere.right(Featurizer.subspace(torch.eye(12))).sum()) == 27
    crossed = adder.task(site=Site.residual(0, positions=0), base_positions=torch.ones(N, 1, dtype=torch.long))
    logits = crossed.interchange(Featurizer.subspace(torch.eye(12)))  # the source's position 0, always (0, 0)
    assert (logits[:, 1].argmax(-1) == 0).all()


def random_task(site: Site, memory: int, n: int = 40) -> FeaturizationTask:
    generator = torch.Generator().manual_seed(0)
    base, source = torch.randint(7, (2, n, 5), generator=generator)
    mask = torch.ones(n, 5, dtype=torch.bool)
    return FeaturizationTask(
        model=random_model(causal=True),
        site=site,
        base=base,
        source=source,
        expected=base % 5,
        mask=mask,
        memory=memory,
    )


@pytest.mark.parametrize("site", [Site.residual(0, positions=(1, -1)), Site.at_head(1, 1), Site.at_mlp(0)], ids=str)
def test_memory_changes_nothing(site: Site) -> None:
    reference, poor = random_task(site, 2**30), random_task(site, 10**4)
    rotation = torch.eye(reference.width)[:, :3]
    expected = reference.interchange(Featurizer.subspace(rotation))
    assert poor.pairs.rows_at_once == 1
    torch.testing.assert_close(poor.interchange(Featurizer.subspace(rotation)), expected)
    torch.testing.assert_close(poor.activations(), reference.activations())


def test_swapping_everything_at_the_embedding_is_the_source_and_nothing_the_base() -> None:
    task = random_task(Site.residual(0, "pre"), 2**30)
    everything = task.interchange(Featurizer.subspace(torch.eye(8, dtype=torch.float64)))
    torch.testing.assert_close(everything, task.anatomy.logits(task.source))
    nothing = task.interchange(Featurizer.subspace(torch.eye(8, dtype=torch.float64)), [])
    torch.testing.assert_close(nothing, task.anatomy.logits(task.base))


def test_padding_that_attention_skips_changes_nothing() -> None:
    task = random_task(Site.residual(0, positions=-1), 2**30)
    pad = torch.zeros(len(task), 1, dtype=torch.long)
    real = torch.ones(len(task), 6, dtype=torch.bool)
    real[:, 0] = False
    padded = FeaturizationTask(
        model=task.model,
        site=task.site,
        base=torch.cat((pad, task.base), 1),
        source=torch.cat((pad, task.source), 1),
        expected=torch.cat((pad, task.expected), 1),
        mask=real,
        base_attention_mask=real,
        source_attention_mask=real,
    )
    everything = Featurizer.subspace(torch.eye(8, dtype=torch.float64))
    torch.testing.assert_close(padded.interchange(everything)[:, 1:], task.interchange(everything))


def test_numbers_are_right_within_the_tolerance() -> None:
    def first_logit(logits: torch.Tensor, examples: torch.Tensor) -> torch.Tensor:
        return logits[:, 1, 0]

    answers = adder.task().expected[:, 1]
    wanted = (answers == 0).float()[:, None]
    numeric = {"readout": first_logit, "mask": torch.ones(N, 1, dtype=torch.bool)}
    live = Featurizer.subspace(adder.live())
    assert adder.task(expected=wanted, **numeric).right(live).all()
    assert not adder.task(expected=wanted + 0.01, **numeric).right(live).any()
    assert adder.task(expected=wanted + 0.01, tolerance=0.02, **numeric).right(live).all()


def test_a_method_gets_the_task_without_the_examples_it_is_scored_on() -> None:
    split = Split(torch.tensor([5, 3]), torch.tensor([7]), torch.tensor([0, 1]))
    task = adder.task(split=split, isolation=True)
    learnable = task.learnable
    assert torch.equal(learnable.base, task.base[[5, 3, 7]])
    assert (learnable.split.train.tolist(), learnable.split.validation.tolist()) == ([0, 1], [2])
    assert len(learnable.split.test) == 0
    for mine, all_of_them in zip(learnable.activations(), task.activations(), strict=True):
        assert torch.equal(mine, all_of_them[[5, 3, 7]])


def last_logits(logits: torch.Tensor, examples: torch.Tensor) -> torch.Tensor:
    return logits[:, 1, 0]


@pytest.mark.parametrize(
    ("readout", "message"),
    [
        (lambda logits, examples: last_logits(logits, examples).mean(), r"returned shape \(\) for 2 rows; expected"),
        (lambda logits, examples: last_logits(logits, examples).squeeze(), r"returned shape \(\) for 1 rows"),
        (lambda logits, examples: logits[:, :, 0], r"returned shape \(2, 2\) for 2 rows; expected \(2, 1\), numbers"),
        (lambda logits, examples: last_logits(logits, examples).tolist(), "returned a list; expected a tensor"),
        (lambda logits, examples: logits[:, 1].argmax(-1), "returned torch.int64; expected floating point"),
        (lambda logits, examples: last_logits(logits, examples) * torch.nan, "is nan where mask counts"),
        (
            lambda logits, examples: last_logits(logits, examples) + len(logits),
            "gives example .* alone and .* beside example",
        ),
        (lambda logits, examples: logits[:, 2, 0], "failed on the logits of examples .0, 80.*IndexError"),
        ("logit", "readout is a str; expected a callable"),
    ],
)
def test_faults_of_a_readout_are_named(readout: Any, message: str) -> None:
    numeric = {"expected": torch.zeros(N, 1), "mask": torch.ones(N, 1, dtype=torch.bool)}
    assert len(adder.task(readout=last_logits, **numeric)) == N
    with pytest.raises(TaskError, match=message):
        adder.task(readout=readout, **numeric)


def test_a_readout_of_answers_must_score_all_that_are_expected() -> None:
    with pytest.raises(TaskError, match=r"returned shape \(2, 2, 3\) for 2 rows; .*at least 5 answers, as expected"):
        adder.task(expected=torch.full((N, 2), 4), readout=lambda logits, examples: logits)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"base": [[1, 2]]}, "base is a list; expected a torch tensor of token ids"),
        ({"source": torch.zeros(N, 2)}, "source has dtype torch.float32; expected token ids"),
        ({"isolates": torch.zeros(N, dtype=torch.long)}, "isolates has dtype torch.int64; isolates must be bool"),
        ({"base_positions": torch.ones(N, 1)}, "base_positions has dtype torch.float32; expected positions"),
        ({"base_attention_mask": torch.full((N, 2), 3)}, "base_attention_mask holds 3"),
        ({"tolerance": -1.0}, "tolerance=-1.0; expected a number from 0 on"),
        ({"tolerance": float("nan")}, "tolerance=nan; expected a number from 0 on"),
        ({"memory": 0}, "memory=0; expected an integer from 1 on"),
        (
            {"expected": torch.full((N, 1), torch.nan), "mask": torch.ones(N, 1).bool(), "readout": last_logits},
            "expected is not finite at a place where mask counts",
        ),
    ],
)
def test_types_and_numbers_that_mean_nothing_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(TaskError, match=message):
        adder.task(**change)


def test_a_tokenizer_s_mask_of_ones_and_zeros_is_taken() -> None:
    ones = torch.ones(N, 2, dtype=torch.long)
    task = adder.task(base_attention_mask=ones, source_attention_mask=ones)
    assert task.right(Featurizer.subspace(adder.live())).all()
