"""Training: the same weights whether it is interrupted or not, from prompts of the right part of the data."""

from pathlib import Path
from typing import Any

import pytest
import torch

from mib import tasks
from mib.errors import FormatError, TaskError
from mib.learned import train as training
from mib.learned.recipe import Recipe
from mib.learned.train import answer_losses, train
from mib.learned.training_prompts import Prompts, prompts_of
from mib.learned.vocabulary import BOS, PAD, UNKNOWN, tokenizer_of, words_of

ALL = Recipe().tasks
TINY = Recipe(
    n_layers=1,
    n_heads=2,
    d_model=8,
    steps=7,
    warmup=2,
    n_drawn=20,
    parts={0: ("train",), 5: ("train", "validation")},
    mixtures={0: {"ioi": 4, "arithmetic-addition": 8, "mcqa": 2}, 3: {"ioi": 8, "greater-than": 2}},
    left_out={0: {"ioi": ("s2_io_flip",)}, 4: {}},
    drills={0: 3, 4: 0},
)


@pytest.fixture(autouse=True)
def _small_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "EVERY", 2)
    monkeypatch.setattr(training, "N_VALIDATION", 5)


def weights(trained: training.Trained) -> dict[str, torch.Tensor]:
    return dict(trained.model.named_parameters())


def test_a_continued_run_ends_as_one_that_was_not_stopped(tmp_path: Path) -> None:
    whole = train(TINY)
    train(TINY, state=tmp_path, stop_at=5)
    continued = train(TINY, state=tmp_path)
    assert all(torch.equal(weight, weights(continued)[name]) for name, weight in weights(whole).items())
    assert continued.log == whole.log
    assert list(whole.log) == [2, 4, 6, 7]
    assert {step: {"copying", "recalling"} <= set(entry) for step, entry in whole.log.items()} == {
        2: True, 4: True, 6: False, 7: False,
    }  # fmt: skip


def test_attention_starts_out_larger_and_nothing_else_does() -> None:
    still = {**vars(TINY), "steps": 1, "peaks": {0: 0.0}}
    small = weights(train(Recipe(**{**still, "attention_scale": 1.0})))
    for name, weight in weights(train(Recipe(**{**still, "attention_scale": 3.0}))).items():
        assert torch.equal(weight, (3 if name.endswith("c_attn.weight") else 1) * small[name])


def test_drills_change_what_is_learned() -> None:
    drilled, plain = weights(train(TINY)), weights(train(Recipe(**{**vars(TINY), "drills": {0: 0}})))
    assert not torch.equal(drilled["transformer.wte.weight"], plain["transformer.wte.weight"])


def test_a_stage_leaves_families_out() -> None:
    recipe = Recipe()
    assert "randomLetter" in recipe.stage(0).left_out["mcqa"]
    assert recipe.stage(499).left_out["mcqa"]
    assert not recipe.stage(500).left_out
    tokenizer = tokenizer_of(words_of(ALL))
    plain = prompts_of("mcqa", tokenizer, n=20, seed=0, part="train")
    fewer = prompts_of("mcqa", tokenizer, n=20, seed=0, part="train", left_out=recipe.stage(0).left_out["mcqa"])
    answers = {tokenizer.convert_ids_to_tokens(int(i)) for i in fewer.accepted.nonzero()[:, 1]}
    assert answers == set("ABCD")
    assert len(plain) == 5 * 20
    assert len(fewer) == 2 * 20


def test_another_seed_gives_other_weights() -> None:
    other = Recipe(**{**vars(TINY), "seed": 1})
    embedding = "transformer.wte.weight"
    assert not torch.equal(weights(train(TINY))[embedding], weights(train(other))[embedding])


def test_a_llama_has_grouped_queries_and_learns_too() -> None:
    llama = {"architecture": "llama", "n_kv_heads": 1, "drills": {0: 0}, "mixtures": {0: {"greater-than": 16}}}
    trained = train(Recipe(**{**vars(TINY), **llama, "steps": 40, "peaks": {0: 1e-2}}))
    shapes = {name: tuple(p.shape) for name, p in trained.model.named_parameters()}
    width = TINY.d_model // TINY.n_heads
    assert shapes["model.layers.0.self_attn.k_proj.weight"] == (width, TINY.d_model)
    assert shapes["model.layers.0.self_attn.q_proj.weight"] == (TINY.d_model, TINY.d_model)
    assert trained.log[40]["greater-than"]["loss"] < trained.log[2]["greater-than"]["loss"] - 0.2


