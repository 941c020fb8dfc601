"""Addition digit by digit: the causal model is arithmetic on the whole domain, and rows that disagree are refused."""

from itertools import product

import pytest

from mib import FormatError, tasks
from mib.tasks.arithmetic import OPERANDS
from mib.tasks.digit_addition import CAUSAL_MODELS, PLACES, POSITIONS


def settings(a: int, b: int) -> dict[str, int]:
    return {"op1_tens": a // 10, "op1_ones": a % 10, "op2_tens": b // 10, "op2_ones": b % 10}


def test_the_causal_model_is_arithmetic_on_the_whole_domain() -> None:
    for a, b in product(OPERANDS, OPERANDS):
        for power, place in enumerate(PLACES):
            values = CAUSAL_MODELS[place].run(settings(a, b))
            assert values["answer"] == f" {(a + b) // 10**power % 10}"
            assert values["ones_carry"] == (a % 10 + b % 10) // 10 and values["tens_sum"] == a // 10 + b // 10


def test_a_carry_from_elsewhere_moves_the_tens_and_may_move_the_hundreds() -> None:
    base, carries = settings(42, 54), settings(19, 19)
    said = {place: CAUSAL_MODELS[place].interchange(base, {"ones_carry": carries})["answer"] for place in PLACES}
    assert said == {"ones": " 6", "tens": " 0", "hundreds": " 1"}


@pytest.mark.parametrize("place", PLACES)
def test_prompts_hold_the_digits_that_are_written_already(place: str) -> None:
    for example in tasks.get(f"digits-{place}").generate(60, seed=1):
        for prompt in (example.base, *example.counterfactuals.values()):
            operands, written = prompt.text.split(" =")
            ones, tens = ([int(digit) for digit in column.split(" + ")] for column in operands.split(" , "))
            a, b = (10 * high + low for high, low in zip(tens, ones, strict=True))
            digits = f"{a + b:03d}"[::-1]
            assert written.split() == list(digits[: len(written.split())])
            assert prompt.answer == f" {digits[len(written.split())]}"
            said = {name: prompt.text[slice(*span)] for name, span in prompt.spans.items()}
            assert said == {**{k: str(v) for k, v in settings(a, b).items()}, "comma": ",", "equals": "="}
            assert sorted(POSITIONS, key=lambda name: prompt.spans[name]) == list(POSITIONS)


def test_two_hundred_held_out_pairs_of_every_family_can_be_drawn() -> None:
    for place in PLACES:
        task = tasks.get(f"digits-{place}")
        rows = [task.parse(row) for row in task.stream(split="test")]
        for family in task.families:
            assert sum(family in example.counterfactuals for example in rows) >= 200


def test_a_sum_that_arithmetic_holds_out_is_held_out_here() -> None:
    def operands(name: str, part: str) -> set[tuple[int, int]]:
        rows = tasks.get(name).rows(300, split=part)
        return {(min(pair), max(pair)) for pair in ((row["operand1"], row["operand2"]) for row in rows)}

    assert not operands("digits-tens", "train") & operands("arithmetic-addition", "test")
    assert not operands("digits-hundreds", "test") & operands("digits-tens", "train")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"asked": "ones"}, "column 'asked' holds 'ones'; this task asks for 'tens'"),
        ({"label": "x"}, "column 'label' holds 'x', but the tens of"),
        ({"operand1": 7}, "columns 'operand1' and 'operand2' hold 7 and"),
        ({"prompt": "2 + 4 , 1 + 3 = 5"}, "column 'prompt' holds '2 \\+ 4 , 1 \\+ 3 = 5'; .* tens asked, is"),
    ],
)
def test_a_row_that_disagrees_with_itself_is_refused(change: dict[str, object], message: str) -> None:
    task = tasks.get("digits-tens")
    with pytest.raises(FormatError, match=message):
        task.parse({**task.rows(1)[0], **change})
