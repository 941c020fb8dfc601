"""Digit by digit: the causal models are arithmetic on the whole domain, and rows that disagree are refused."""

from itertools import product

import pytest

from mib import FormatError, tasks
from mib.tasks.arithmetic import OPERANDS, SIGNS
from mib.tasks.digit_arithmetic import CAUSAL_MODELS, PLACES, POSITIONS

NAMES = {(sign, place): f"digits-{'subtraction-' if sign == '-' else ''}{place}" for sign, place in CAUSAL_MODELS}


def settings(a: int, b: int) -> dict[str, int]:
    return {"op1_tens": a // 10, "op1_ones": a % 10, "op2_tens": b // 10, "op2_ones": b % 10}


def test_the_causal_model_of_sums_is_addition_on_the_whole_domain() -> None:
    for a, b in product(OPERANDS, OPERANDS):
        for power, place in enumerate(PLACES["+"]):
            values = CAUSAL_MODELS["+", place].run(settings(a, b))
            assert values["answer"] == f" {(a + b) // 10**power % 10}"
            assert values["ones_carry"] == (a % 10 + b % 10) // 10 and values["tens_sum"] == a // 10 + b // 10


def test_the_causal_model_of_differences_is_subtraction_on_the_whole_domain() -> None:
    for a, b in product(OPERANDS, OPERANDS):
        if a // 10 > b // 10:
            for power, place in enumerate(PLACES["-"]):
                values = CAUSAL_MODELS["-", place].run(settings(a, b))
                assert values["answer"] == f" {(a - b) // 10**power % 10}"
                assert values["ones_borrow"] == (a % 10 < b % 10)
                assert values["tens_difference"] == a // 10 - b // 10 >= 1


def test_a_carry_from_elsewhere_moves_the_tens_and_may_move_the_hundreds() -> None:
    base, carries = settings(42, 54), settings(19, 19)
    said = {
        place: CAUSAL_MODELS["+", place].interchange(base, {"ones_carry": carries})["answer"] for place in PLACES["+"]
    }
    assert said == {"ones": " 6", "tens": " 0", "hundreds": " 1"}


def test_a_borrow_from_elsewhere_leaves_a_digit_that_some_difference_has() -> None:
    model = CAUSAL_MODELS["-", "tens"]
    said = {place: CAUSAL_MODELS["-", place].interchange(settings(75, 23), {"ones_borrow": settings(41, 19)})["answer"]
            for place in PLACES["-"]}  # fmt: skip
    assert said == {"ones": " 2", "tens": " 4"}
    examples = tasks.get("digits-subtraction-tens").generate(300, seed=2)
    answers = {model.interchange(one.base.variables, {"ones_borrow": other.base.variables})["answer"]
               for one, other in zip(examples, examples[1:], strict=False)}  # fmt: skip
    assert answers == {f" {digit}" for digit in range(9)} == {example.answer for example in examples}


@pytest.mark.parametrize(("sign", "place"), NAMES)
def test_prompts_hold_the_digits_that_are_written_already(sign: str, place: str) -> None:
    for example in tasks.get(NAMES[sign, place]).generate(60, seed=1):  # type: ignore[index]
        for prompt in (example.base, *example.counterfactuals.values()):
            operands, written = prompt.text.split(" =")
            ones, tens = ([int(digit) for digit in part.split(f" {sign} ")] for part in operands.split(" , "))
            a, b = (10 * high + low for high, low in zip(tens, ones, strict=True))
            digits = f"{a + SIGNS[sign] * b:0{len(PLACES[sign])}d}"[::-1]  # type: ignore[index]
            assert written.split() == list(digits[: PLACES[sign].index(place)])  # type: ignore[index]
            assert prompt.answer == f" {digits[len(written.split())]}"
            said = {name: prompt.text[slice(*span)] for name, span in prompt.spans.items()}
            assert said == {**{k: str(v) for k, v in settings(a, b).items()}, "comma": ",", "equals": "="}
            assert sorted(POSITIONS, key=lambda name: prompt.spans[name]) == list(POSITIONS)


def test_two_hundred_held_out_pairs_of_every_family_can_be_drawn() -> None:
    for name in NAMES.values():
        task = tasks.get(name)
        rows = [task.parse(row) for row in task.stream(split="test")]
        for family in task.families:
            assert sum(family in example.counterfactuals for example in rows) >= 200


@pytest.mark.parametrize(("of_digits", "of_words"), [("digits", "addition"), ("digits-subtraction", "subtraction")])
def test_what_arithmetic_holds_out_is_held_out_here(of_digits: str, of_words: str) -> None:
    def operands(name: str, part: str) -> set[tuple[int, int]]:
        rows = tasks.get(name).rows(300, split=part)
        return {(min(pair), max(pair)) for pair in ((row["operand1"], row["operand2"]) for row in rows)}

    assert not operands(f"{of_digits}-tens", "train") & operands(f"arithmetic-{of_words}", "test")
    assert not operands(f"{of_digits}-ones", "test") & operands(f"{of_digits}-tens", "train")


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("digits-tens", {"asked": "ones"}, "column 'asked' holds 'ones'; this task asks for 'tens'"),
        ("digits-tens", {"label": "x"}, "column 'label' holds 'x', but the tens of"),
        ("digits-tens", {"operand1": 7}, "columns 'operand1' and 'operand2' hold 7 and"),
        ("digits-tens", {"prompt": "2 + 4 , 1 + 3 = 5"}, "'2 \\+ 4 , 1 \\+ 3 = 5'; .* tens asked, is"),
        (
            "digits-subtraction-tens",
            {"operand1": 35, "operand2": 31},
            "hold 35 and 31; expected more tens in the first",
        ),
        ("digits-subtraction-tens", {"prompt": "2 + 4 , 1 + 3 = 5"}, "tens asked, is '. - . , . - . = .'"),
    ],
)
def test_a_row_that_disagrees_with_itself_is_refused(name: str, change: dict[str, object], message: str) -> None:
    task = tasks.get(name)
    with pytest.raises(FormatError, match=message):
        task.parse({**task.rows(1)[0], **change})
