"""How weights are made of a program: exactly, or as Tracr does by default."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Settings:
    """How a program is turned into weights; the defaults are those that are exact.

    Attributes:
        mlp_exactness: Slope of the discretising neurons. A SelectorWidth over n positions needs 2n(n+1): Tracr's
            default of 100 is wrong from n = 7 on. ``None`` = 1e4, or more where so many positions need it.
        undiluted_softmax: Undo the division of attention scores by the square root of the head size, which
            otherwise weakens Tracr's temperature of 100.
        own_clean_bos: Give each SelectorWidth its own neuron that cleans BOS; Tracr's share one by name, which then
            subtracts too much.
        value_sized_heads: Size heads by their values too; Tracr fails where a value is wider than the keys.
        repairs: Write negative numbers with two neurons, and compile a program that Tracr's lists of values do not
            compile exactly with lists of its own (``groundtruth.compiler.repairs``).
    """

    mlp_exactness: float | None = None
    undiluted_softmax: bool = True
    own_clean_bos: bool = True
    value_sized_heads: bool = True
    repairs: bool = True

    @property
    def changed(self) -> dict[str, Any]:
        """The settings that are not the default, by name."""
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name)) != field.default}

    def slope(self, max_seq_len: int, listed: Iterable[Sequence[float] | None] = ()) -> float:
        """The slope of the discretising neurons of a model.

        Args:
            max_seq_len: The length of its longest input.
            listed: Numbers that neurons have to tell apart, beside those that Tracr lists.
        """
        if self.mlp_exactness is not None:
            return self.mlp_exactness
        gaps = [b - a for numbers in listed if numbers for a, b in itertools.pairwise(sorted(numbers))]
        # A step is 1 / slope wide and ends in the middle of a gap, so that a slope of 2 / gap just fits it in. Widths
        # 1/(w+1) have gaps down to 1/(n(n+1)): twice the least slope; of listed numbers four times.
        return max(1e4, 4.0 * max_seq_len * (max_seq_len + 1), 8 / min(gaps, default=1.0))


TRACR = Settings(
    mlp_exactness=100, undiluted_softmax=False, own_clean_bos=False, value_sized_heads=False, repairs=False
)
"""Settings of ``tracr.compiler.compile_rasp_to_model`` by default."""
