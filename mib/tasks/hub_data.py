"""MIB's data sets on the Hugging Face hub."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from mib.errors import TaskError
from mib.tasks.example import Row


@dataclass(frozen=True)
class HubData:
    """A task's data set on the Hugging Face hub.

    Attributes:
        repository: Name of the data set, such as ``mib-bench/ioi``.
        revision: The commit that is read; None where the newest one is, because no commit is known to us.
        config: Config of a data set with several.
        splits: Names of the data set's parts, where not ``train``, ``validation`` and ``test``.
    """

    repository: str
    revision: str | None
    config: str | None = None
    splits: Mapping[str, str] = field(default_factory=dict[str, str])

    def rows(self, split: str) -> Iterator[Row]:
        """The rows of a part, in order.

        Raises:
            TaskError: If ``datasets`` is not installed or the data set cannot be had, in one line.
        """
        try:
            import datasets
        except ImportError:
            raise TaskError(
                f"{self.repository} is read with the package 'datasets', which is not installed: "
                "pip install datasets. Or generate examples, or load a local folder."
            ) from None
        name = self.splits.get(split, split)
        try:
            yield from datasets.load_dataset(self.repository, self.config, split=name, revision=self.revision)  # pyright: ignore[reportReturnType]
        except Exception as error:  # the hub's client raises many kinds
            first = str(error).strip().partition("\n")[0]
            raise TaskError(
                f"cannot read split '{name}' of {self.repository} from the hub ({type(error).__name__}: {first}). "
                "Without a connection, generate examples or load a local folder."
            ) from error
