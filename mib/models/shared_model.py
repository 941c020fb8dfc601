"""Models that methods run on themselves, not on copies: a second one of 8 billion parameters would not fit."""

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from mib.errors import MethodError
from mib.models.fingerprints import Fingerprint
from mib.models.loaded_model import LoadedModel

Made = TypeVar("Made")


@dataclass(frozen=True)
class _Flags:
    """What a method may switch and forget to switch back, which costs nothing to put right."""

    training: Mapping[str, bool]
    requires_grad: Mapping[str, bool]

    @classmethod
    def of(cls, loaded: LoadedModel) -> "_Flags":
        model = loaded.model
        return cls(
            {name: module.training for name, module in model.named_modules()},
            {name: weight.requires_grad for name, weight in model.named_parameters(remove_duplicate=False)},
        )

    def put_back(self, loaded: LoadedModel) -> None:
        for name, module in loaded.model.named_modules():
            module.training = self.training.get(name, module.training)
        for name, weight in loaded.model.named_parameters(remove_duplicate=False):
            weight.requires_grad_(self.requires_grad.get(name, weight.requires_grad))
            weight.grad = None


class SharedModel:
    """A model that is lent to one method after the other, and is read anew if one of them changed it.

    Args:
        load: Reads the model; called when it is first asked for, and again after it was changed.
    """

    def __init__(self, load: Callable[[], LoadedModel]) -> None:
        self._load = load
        self._known: tuple[LoadedModel, Fingerprint, _Flags] | None = None
        self._made: WeakKeyDictionary[object, Any] = WeakKeyDictionary()

    @property
    def model(self) -> LoadedModel:
        """The model as it was loaded.

        Raises:
            ModelError: If it cannot be read.
        """
        if self._known is None:
            gc.collect()  # modules refer to each other in circles: what is left of a model before this one goes first
            loaded = self._load()
            self._known = loaded, Fingerprint.of(loaded), _Flags.of(loaded)
        return self._known[0]

    def made_for(self, owner: object, make: Callable[[LoadedModel], Made]) -> Made:
        """Make something of the model, such as a task; it is kept until the model is given up or the owner is gone."""
        loaded = self.model
        if owner not in self._made:
            self._made[owner] = make(loaded)
        return self._made[owner]

    def run(self, by: str, use: Callable[[], Made]) -> Made:
        """Give what a method gives, if it left the model as it was; an error of its own comes before that.

        Args:
            by: The method's name.
            use: Runs it.

        Raises:
            MethodError: If it changed the model, which is then read anew for the next one.
        """
        try:
            given = use()
        except Exception:
            self.taken_back()
            raise
        if changes := self.taken_back():
            raise MethodError(
                f"{by} changed the model: {changes}. Work on copy.deepcopy(task.model). Other methods get the model as "
                "it was."
            )
        return given

    def give_up(self) -> None:
        """Forget the model and all that was made of it, so that there is room for another."""
        self._known = None
        self._made.clear()

    def taken_back(self) -> str:
        """See that the model is as it was.

        Training modes, ``requires_grad`` and gradients of weights are put back without a word. For anything else the
        model is given up: it is read anew when it is asked for again.

        Returns:
            Words for what was changed; empty if nothing was.
        """
        if self._known is None:
            return ""
        loaded, before, flags = self._known
        flags.put_back(loaded)
        changes = before.changes(Fingerprint.of(loaded))
        if changes:
            self.give_up()
        return changes
