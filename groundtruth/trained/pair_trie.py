"""Pairs of inputs as a trie of their prefixes, so that what pairs have in common is computed once.

Under causal attention all that happens at a position depends on the tokens up to there. A run on an input with values
of a donor is thus, at each position, the run of all pairs that begin alike: at the third of five positions of three
tokens there are 729 different states and not 59,049. Without causal attention each pair has states of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor


@dataclass(frozen=True, eq=False)
class PairTrie:
    """The different states of many runs, in one flat list.

    Attributes:
        positions: The position of each state [state].
        inputs: An input that begins like those of the state [state].
        donors: A donor that begins like those of the state [state].
        keys: The states that a state's query attends to, one for each position [state, key].
        seen: True for those that it sees [state, key].
        leaves: The state of each pair at each position [pair, position].
    """

    positions: Int[Tensor, "state"]
    inputs: Int[Tensor, "state"]
    donors: Int[Tensor, "state"]
    keys: Int[Tensor, "state key"]
    seen: Bool[Tensor, "state key"]
    leaves: Int[Tensor, "pair position"]

    @classmethod
    def of(cls, ids: Tensor, inputs: Tensor, donors: Tensor, *, causal: bool) -> PairTrie:
        """The trie of some pairs.

        Args:
            ids: Token ids of all inputs [input, position].
            inputs: The input of each pair [pair].
            donors: The donor of each pair [pair].
            causal: Whether a state depends on its past alone.
        """
        n_pairs, width = len(inputs), ids.shape[1]
        if not causal:
            leaves = torch.arange(n_pairs * width).view(n_pairs, width)
            every = leaves.repeat_interleave(width, dim=0)
            seen = torch.ones_like(every, dtype=torch.bool)
            positions = torch.arange(width).repeat(n_pairs)
            return cls(positions, inputs.repeat_interleave(width), donors.repeat_interleave(width), every, seen, leaves)
        prefixes = prefix_numbers(ids)
        found: list[tuple[Tensor, Tensor]] = []  # which pairs stand for the states, and the state of each pair
        start = 0
        for position in range(width):
            # Two pairs share a state if both inputs and both donors begin alike. There are at most as many prefixes as
            # inputs, so the product numbers such pairs without a clash.
            keys = prefixes[inputs, position] * len(ids) + prefixes[donors, position]
            _, first, group = np.unique(keys.numpy(), return_index=True, return_inverse=True)
            found.append((torch.from_numpy(first), torch.from_numpy(group.reshape(-1)) + start))
            start += len(first)
        leaves = torch.stack([group for _, group in found], dim=1)
        pairs = torch.cat([first for first, _ in found])
        positions = torch.cat([torch.full((len(first),), p) for p, (first, _) in enumerate(found)])
        seen = torch.arange(width)[None] <= positions[:, None]
        # State 0 stands in where a position is not seen yet; its score is masked.
        ancestors = torch.where(seen, leaves[pairs], 0)
        return cls(positions, inputs[pairs], donors[pairs], ancestors, seen, leaves)

    def __len__(self) -> int:
        return len(self.positions)

    def of_inputs(self, values: Tensor) -> Tensor:
        """The values at each state's input and position, from those of all inputs [input, position, ...]."""
        return values[self.inputs, self.positions]

    def of_donors(self, values: Tensor) -> Tensor:
        """The values at each state's donor and position, from those of all donors [donor, position, ...]."""
        return values[self.donors, self.positions]


def prefix_numbers(ids: Tensor) -> Int[Tensor, "input position"]:
    """A number for the tokens of each input up to each position; equal where these are."""
    columns: list[Tensor] = []
    before = torch.zeros(len(ids), dtype=torch.long)
    for position in range(ids.shape[1]):
        # Numbered anew at each position, lest the number grow by the vocabulary's size with each token and overflow.
        _, before = torch.unique(before * (int(ids.max()) + 1) + ids[:, position], return_inverse=True)
        columns.append(before)
    return torch.stack(columns, dim=1)
