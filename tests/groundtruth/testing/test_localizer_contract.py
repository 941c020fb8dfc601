import numpy as np
import pytest
import torch

import mib
from groundtruth.testing.contract import Promise, check_method
from mib.errors import MethodError


def zeros(task: mib.LocalizationTask) -> mib.EdgeScores:
    return mib.EdgeScores(task.graph, np.zeros(len(task.graph.edges)))


def broken(method: object, **options: str) -> dict[str, str]:
    found: list[Promise] = check_method(method, **options)
    return {promise.what: promise.detail for promise in found if not promise.ok}


@pytest.mark.parametrize("name", ["random", "eap", "exact", "ifr"])
def test_registered_methods_keep_the_contract(name: str) -> None:
    assert broken(mib.localization.get(name)) == {}


def test_node_and_neuron_methods_keep_it_at_their_level() -> None:
    assert broken(mib.localization.get("nap"), level="node") == {}
    assert broken(mib.localization.get("nap"), level="neuron") == {}
    with pytest.raises(MethodError, match="exact-node scores node, not level='edge'"):
        check_method(mib.localization.get("exact-node"))


def test_a_wrong_kind_of_result_says_what_was_expected() -> None:
    found = broken(lambda task: [1.0, 2.0])
    assert list(found) == ["returns EdgeScores of task.graph"]
    detail = "on mock count: returned a list; expected mib.EdgeScores(task.graph, values) with values of shape [4, 5]"
    assert found["returns EdgeScores of task.graph"].startswith(detail)


def test_scores_of_another_graph_are_told() -> None:
    found = broken(lambda task: mib.EdgeScores(mib.Graph(1, 1, 1), np.zeros(8)))
    assert "expected task.graph" in found["returns EdgeScores of task.graph"]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_unscored_edges_are_named(value: float) -> None:
    def partial(task: mib.LocalizationTask) -> mib.EdgeScores:
        values = np.ones(len(task.graph.edges))
        values[2] = value
        return mib.EdgeScores(task.graph, values)

    found = broken(partial)
    assert list(found) == ["scores every edge, by a finite number"]
    assert "no finite score for 1 of 13 edges: 'input->a0.h0<v>'" in next(iter(found.values()))


@pytest.mark.parametrize("draw", [lambda n: torch.randn(n).numpy(), np.random.randn], ids=["torch", "numpy"])
def test_unseeded_randomness_is_told(draw) -> None:
    found = broken(lambda task: mib.EdgeScores(task.graph, draw(len(task.graph.edges))))
    assert "Draw random numbers from task.generator()" in found["the same seed gives the same scores"]


def test_what_the_tasks_generator_draws_is_no_breach() -> None:
    seeded = lambda task: mib.EdgeScores(  # noqa: E731
        task.graph, torch.randn(len(task.graph.edges), generator=task.generator()).numpy()
    )
    assert broken(seeded) == {}


def test_a_changed_model_is_told() -> None:
    def vandal(task: mib.LocalizationTask) -> mib.EdgeScores:
        with torch.no_grad():
            task.model.embed.W_E.add_(1)
        return zeros(task)

    assert "'embed.W_E' changed; expected the same weights" in broken(vandal)["leaves the weights as they were"]


def test_hooks_left_behind_are_told() -> None:
    def hooking(task: mib.LocalizationTask) -> mib.EdgeScores:
        task.model.add_hook("blocks.0.hook_mlp_out", lambda activation, hook: activation)
        return zeros(task)

    detail = broken(hooking)["leaves no hooks behind"]
    assert "hooks remain at 'blocks.0.hook_mlp_out'; expected none" in detail


@pytest.mark.parametrize("name", ["clean", "counterfactual"])
@pytest.mark.parametrize("always", [True, False])
def test_changed_inputs_are_told(name: str, always: bool) -> None:
    """Whether each run changes them further, or all runs to the same."""

    def writing(task: mib.LocalizationTask) -> mib.EdgeScores:
        tokens = getattr(task, name)
        tokens[0, 1] = tokens[0, 1] + 1 if always else 0
        return zeros(task)

    assert f"task.{name} changed" in broken(writing)["leaves the inputs as they were"]


def test_a_method_that_raises_is_told_with_its_place_and_nothing_else() -> None:
    found = check_method(lambda task: 1 / 0)
    assert [promise.what for promise in found] == ["runs"]
    assert "raised ZeroDivisionError: division by zero (test_localizer_contract.py, line" in found[0].detail


def test_a_function_with_the_wrong_signature_is_refused() -> None:
    with pytest.raises(MethodError, match="parameter 'steps' must be keyword-only with a default"):
        check_method(lambda task, steps: None)
