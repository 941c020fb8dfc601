"""What DAS finds on a model whose causal subspace is known: rank 2, coordinates 0 to 2."""

import pytest
import torch

from mib.errors import MethodError
from mib.featurization import Featurizer, Split, get
from mib.featurization.training import _Choice
from mib.metrics.subspaces import recall
from tests.mib.featurization import adder


def accuracy(featurizer: Featurizer, **changes: object) -> float:
    return float(adder.task(**changes).right(featurizer).double().mean())


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_das_finds_the_causal_subspace_and_not_the_dead_copy(seed: int) -> None:
    found = get("das")(adder.task(seed=seed), rank=3)
    assert accuracy(found) == 1.0
    assert found.basis is not None
    live, dead = adder.live(), torch.zeros(12, 2)
    dead[6:9] = live[:3]
    assert recall(found.basis, live) > 0.75
    assert recall(found.basis, dead) < recall(found.basis, live) - 0.3


def test_das_is_as_good_in_a_rotated_basis() -> None:
    turn = adder.random_rotation()
    assert accuracy(get("das")(adder.task(rotation=turn), rank=3), rotation=turn) == 1.0


def test_das_has_local_optima_that_restarts_leave() -> None:
    assert accuracy(get("das")(adder.task(seed=1), rank=2)) < 0.7
    assert accuracy(get("das")(adder.task(seed=1), rank=2, restarts=6)) == 1.0


def test_one_dimension_does_not_suffice_and_the_search_finds_two() -> None:
    assert accuracy(get("das")(adder.task(), rank=1)) < 0.9
    found = get("das-search")(adder.task(), restarts=1)
    assert found.rank == 2
    assert accuracy(found) == 1.0


def test_the_same_seed_gives_the_same_bits_and_another_seed_others() -> None:
    torch.manual_seed(1)
    one = get("das")(adder.task(seed=4), rank=2, steps=20).rotation
    torch.manual_seed(2)
    again, other = (get("das")(adder.task(seed=seed), rank=2, steps=20).rotation for seed in (4, 5))
    assert one is not None and again is not None and other is not None
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_mdas_learns_from_isolation_pairs_what_das_does_not() -> None:
    task = adder.task(isolation=True)
    n = len(adder.PAIRS)
    everything = torch.arange(2 * n)
    task = adder.task(isolation=True, split=Split(everything, everything[:0], everything[:0]))
    found = get("mdas")(task, rank=4)
    right = task.right(found)
    assert right[:n].all() and right[n:].all()
    basis = found.basis
    assert basis is not None
    others = torch.zeros(12, 2)
    others[3:6] = adder.live()[:3]
    assert recall(basis, others) < 0.3


def test_nothing_to_learn_from_is_refused() -> None:
    nothing = torch.arange(0)
    with pytest.raises(MethodError, match="there is no pair to learn from"):
        get("das")(adder.task(split=Split(nothing, torch.arange(5), nothing)))
    with pytest.raises(MethodError, match="das: steps=0. Expected an integer from 1 on"):
        get("das")(adder.task(), steps=0)


def test_random_subspaces_have_the_rank_asked_for_and_nothing_else() -> None:
    found = get("random-k")(adder.task(seed=1), rank=3)
    assert found.rank == 3
    assert get("random-k")(adder.task(), rank=99).rank == 12
    again = get("random-k")(adder.task(seed=1), rank=3)
    assert found.rotation is not None and again.rotation is not None
    assert torch.equal(found.rotation, again.rotation)


def test_batches_that_do_not_fit_into_the_memory_teach_the_same() -> None:
    model = adder.model(dtype=torch.float64)  # AdamW makes steps of rounding errors of gradients that are zero
    tasks = (adder.task(model=model, memory=memory) for memory in (2**30, 10**4))
    rich, poor = (get("das")(task, rank=3, steps=15).rotation for task in tasks)
    assert adder.task(memory=10**4).pairs.rows_at_once < 32 <= adder.task().pairs.rows_at_once
    assert rich is not None and poor is not None
    torch.testing.assert_close(rich, poor, rtol=1e-3, atol=1e-3)


def test_the_loss_that_is_chosen_by_is_the_same_in_whatever_batches_it_is_run() -> None:
    uneven = torch.tensor([False, True]).repeat(len(adder.PAIRS), 1)
    uneven[: len(uneven) // 3] = True  # of these both places count
    losses: list[float] = []
    for memory in (2**30, 10**4):
        task = adder.task(mask=uneven, memory=memory)
        nothing = Featurizer.subspace(torch.zeros(task.width, 0))
        losses.append(_Choice(task, lambda nothing=nothing: nothing, None)._scored(nothing)[1])
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
