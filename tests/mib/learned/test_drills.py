"""Drills: what is asked in them follows from what came before, and nothing else is asked."""

import pytest
import torch

from mib.learned.drills import LONGEST, N_PAIRS, Drill, copying, recalling
from mib.learned.train import drill_loss

BEGIN, STOP = 1, 2
LABELS, WORDS = torch.arange(10, 20), torch.arange(20, 60)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def asked_and_seen(drill: Drill) -> list[tuple[list[int], int]]:
    """What came before each place that is asked, with its answer, in order."""
    places = drill.asked.nonzero().tolist()
    answers = drill.answers.tolist()
    return [(drill.tokens[row, : at + 1].tolist(), right) for (row, at), right in zip(places, answers, strict=True)]


@pytest.mark.parametrize("seed", range(5))
def test_a_copy_asks_for_what_followed_the_same_word_before(seed: int) -> None:
    drill = copying(WORDS, BEGIN, 7, generator(seed))
    length = (drill.tokens.shape[1] - 1) // 2
    assert 4 <= length <= LONGEST
    found = asked_and_seen(drill)
    assert len(found) == 7 * (length - 1)
    for seen, right in found:
        assert seen[0] == BEGIN
        assert right == seen[seen.index(seen[-1]) + 1]


@pytest.mark.parametrize("seed", range(5))
def test_a_label_is_asked_for_after_its_word(seed: int) -> None:
    drill = recalling(WORDS, LABELS, STOP, BEGIN, 7, generator(seed))
    found = asked_and_seen(drill)
    assert len(found) == 7 * N_PAIRS
    for seen, right in found:
        at = seen.index(seen[-1])
        assert seen[at - 1] == STOP
        assert right == seen[at - 2]
        assert right in LABELS.tolist()


def test_words_of_a_sequence_differ_and_sequences_differ() -> None:
    drill = copying(WORDS, BEGIN, 7, generator())
    half = drill.tokens[:, 1 : 1 + (drill.tokens.shape[1] - 1) // 2]
    assert all(len(set(row)) == len(row) for row in half.tolist())
    assert len({tuple(row) for row in half.tolist()}) == 7


def test_the_loss_is_that_of_the_next_token_where_it_is_asked() -> None:
    drill = recalling(WORDS, LABELS, STOP, BEGIN, 3, generator())

    class Knows(torch.nn.Module):
        """Gives the next token of every place that is asked, and of the others another one."""

        def base_model(self, tokens: torch.Tensor, use_cache: bool) -> object:
            following = torch.nn.functional.one_hot(tokens.roll(-1, dims=1), 60).float()
            told = torch.where(drill.asked[..., None], following, torch.nn.functional.one_hot(tokens, 60).float())
            return type("Output", (), {"last_hidden_state": told})

        def lm_head(self, stream: torch.Tensor) -> torch.Tensor:
            return 100 * stream

    assert float(drill_loss(Knows(), drill)) < 1e-6
    uniform = Knows()
    uniform.lm_head = lambda stream: 0 * stream  # pyright: ignore
    assert float(drill_loss(uniform, drill)) == pytest.approx(float(torch.tensor(60.0).log()))
