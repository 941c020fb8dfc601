"""Programs learned by gradient descent: right on every input, the same in RASP as when learned, compiled and proven."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from groundtruth import load
from groundtruth.compiled.domain import Domain
from groundtruth.errors import DomainError, ProgramError
from groundtruth.learned_programs.categorical_program import CategoricalProgram, Head, Table
from groundtruth.learned_programs.program_search import LearningSettings, learn_program
from groundtruth.learned_programs.soft_program import Choices, ProgramSizes, SoftProgram
from groundtruth.learned_programs.write_program import learned_name, program_text
from groundtruth.programs import find_program, get
from groundtruth.rasp.evaluate import evaluate_many
from groundtruth.store.catalog import shipped_learned

FILES = sorted((Path(__file__).parents[3] / "examples" / "learned_programs").glob("learned_*.py"))
QUICK = LearningSettings(steps=300, attempts=4)
SHORT = Domain((1, 2), 2, min_seq_len=2)


@pytest.fixture(scope="module", name="learned")
def _learned():
    return learn_program(get("hist"), SHORT, settings=QUICK)


def test_it_is_right_on_every_input_in_rasp(learned):
    inputs = list(SHORT.enumerate())
    assert evaluate_many(learned.program.build(), inputs) == [[row.count(token) for token in row] for row in inputs]


def test_the_same_seed_learns_the_same_program(learned):
    assert learn_program(get("hist"), SHORT, settings=QUICK).program == learned.program


def test_the_file_declares_the_same_program(learned, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(program_text(learned, command="groundtruth learn-program hist"))
    found = find_program(f"{path}:{learned_name(learned)}")
    inputs = list(SHORT.enumerate())
    assert list(found.domain.enumerate()) == inputs and found.family == "learned"
    assert evaluate_many(found.build(), inputs) == evaluate_many(learned.program.build(), inputs)
    assert max(map(len, path.read_text().splitlines())) <= 120


def test_likeliest_choices_give_what_the_program_gives_in_rasp():
    """Of random choices: wherever no head mixes values or finds none, soft program and RASP agree on all inputs.

    Lookups find positions, one for each query, so that most of them mix nothing.
    """
    domain = Domain(("a", "b", "c"), 3, min_seq_len=3)
    inputs, agreed = list(domain.enumerate()), {"lookup": 0, "count": 0, "table": 0}
    for seed in range(40):
        generator = torch.Generator().manual_seed(seed)
        soft = SoftProgram(domain, ("x", "y", "z", "w", "v"), ProgramSizes(layers=2), generator)
        for slot in soft.slots:
            if slot.kind == "lookup":
                soft.logits[f"{slot.name}.keys"][1] = 10.0
                table = soft.logits[f"{slot.name}.table"]
                one = table[:, :3].argmax(1)
                table.fill_(-1.0)[torch.arange(len(table)), one] = 1.0
        made = soft.run(soft.embed(inputs), Choices(None, generator))[2:]
        program = soft.discretize().without_unused()
        used = {step.name for step in program.steps}
        pure = [
            float(v.amax(-1).min()) > 1 - 1e-4 for slot, v in zip(soft.slots, made, strict=True) if slot.name in used
        ]
        if all(pure):
            expected = [[soft.outputs[code] for code in row] for row in made[-1].argmax(-1).tolist()]
            assert evaluate_many(program.build(), inputs) == expected, seed
            for step in program.steps[:-1]:
                agreed[step.name.partition("_")[0]] += 1
    assert min(agreed.values()) >= 5, agreed


def test_steps_that_the_output_does_not_need_are_left_out():
    head = Head("head", "tokens", "tokens", None, {1: (1,), 2: (2,)})
    unread = replace(head, name="unread")
    output = Table("output", "head", "head", {(n, n): n for n in range(3)})
    program = CategoricalProgram(SHORT, (head, unread, output))
    assert program.without_unused().steps == (head, output)


def test_what_cannot_be_learned_is_refused():
    with pytest.raises(DomainError, match="'running_sum' is meant for causal attention; heads of learned programs see"):
        learn_program(get("running_sum"), Domain((0, 1), 2, min_seq_len=2))
    with pytest.raises(DomainError, match="has 729 inputs; at most 256 can be learned from. Give a shorter length."):
        learn_program(get("hist"), Domain((1, 2, 3), 6, min_seq_len=6))
    with pytest.raises(DomainError, match="has several lengths; a program is learned on inputs of one length"):
        learn_program(get("hist"), Domain((1, 2), 3))
    with pytest.raises(ProgramError, match="no program was learned for 'hist' in 1 attempts; the best was right on"):
        learn_program(
            get("hist"), SHORT, settings=LearningSettings(steps=25, attempts=1), sizes=ProgramSizes(1, 0, 0, 0)
        )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_ships_is_its_task_and_its_model_has_a_proven_circuit(path):
    found, model = find_program(f"{path}:{path.stem}"), load(path.stem)
    inputs = list(found.domain.enumerate())
    task = get(path.stem.removeprefix("learned_"))
    wanted = [list(task.oracle(tokens)) for tokens in inputs]
    assert evaluate_many(found.build(), inputs) == wanted
    assert [model.run(tokens) for tokens in inputs] == wanted
    assert list(model.domain.enumerate()) == inputs
    circuit = model.circuit()
    assert circuit.exhaustive and not circuit.of_status("undecided") and circuit.sufficiency.holds is not None


def test_every_file_has_a_model():
    assert shipped_learned() == [path.stem for path in FILES] and len(FILES) >= 4
