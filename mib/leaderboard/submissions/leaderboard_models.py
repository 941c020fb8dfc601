"""The leaderboard's models: their names in both tracks and their sizes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mib.counted_nouns import layers_by_heads
from mib.errors import TaskError, did_you_mean
from mib.graph import Graph


@dataclass(frozen=True)
class LeaderboardModel:
    """A model of the leaderboard.

    Attributes:
        architecture: The class of the model, by which the causal-variable track names it.
        short: Its name in the causal-variable track's scripts, in the parameters of IOI.
        layers: Number of blocks.
        heads: Query heads a block.
        d_model: Width of the residual stream.
    """

    architecture: str
    short: str
    layers: int
    heads: int
    d_model: int

    @property
    def graph(self) -> Graph:
        """Its nodes and edges."""
        return Graph(self.layers, self.heads, self.d_model)

    @property
    def sizes(self) -> str:
        """Its sizes in words."""
        return sizes(self.graph)


MODELS: Mapping[str, LeaderboardModel] = {
    "gpt2": LeaderboardModel("GPT2LMHeadModel", "gpt2", 12, 12, 768),
    "qwen2.5": LeaderboardModel("Qwen2ForCausalLM", "qwen", 24, 14, 896),
    "gemma2": LeaderboardModel("Gemma2ForCausalLM", "gemma", 26, 8, 2304),
    "llama3": LeaderboardModel("LlamaForCausalLM", "llama", 32, 32, 4096),
}
"""Models by their names in the circuit track: GPT-2 small, Qwen2.5-0.5B, Gemma-2-2B, Llama-3.1-8B."""


def sizes(graph: Graph) -> str:
    """Layers, heads and width in words."""
    return f"{layers_by_heads(graph.n_layers, graph.n_heads)}, d_model {graph.d_model}"


def parse_models(names: list[str]) -> dict[str, str | Path]:
    """Return which models to run for which of the leaderboard's.

    Args:
        names: ``gpt2``, or ``gpt2=FOLDER`` for a checkpoint of it, or one that stands in for it.

    Raises:
        TaskError: If a name is none of the leaderboard's, or comes twice.
    """
    found: dict[str, str | Path] = {}
    for text in names:
        name, _, place = text.partition("=")
        if name not in MODELS:
            raise TaskError(
                f"'{name}' is no model of the leaderboard.{did_you_mean(name, MODELS)} Known: {', '.join(MODELS)}. For "
                "a checkpoint of one, write gpt2=FOLDER."
            )
        if name in found:
            raise TaskError(f"model '{name}' is named twice.")
        found[name] = Path(place) if place else name
    return found