def test_training_lowers_the_loss() -> None:
    recipe = Recipe(
        **{**vars(TINY), "steps": 60, "peaks": {0: 1e-2}, "drills": {0: 0}, "mixtures": {0: {"greater-than": 16}}}
    )
    log = train(recipe).log
    assert log[60]["greater-than"]["loss"] < log[2]["greater-than"]["loss"] - 0.3


def test_a_state_of_another_recipe_is_refused(tmp_path: Path) -> None:
    train(TINY, state=tmp_path, stop_at=2)
    with pytest.raises(FormatError, match="was kept by another recipe: remove"):
        train(Recipe(**{**vars(TINY), "peaks": {0: 1.0}}), state=tmp_path)


def test_the_learning_rate_warms_up_decays_and_restarts() -> None:
    recipe = Recipe(steps=1500, warmup=100, peaks={0: 2e-3, 1000: 1e-3})
    assert recipe.rate(0) == pytest.approx(2e-5)
    assert recipe.rate(500) == pytest.approx(1e-3)
    assert recipe.rate(999) < 1e-8
    assert recipe.rate(1000) == pytest.approx(1e-3)
    assert recipe.rate(1250) == pytest.approx(5e-4)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"d_model": 10, "n_heads": 4}, "d_model=10 is no multiple of n_heads=4"),
        ({"steps": 0}, "at least one of each"),
        ({"mixtures": {1: {"ioi": 4}}}, "begin at update 0"),
        ({"peaks": {1: 0.1}}, "begin at update 0"),
        ({"drills": {1: 4}}, "begin at update 0"),
        ({"drills": {0: 4}, "mixtures": {0: {"ioi": 4}}}, "use the letters of 'mcqa'"),
        ({"left_out": {5: {}}}, "begin at update 0"),
        ({"architecture": "bert"}, "architecture='bert' is unknown. Choose from gpt2, llama."),
        ({"n_kv_heads": 2}, "n_kv_heads=2 with architecture='gpt2'"),
        ({"architecture": "llama", "n_heads": 4, "n_kv_heads": 3}, "n_kv_heads=3 .* give a divisor of n_heads"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(TaskError, match=message):
        Recipe(**wrong)


def test_the_loss_is_the_distance_from_the_uniform_distribution_over_right_answers() -> None:
    class Uniform(torch.nn.Module):
        def base_model(self, tokens: torch.Tensor, use_cache: bool) -> object:
            return type("Output", (), {"last_hidden_state": torch.zeros(*tokens.shape, 3)})

        def lm_head(self, stream: torch.Tensor) -> torch.Tensor:
            return stream @ torch.zeros(3, 5)

    accepted = torch.tensor([[True, False, False, False, False], [True, True, False, False, True]])
    prompts = Prompts(torch.zeros(2, 3, dtype=torch.long), torch.tensor([2, 1]), accepted)
    assert answer_losses(Uniform(), prompts).tolist() == pytest.approx([torch.log(torch.tensor(5.0)).item()] * 2)


# -- words and prompts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_the_vocabulary_holds_every_word_of_a_task(name: str) -> None:
    tokenizer = tokenizer_of(words_of(ALL))
    for example in tasks.get(name).generate(30, split="test"):
        for prompt in (example.base, *example.counterfactuals.values()):
            tokens = tokenizer.tokenize(prompt.text) + [t for word in prompt.accepted for t in tokenizer.tokenize(word)]
            assert UNKNOWN not in tokens
            assert tokenizer.tokenize(prompt.text) == tasks.pieces(prompt.text)


def test_prompts_begin_with_bos_and_are_padded_on_the_left() -> None:
    tokenizer = tokenizer_of(words_of(ALL))
    ids = tokenizer(["When Mary", "When Mary and John"], padding=True)["input_ids"]
    assert [tokenizer.convert_ids_to_tokens(row) for row in ids] == [  # pyright: ignore
        [PAD, PAD, BOS, "When", "Mary"],
        [BOS, "When", "Mary", "and", "John"],
    ]


def test_training_prompts_are_of_the_training_part_only() -> None:
    tokenizer = tokenizer_of(words_of(ALL))
    for name in ALL:
        unseen = {
            tuple(row) for row in prompts_of(name, tokenizer, n=40, seed=0, part="test", related=False).tokens.tolist()
        }
        seen = {tuple(row) for row in prompts_of(name, tokenizer, n=400, seed=0, part="train").tokens.tolist()}
        width = max(len(row) for row in seen | unseen)
        assert not {row + (0,) * (width - len(row)) for row in seen} & {
            row + (0,) * (width - len(row)) for row in unseen
        }


def test_an_answer_outside_the_vocabulary_is_refused() -> None:
    with pytest.raises(TaskError, match="is not one token of the vocabulary"):
        prompts_of("mcqa", tokenizer_of(words_of(["ioi"])), n=1, seed=0, part="train")
