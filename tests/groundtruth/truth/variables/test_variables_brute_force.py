"""Every site of every variable of small models, with hooks on the module and the program evaluated value by value.

Nothing of the prover is used but what it claims: the sites, their states, the readers to come and the span.
"""

import itertools
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from tracr.rasp import rasp

from groundtruth import CompiledModel
from groundtruth.compiled.torch_module import CompiledTransformer
from groundtruth.rasp.expressions import walk
from groundtruth.truth.variables import Site, Stage, Variable
from groundtruth.truth.variables.rasp_causal_model import UNDEFINED
from tests.groundtruth.brute_force import small
from tests.groundtruth.plain import KEEP, Plain

MODELS = (
    ("reverse", {"letters": 2, "max_seq_len": 3}),
    ("reverse_twice", {"letters": 2, "max_seq_len": 2}),  # two readers of one selector
    ("hist", {"letters": 2, "max_seq_len": 4}),
    ("sort", {"max_seq_len": 3}),
    ("frac_prevs", {"letters": 3, "max_seq_len": 3}),
    ("pair_balance", {"letters": 3, "max_seq_len": 3}),  # a difference of two numbers
    ("first_is_last", {"letters": 2, "max_seq_len": 3}),  # two heads of a layer
    ("seen_before", {"letters": 3, "max_seq_len": 3}),  # causal
    ("length_numerical", {"letters": 1, "max_seq_len": 4}),
    ("count_distinct", {"letters": 3, "max_seq_len": 3}),  # padding disturbs it
    ("second_step", {"letters": 3, "max_seq_len": 3}),
)
PAIRS = 24


Interchange = tuple[tuple[Any, ...], tuple[Any, ...], list[int]]
"""Base, source and positions."""


def interchanges(model: CompiledModel) -> Iterator[list[Interchange]]:
    """Interchanges at all positions that both inputs have, or at one; those with bases of one length together."""
    rng = random.Random(0)
    inputs = list(model.domain.enumerate())
    pairs = list(itertools.product(inputs, inputs))
    found: dict[int, list[Interchange]] = {}
    for base, source in rng.sample(pairs, min(PAIRS, len(pairs))):
        common = range(min(len(base), len(source)))
        positions = rng.choice([list(common), [rng.choice(common)]])
        found.setdefault(len(base), []).append((base, source, positions))
    yield from found.values()


class Hooked:
    """The module in float64, with an interchange at one site."""

    def __init__(self, model: CompiledModel) -> None:
        self.model = model
        self.module = CompiledTransformer(model.weights, dtype=torch.float64)
        ids = {value: index for index, value in enumerate(model.token_values)}
        self.ids = lambda tokens: [ids["compiler_bos"], *(ids[token] for token in tokens)]
        self.runs: dict[tuple[Any, ...], Any] = {}

    def cache(self, tokens: tuple[Any, ...]) -> Any:
        """All activations on one input."""
        return self.whole_run(tokens)[1]

    def whole_run(self, tokens: tuple[Any, ...]) -> Any:
        """Logits and all activations on one input, without an interchange."""
        if tokens not in self.runs:
            self.runs[tokens] = self.module.run_with_cache(torch.tensor([self.ids(tokens)]))
        return self.runs[tokens]

    def run(self, given: list[Interchange], site: Site, span: Tensor) -> list[list[Any]]:
        """The decoded outputs after x + R R^T (x_source - x) at some positions of a site; bases of one length."""
        others = [self.cache(source)[site.hook][0] for _, source, _ in given]

        def swap(x: Tensor, hook: Any) -> Tensor:
            new = x.clone()
            for row, ((_, _, positions), other) in enumerate(zip(given, others, strict=True)):
                places = [position + 1 for position in positions]
                index = (places,) if site.head is None else (places, site.head)
                new[row][index] = x[row][index] + (other[index] - x[row][index]) @ span @ span.T
            return new

        tokens = torch.tensor([self.ids(base) for base, _, _ in given])
        return [self.decoded(row) for row in self.module.run_with_hooks(tokens, fwd_hooks=[(site.hook, swap)])]

    def plain(self, base: tuple[Any, ...]) -> list[Any]:
        """The decoded output on one input."""
        return self.decoded(self.whole_run(base)[0][0])

    def decoded(self, logits: Tensor) -> list[Any]:
        """The values of the output, without BOS."""
        values = self.model.decoder.values
        rows = logits[1:].detach().numpy()
        if not values:
            return [float(row[0]) for row in rows]
        return [values[int(np.argmax(row > row.max() - 1e-6))] if row.max() > 0.01 else None for row in rows]


def expected(model: CompiledModel, variable: Variable, stage: Stage, given: Interchange) -> list[Any]:
    """What the program gives if the readers to come read the source's values."""
    base, source, positions = given
    sop = next(e for e in walk(model.program) if isinstance(e, rasp.SOp) and e.label == variable.label)
    values = Plain(model, source, {}, {}).own(sop)
    put = [values[i] if i in positions else KEEP for i in range(len(base))]
    seen = [reader.expression for reader in stage.readers]
    readers = {} if variable.encoding == "reciprocal" and seen else {variable.label: seen}
    return Plain(model, base, {variable.label: put}, readers).replaced(model.program, "logits")


def same(actual: list[Any], wanted: list[Any], *, categorical: bool) -> bool:
    return actual == wanted if categorical else bool(np.allclose(actual, wanted, rtol=1e-6, atol=1e-6))


@torch.no_grad()
@pytest.mark.parametrize(("name", "sizes"), MODELS, ids=[name for name, _ in MODELS])
def test_interchange_at_every_site_is_what_the_program_says(name: str, sizes: dict[str, int]) -> None:
    model = small(name, **sizes)
    hooked, categorical = Hooked(model), model.decoder.categorical
    effective: set[str] = set()
    for given, truth in itertools.product(interchanges(model), model.variables()):
        assert truth.certified
        plain = [hooked.plain(base) for base, _, _ in given]
        for stage in truth.stages:
            wanted = [expected(model, truth.variable, stage, item) for item in given]
            for site in stage.sites:
                found = hooked.run(given, site, truth.variable.span_at(site, model.weights))
                for item, before, value, actual in zip(given, plain, wanted, found, strict=True):
                    if any(part is UNDEFINED for part in value):
                        continue
                    assert same(actual, value, categorical=categorical), (str(truth.variable), str(site), item)
                    if not same(before, value, categorical=categorical):
                        effective.add(stage.state)
    assert "live" in effective
    assert "dead" not in effective


@pytest.mark.parametrize(("name", "sizes"), MODELS[:4], ids=[name for name, _ in MODELS[:4]])
def test_a_span_that_lacks_a_direction_is_not_enough(name: str, sizes: dict[str, int]) -> None:
    model = small(name, **sizes)
    hooked = Hooked(model)
    output = model.variable(model.program.label)
    site, span = Site("resid_post", model.weights.n_layers - 1), output.variable.span
    lacking = [hooked.run(given, site, span[:, 1:]) for given in interchanges(model)]
    wanted = [[expected(model, output.variable, output.stages[0], item) for item in g] for g in interchanges(model)]
    assert lacking != wanted
    assert [hooked.run(given, site, span) for given in interchanges(model)] == wanted
