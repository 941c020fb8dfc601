"""Fresh RASP programs: typed, small, different from each other, and made so that they compile exactly."""

from groundtruth.generated.bounds import Bounds, parse_range
from groundtruth.generated.draw import FAMILY, Drawn, draw, from_code, from_seed
from groundtruth.generated.grammar import Stuck

__all__ = ["FAMILY", "Bounds", "Drawn", "Stuck", "draw", "from_code", "from_seed", "parse_range"]
