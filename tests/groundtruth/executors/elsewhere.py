"""An executor whose worker takes itself for one on another machine."""

from collections.abc import Sequence
from dataclasses import dataclass

from groundtruth.executors import Function, Needs, Serial
from groundtruth.executors.executor import Outcomes


@dataclass(frozen=True)
class Elsewhere:
    """This process, which is told all that a worker of a cluster is told."""

    is_remote = True

    def run_batches(
        self,
        function: Function,
        common: str,
        batches: Sequence[Sequence[str]],
        *,
        needs: Needs,
        timeout: float | None = None,
        apart: bool = False,
    ) -> Outcomes:
        assert common and needs.memory > 0
        return Serial().run_batches(function, common, batches, needs=needs)
