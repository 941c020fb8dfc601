"""What a compiled model answers, and what it refuses."""

import itertools

import pytest
import torch

from groundtruth import compile, load, programs
from groundtruth.compiled.network import Check
from groundtruth.compiled.torch_module import CompiledTransformer
from groundtruth.errors import DomainError
from groundtruth.store.read import read_circuits


@pytest.fixture(scope="module")
def reverse():
    return compile(programs.get("reverse"))


@pytest.fixture(scope="module")
def hist():
    return compile(programs.get("hist").build(), vocab=(1, 2), max_seq_len=2, name="little_hist")


def test_a_run_gives_the_output_without_bos(reverse):
    assert reverse.run([1, 2, 2]) == [2, 2, 1]
    assert reverse.run((3,)) == [3]


def test_inputs_of_several_lengths_come_out_in_their_order(reverse):
    inputs = [(1, 2), (3,), (1, 2, 3, 1, 1), (2, 1), ()]
    assert reverse.run_many(inputs) == [[2, 1], [3], [1, 1, 3, 2, 1], [1, 2], []]
    assert reverse.run_many([]) == []


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ((), r"'\(nothing\)' has 0 tokens; allowed are 1 to 5."),
        ((1, 1, 1, 1, 1, 1), "'1 1 1 1 1 1' has 6 tokens; allowed are 1 to 5."),
        ((1, 4), "token 4 at position 1 of '1 4' is not in the vocabulary 1 2 3."),
        (("compiler_bos",), "'compiler_bos' at position 0 of 'compiler_bos' is not in the vocabulary 1 2 3."),
    ],
)
def test_a_run_refuses_what_is_no_input(reverse, tokens, message):
    for ask in (reverse.run, reverse.trace):
        with pytest.raises(DomainError, match=message):
            ask(tokens)


def test_tokens_are_encoded_after_bos_and_before_pad(reverse):
    ids = reverse.token_ids
    bos, pad = reverse.bos_id, reverse.pad_id
    assert reverse.encode([(1, 2), (3,)]).tolist() == [[bos, ids[1], ids[2]], [bos, ids[3], pad]]
    assert reverse.encode([(3,)], length=3).tolist() == [[bos, ids[3], pad, pad]]
    assert reverse.encode([]).shape == (0, 1)


def test_what_cannot_be_encoded_is_refused(reverse):
    with pytest.raises(DomainError, match="'1 1 1 1 1 1' has 6 tokens; 'reverse' takes 5."):
        reverse.encode([(1,) * 6])
    with pytest.raises(DomainError, match="token 9 is not in the vocabulary of 'reverse': 1 2 3."):
        reverse.encode([(1, 9)])


def test_a_trace_gives_every_expression_at_every_position(reverse):
    trace = reverse.trace([1, 2, 3])
    assert trace["length"] == [3, 3, 3]
    assert trace["opposite"] == [2, 1, 0]
    assert trace["reverse"] == [3, 2, 1]
    assert trace["tokens"] == [1, 2, 3]
    assert {str(truth.variable) for truth in reverse.variables()} <= {*trace, "1/(1+length)"}


def test_the_transformer_is_the_model_in_single_precision(reverse):
    assert isinstance(reverse.transformer, CompiledTransformer)
    assert reverse.transformer is reverse.transformer
    logits = reverse.transformer(reverse.encode([(1, 2, 3)]))
    assert logits.dtype == torch.float32
    assert reverse.decoder.decode(reverse.decoder.codes(logits[:, 1:])[0]) == [3, 2, 1]


def test_the_graph_has_the_position_embedding_as_a_source(reverse):
    assert reverse.graph.sources[:2] == ("input", "pos")
    assert len(reverse.graph.edges) == 94


def test_a_circuit_is_proven_once(hist):
    assert hist.circuit("zero", "fixed") is hist.circuit("zero", "fixed")
    assert hist.circuit().lengths == "mixed"
    assert hist.circuit().ablation == "resample"
    assert {(c.ablation, c.lengths) for c in hist.known_circuits} == {("zero", "fixed"), ("resample", "mixed")}


def test_a_stored_circuit_is_not_proven_again(monkeypatch):
    monkeypatch.setattr("groundtruth.model.prove", None)
    model = load("hist")
    circuit = model.circuit("mean", "fixed")
    assert circuit in read_circuits(model.folder, model.graph)
    assert len(model.known_circuits) == 8


def test_an_unknown_ablation_or_kind_of_lengths_is_refused(hist):
    with pytest.raises(DomainError, match="ablation='zeros' is unknown. Did you mean: zero?"):
        hist.circuit("zeros")
    with pytest.raises(DomainError, match="lengths='any' is unknown."):
        hist.circuit("zero", "any")


def test_saving_proves_every_circuit(hist, tmp_path):
    hist.save(tmp_path / "new" / "folder")
    again = load(tmp_path / "new" / "folder")
    kinds = {(c.ablation, c.lengths) for c in read_circuits(again.folder, again.graph)}
    assert kinds == set(itertools.product(("resample", "zero", "mean", "mean-positional"), ("fixed", "mixed")))


def test_a_check_says_on_what(hist):
    assert str(hist.check) == "all 6 inputs"
    assert str(Check(500, exhaustive=False, seed=3)) == "a sample of 500 inputs (seed 3)"


def test_a_model_shows_its_name_and_size(reverse):
    assert repr(reverse) == "CompiledModel('reverse', 4 layers x 1 head, d_model 41)"
