"""Stories of pitfalls: every step shows in the page what it says, and every featurizer swaps there as in Python."""

import json
from html import unescape
from pathlib import Path

import pytest
import torch

from groundtruth import load
from groundtruth.errors import GroundTruthError
from groundtruth.explorer.featurizer_data import featurizer_data
from groundtruth.explorer.page_file import page
from groundtruth.explorer.pitfall_stories import STORIES
from groundtruth.explorer.story import Examples
from groundtruth.explorer.story_files import story_page_data, write_stories
from groundtruth.pitfalls import AnswerTable
from mib.featurization import Featurizer, dictionary
from mib.featurization.autoencoder import SaeTraining, SparseAutoencoder
from mib.featurization.bijection import Coordinates, ReversibleNetwork
from mib.featurization.methods.random_subspace import random_rotation
from tests.groundtruth.explorer.node import run_script
from tests.groundtruth.pitfalls.outcomes import EACH, outcome_of

HERE = Path(__file__).parent
WIDTH = 7


def test_every_pitfall_has_a_story() -> None:
    assert [param.values[0] for param in EACH] == list(STORIES)


@pytest.mark.parametrize("name", EACH)
def test_each_step_shows_what_it_says(name: str, tmp_path: Path) -> None:
    data = story_page_data(outcome_of(name), [("All pitfalls", "index.html")])
    assert len(page(data).encode()) <= 250_000
    path = tmp_path / "story.json"
    path.write_text(json.dumps(data))
    shown = run_script(HERE / "run_stories.mjs", path)
    told = data["story"]["steps"]
    assert [step["agrees"] for step in shown] == [step["agrees"] for step in told]
    assert [step["claim"] for step in shown] == [step["claim"] and step["claim"]["holds"] for step in told]
    assert all(step["kept"] for step in shown)
    assert {step["features"] for step in shown} == {None, *range(len(data["features"]))}


def test_what_is_dead_or_dormant_changes_nothing_and_what_is_live_does(tmp_path: Path) -> None:
    path = tmp_path / "story.json"
    path.write_text(json.dumps(story_page_data(outcome_of("dormant-pathway"))))
    assert [step["changes"] for step in run_script(HERE / "run_stories.mjs", path)] == [
        False, True, True, False, False, True,
    ]  # fmt: skip
    path.write_text(json.dumps(story_page_data(outcome_of("dead-copy"))))
    assert [step["changes"] for step in run_script(HERE / "run_stories.mjs", path)] == [False, True, False, False]


def featurizers() -> dict[str, tuple[Featurizer, SparseAutoencoder | AnswerTable | None]]:
    generator = torch.Generator().manual_seed(3)
    samples = torch.randn(50, WIDTH, generator=generator, dtype=torch.float64)
    sae = SparseAutoencoder(samples, SaeTraining("top-k", k=3), generator)
    network = ReversibleNetwork(WIDTH, blocks=3, hidden=5, generator=generator).double()
    with torch.no_grad():
        for weights in network.parameters():
            weights.copy_(torch.randn(weights.shape, generator=generator) / 2)
    chart = Coordinates(network)
    states = samples[:6]
    answers = torch.randint(-1, 3, (6, 6), generator=generator)
    table = AnswerTable(states, answers, torch.randn(3, WIDTH, generator=generator, dtype=torch.float64))
    subspace = Featurizer.subspace(random_rotation(WIDTH, 4, generator).double(), selected=(0, 2))
    return {
        "subspace": (subspace, None),
        "nothing": (Featurizer.subspace(torch.zeros(WIDTH, 0)), None),
        "autoencoder": (dictionary(sae.encode, sae.decode, sae.n_features).select((1, 4, 5, 9)), sae),
        "reversible network": (Featurizer(chart, chart.back, WIDTH, selected=(0, 3)), None),
        "answers": (Featurizer(lambda x: (x, x), table.look_up, WIDTH), table),
    }


@pytest.mark.parametrize("name", featurizers())
def test_features_are_swapped_as_in_python(name: str, tmp_path: Path) -> None:
    featurizer, inside = featurizers()[name]
    generator = torch.Generator().manual_seed(4)
    base, source = torch.randn(2, 20, WIDTH, generator=generator, dtype=torch.float64)
    source[:3] = base[:3]
    path = tmp_path / "features.json"
    content = {"features": featurizer_data(featurizer, inside), "base": base.tolist(), "source": source.tolist()}
    path.write_text(json.dumps(content))
    found = torch.tensor(run_script(HERE / "run_features.mjs", path), dtype=torch.float64)
    with torch.no_grad():
        expected = featurizer.interchange(base, source)
    assert float((found - expected).abs().max()) <= 1e-9
    assert name == "nothing" or float((expected - base).abs().max()) > 0.1


def test_maps_that_the_page_cannot_run_are_refused() -> None:
    with pytest.raises(GroundTruthError, match="the page can swap subspaces, TopK autoencoders"):
        featurizer_data(Featurizer(lambda x: (x, x[..., :0]), lambda features, _: features, WIDTH))


def test_a_pair_that_is_not_there_is_an_error() -> None:
    task = outcome_of("no-op-pairs").demonstration.exhibits["nothing"].task
    nothing = Featurizer.subspace(torch.zeros(task.width, 0))
    with pytest.raises(GroundTruthError, match="no pair of this task shows the pitfall"):
        Examples(load("contains_x"), task).find({nothing: True}, telling=True)


def test_stories_are_written_with_an_index_that_leads_to_each(tmp_path: Path) -> None:
    written = write_stories(tmp_path, [outcome_of("no-op-pairs"), outcome_of("best-of-test")])
    assert [path.name for path in written] == ["no-op-pairs.html", "best-of-test.html"]
    index = (tmp_path / "index.html").read_text()
    assert all(f'href="{path.name}"' in index for path in written)
    assert "Next: best-of-test" in written[0].read_text()
    assert outcome_of("no-op-pairs").pitfall.why in unescape(index)
