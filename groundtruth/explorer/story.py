"""A guided story on the page of a model: a few sentences a step, each step a state of the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from groundtruth.compiled.domain import Tokens
from groundtruth.errors import GroundTruthError
from groundtruth.model import CompiledModel
from groundtruth.pitfalls import Exhibit, Outcome
from groundtruth.report.views.pitfalls_table import value_text
from groundtruth.store.json_values import pack
from mib.featurization import FeaturizationTask, Featurizer


@dataclass(frozen=True)
class Claim:
    """An answer that a step speaks of, for the page to hold beside what the network gives there.

    Attributes:
        who: Who says so, such as ``the coin``.
        position: Position in the input.
        value: Output that is expected there.
        holds: True if the network gives it.
    """

    who: str
    position: int
    value: Any
    holds: bool


@dataclass(frozen=True)
class Step:
    """One step.

    Attributes:
        text: Paragraphs.
        state: State of the page, as its address has it.
        agrees: True if model and causal model give the same there; ``None`` where nothing is swapped.
        claim: An answer to hold beside the network's.
    """

    text: tuple[str, ...]
    state: Mapping[str, str]
    agrees: bool | None = None
    claim: Claim | None = None


@dataclass(frozen=True)
class Shown:
    """A featurizer that can be swapped on the page.

    Attributes:
        name: Its name on the page.
        exhibit: The featurizer with its task.
        variable: Label of the expression that it is said to be; ``None`` where nothing is predicted.
        random: True if it is of the network with random weights.
    """

    name: str
    exhibit: Exhibit
    variable: str | None
    random: bool = False


@dataclass(frozen=True)
class Story:
    """A story about one pitfall.

    Attributes:
        title: One line.
        steps: From beginning to end.
        shown: Featurizers, in the order in which steps number them.
    """

    title: str
    steps: tuple[Step, ...]
    shown: tuple[Shown, ...]


def story_data(story: Story, outcome: Outcome, links: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """A story as JSON, with the numbers of the pitfall that it tells.

    Args:
        story: The story.
        outcome: The pitfall that was run.
        links: Text and address of other pages.
    """
    pitfall, found = outcome.pitfall, outcome.demonstration
    naive, truth = (
        [{"what": finding.what, "value": value_text(finding)} for finding in findings]
        for findings in (found.naive, found.truth)
    )
    return {
        "title": story.title,
        "steps": [_step_data(step) for step in story.steps],
        "naive": naive,
        "truth": truth,
        "why": pitfall.why,
        "instead": pitfall.instead,
        "source": pitfall.source,
        "links": list(links),
    }


def _step_data(step: Step) -> dict[str, Any]:
    claim = step.claim
    shown = claim and {"who": claim.who, "position": claim.position, "value": pack(claim.value), "holds": claim.holds}
    return {"text": step.text, "state": list(step.state.items()), "agrees": step.agrees, "claim": shown}


@dataclass(frozen=True, eq=False)
class Examples:
    """The pairs of a task out of which a story takes its own.

    Attributes:
        model: Model whose tokens they are.
        task: Task that they are of.
        padded: False where padding changes what the network gives, as with random weights: the page does not pad.
    """

    model: CompiledModel
    task: FeaturizationTask
    padded: bool = True

    def find(self, wanted: Mapping[Featurizer, bool], *, telling: bool = True, rows: slice = slice(None)) -> int:
        """The pair on which each featurizer is right or wrong as wanted that shows most.

        Args:
            wanted: True for each featurizer that must give what is expected.
            telling: True for a pair that a swap of nothing gets wrong, False for one that it gets right.
            rows: Pairs to choose from.

        Raises:
            GroundTruthError: If there is none.
        """
        nothing = Featurizer.subspace(torch.zeros(self.task.width, 0))
        fits = self._allowed & (self.task.right(nothing) != telling)
        for featurizer, right in wanted.items():
            fits &= self.task.right(featurizer) == right
        found = torch.arange(len(self.task))[rows][fits[rows]]
        if not len(found):
            raise GroundTruthError("no pair of this task shows the pitfall by itself. Try another --seed.")
        return max(found.tolist(), key=self._variety)

    @property
    def _allowed(self) -> Tensor:
        """Pairs of two inputs, without padding where that matters."""
        base, source = self.task.base, self.task.source
        differ = (base != source).any(1)
        return differ if self.padded else differ & ((base != self.model.pad_id) & (source != self.model.pad_id)).all(1)

    def _variety(self, example: int) -> int:
        """Count how many tokens the two inputs have, different ones counted again."""
        rows = [self._tokens(ids[example]) for ids in (self.task.base, self.task.source)]
        return sum(len(tokens) + len(set(tokens)) for tokens in rows)

    def state(self, example: int) -> dict[str, str]:
        """The inputs of a pair, and where its features are swapped."""
        base, source = (self._tokens(ids[example]) for ids in (self.task.base, self.task.source))
        found = {"input": " ".join(map(str, base)), "second": " ".join(map(str, source))}
        positions = self.task.pairs.base_positions[example], self.task.pairs.source_positions[example]
        if len(positions[0]) == 1:
            # BOS stands before the first token.
            found["at"] = ":".join(str(int(place) - 1) for place in positions)
        return found

    def _tokens(self, ids: Tensor) -> Tokens:
        return tuple(self.model.token_values[i] for i in ids.tolist()[1:] if i != self.model.pad_id)
