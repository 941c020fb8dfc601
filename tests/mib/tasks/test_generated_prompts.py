"""Generated prompts are right, reproducible, apart between splits, and spelt with the words that are declared."""

import pytest

from mib import TaskError, tasks

GENERATED = (
    "arithmetic-addition", "arithmetic-subtraction", "digits-ones", "digits-tens", "digits-hundreds",
    "digits-subtraction-ones", "digits-subtraction-tens", "greater-than", "ioi", "mcqa", "ravel",
)  # fmt: skip


@pytest.mark.parametrize("name", GENERATED)
def test_splits_share_no_prompt(name: str) -> None:
    parts = [
        {example.prompt for example in tasks.get(name).generate(40, seed=seed, split=split)}
        for split, seed in (("train", 0), ("validation", 0), ("test", 5))
    ]
    assert not parts[0] & parts[1] and not parts[0] & parts[2] and not parts[1] & parts[2]


@pytest.mark.parametrize("name", GENERATED)
def test_same_seed_same_rows_and_fewer_are_the_first_of_more(name: str) -> None:
    task = tasks.get(name)
    assert task.rows(20, seed=3) == task.rows(40, seed=3)[:20]
    assert task.rows(20, seed=3) != task.rows(20, seed=4)


@pytest.mark.parametrize("name", GENERATED)
def test_every_word_is_in_the_vocabulary(name: str) -> None:
    task = tasks.get(name)
    known = set(task.vocabulary())
    for example in task.generate(150, seed=1):
        for prompt in (example.base, *example.counterfactuals.values()):
            words = {word for text in (prompt.text, *prompt.accepted) for word in tasks.pieces(text)}
            assert words <= known


@pytest.mark.parametrize("name", GENERATED)
def test_the_causal_model_gives_the_answers(name: str) -> None:
    task = tasks.get(name)
    assert task.causal_model is not None
    for example in task.generate(50, seed=2):
        for family, prompt in example.counterfactuals.items():
            said = task.causal_model.run(prompt.variables)[task.causal_model.output]
            assert prompt.answer == said or prompt.answer in said, family


def test_ioi_flips_do_what_their_names_say() -> None:
    for example in tasks.get("ioi").generate(50, seed=0):
        base = example.variables
        s1 = example.counterfactual("s1_io_flip").variables
        s2 = example.counterfactual("s2_io_flip_counterfactual").variables
        both = example.counterfactual("s1_ioi_flip_s2_ioi_flip").variables
        assert (s1["output_token"], s1["output_position"]) == (base["output_token"], 1 - base["output_position"])
        assert s2["output_token"] == base["name_C"] and s2["output_position"] == 1 - base["output_position"]
        assert both["output_token"] == base["name_C"] and both["output_position"] == base["output_position"]
        names = {base["name_A"], base["name_B"]}
        assert not names & set(tasks.pieces(example.counterfactual("random_names").text))
        abc = example.counterfactual("abc").variables
        assert len({abc["name_A"], abc["name_B"], abc["name_C"]}) == 3


def test_both_orders_of_names_are_drawn() -> None:
    seconds = [example.variables["output_position"] for example in tasks.get("ioi").generate(200)]
    assert 60 < sum(seconds) < 140


def test_addition_families_change_what_they_name() -> None:
    for example in tasks.get("arithmetic-addition").generate(80, seed=0):
        base = example.variables
        assert int(example.answer) == 10 * (base["op1_tens"] + base["op2_tens"]) + base["op1_ones"] + base["op2_ones"]
        if "ones_carry" in example.counterfactuals:
            other = example.counterfactual("ones_carry").variables
            assert other["ones_carry"] == 1 - base["ones_carry"] and other["ones_out"] == base["ones_out"]
        else:
            assert base["op1_ones"] + base["op2_ones"] == 9
        changed = example.counterfactual("tens_op2").variables
        digits = ("op1_tens", "op1_ones", "op2_tens", "op2_ones")
        assert [digit for digit in digits if changed[digit] != base[digit]] == ["op2_tens"]


def test_a_carry_from_elsewhere_moves_the_tens_alone() -> None:
    model = tasks.get("arithmetic-addition").causal_model
    assert model is not None
    base = {"op1_tens": 2, "op1_ones": 1, "op2_tens": 3, "op2_ones": 4}
    carries = base | {"op1_ones": 9}
    assert model.run(base)["answer"] == "55"
    assert model.interchange(base, {"ones_carry": carries})["answer"] == "65"


def test_mcqa_asks_for_the_colour_of_the_question() -> None:
    for row in tasks.get("mcqa").rows(50, seed=0):
        for cell in (row, row["answerPosition_randomLetter_counterfactual"], row["symbol_counterfactual"]):
            place = cell["answerKey"]
            assert f" is {cell['choices']['text'][place]}." in cell["prompt"]
            assert f"\n{cell['choices']['label'][place]}. {cell['choices']['text'][place]}\n" in cell["prompt"]


def test_greater_than_accepts_every_later_year_and_no_other() -> None:
    example = tasks.get("greater-than").generate(1)[0]
    start = int(example.variables["year"])
    assert {int(year) for year in example.base.accepted} == set(range(start + 1, 100))
    assert int(example.counterfactual("corrupted").variables["year"]) == 1


def test_spans_point_at_what_they_name() -> None:
    for example in tasks.get("ioi").generate(30):
        for prompt in (example.base, *example.counterfactuals.values()):
            said = {name: prompt.text[slice(*span)] for name, span in prompt.spans.items()}
            assert all(said[name] == prompt.variables[name] for name in ("name_A", "name_B", "name_C"))
            if "IO" in said:
                assert f" {said['IO']}" == prompt.answer and said["S1"] == said["S2"]
                assert prompt.spans["S1"] < prompt.spans["S2"]


def test_too_many_distinct_prompts_are_refused() -> None:
    with pytest.raises(TaskError, match=r"greater-than has only about \d+ distinct prompts in its test part"):
        tasks.get("greater-than").generate(3000, split="test")
    assert len(tasks.get("greater-than").generate(3000, split="test", distinct=False)) == 3000


def test_unknown_names_are_answered_with_known_ones() -> None:
    with pytest.raises(TaskError, match=r"unknown task 'iio'\. Did you mean: ioi"):
        tasks.get("iio")
    with pytest.raises(TaskError, match=r"unknown split 'tests'\. Did you mean: test\? Known: train, validation, test"):
        tasks.get("ioi").generate(1, split="tests")
    with pytest.raises(TaskError, match=r"no family 's2_flip'\. Did you mean: s2_io_flip"):
        tasks.get("ioi").check_family("s2_flip")
    with pytest.raises(TaskError, match="unknown variable 'carry'. Did you mean: ones_carry"):
        model = tasks.get("arithmetic-addition").causal_model
        assert model is not None
        example = tasks.get("arithmetic-addition").generate(1)[0]
        model.interchange(example.variables, {"carry": example.variables})
