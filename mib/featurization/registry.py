"""Methods by name. A method is a plain function of a task; it is checked when it is registered, not when it runs."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from mib.errors import MethodError
from mib.featurization.featurizer import Featurizer
from mib.featurization.featurizer_law import check_featurizer
from mib.featurization.task import FeaturizationTask
from mib.method_signature import check_parameters, check_signature, description_of, parameters_of
from mib.registry import Registry

Method = Callable[..., Featurizer]

NEEDS = ("values", "isolation", "categories")
"""Whatever a method can say that it needs of a task."""


@dataclass(frozen=True)
class FeaturizerMethod:
    """A registered method, callable like the function itself.

    Attributes:
        name: Its name in tables and on the command line.
        function: The method.
        cost: Its cost in words: forward (F) and backward (B) passes from the site on.
        source: Publication of the method.
        needs: Parts that a task must have for it: ``values`` (of the variable, for probes), ``isolation`` pairs,
            ``categories`` (outputs that are one of several, for a loss over these; not numbers).
        linear: True if what it finds is a subspace.
        control: True if it is no contestant but something to compare contestants with. Tables show controls apart and
            do not rank them.
    """

    name: str
    function: Method
    cost: str
    source: str
    needs: tuple[str, ...]
    linear: bool
    control: bool = False

    @property
    def description(self) -> str:
        """The first line of the method's docstring."""
        return description_of(self.function)

    @property
    def parameters(self) -> dict[str, Any]:
        """Hyper-parameters and their defaults."""
        return parameters_of(self.function)

    def check(self, task: FeaturizationTask, **parameters: object) -> None:
        """Say why the method cannot run on a task, before it starts.

        Raises:
            MethodError: If the task lacks what it needs, or a parameter is unknown or has a value that means nothing.
        """
        check_parameters(self.name, self.function, parameters)
        if "values" in self.needs and task.base_values is None:
            raise MethodError(
                f"{self.name} learns the variable's values, and the task has none. Give base_values and source_values."
            )
        if "categories" in self.needs and task.expected.is_floating_point():
            raise MethodError(
                f"{self.name} learns from outputs that are one of several, and this task's are numbers: what is "
                "expected is compared by distance. Use das."
            )
        if "isolation" in self.needs and (task.isolates is None or not bool(task.isolates[task.split.train].any())):
            raise MethodError(
                f"{self.name} learns from isolation pairs too, and the task's training split has none. Mark pairs "
                "that swap other variables with isolates, or use das."
            )

    def __call__(self, task: FeaturizationTask, **parameters: Any) -> Featurizer:
        """Run the method on what it may learn from, and hold what it returns to its law, on the site's activations.

        The method does not see the examples of ``task.split.test``.

        Raises:
            MethodError: If the method cannot run on the task, or returns something that breaks its law.
        """
        self.check(task, **parameters)
        found = self.function(task.learnable, **parameters)
        if not isinstance(found, Featurizer):  # pyright: ignore[reportUnnecessaryIsInstance] - users' functions
            raise MethodError(f"{self.name} returned a {type(found).__name__}; expected a mib.Featurizer.")
        spread = task.everything[:: -(-len(task) // CHECKED)]
        base, source = (x.flatten(0, 1) for x in task.activations(spread))
        check_featurizer(found, base, source, by=f"what {self.name} returned")
        return found


CHECKED = 256
"""On how many pairs, at most, every returned featurizer is checked; they are spread over all of the task's."""


FEATURIZERS: Registry[FeaturizerMethod] = Registry(
    "featurizer", error=MethodError, builtins="mib.featurization.methods", plugins="mib.featurizers"
)
"""All featurization methods; a package adds its own by naming a module in the entry-point group ``mib.featurizers``."""

get, names = FEATURIZERS.get, FEATURIZERS.names


def featurizer(
    name: str,
    *,
    cost: str,
    source: str,
    needs: tuple[str, ...] = (),
    linear: bool = True,
    control: bool = False,
) -> Callable[[Method], FeaturizerMethod]:
    """Register a method.

    Args:
        name: Its name; lower case, words joined by hyphens.
        cost: Its cost in words.
        source: Publication of the method.
        needs: Parts that a task must have for it: ``values``, ``isolation``, ``categories``.
        linear: True if what it finds is a subspace.
        control: True if it is something to compare methods with, and not ranked itself.

    Raises:
        MethodError: If the name is taken, the signature is wrong or a need is unknown.
    """
    make = partial(as_featurizer, name=name, cost=cost, source=source, needs=needs, linear=linear, control=control)
    return FEATURIZERS.register(make, name=name)


def as_featurizer(
    function: Method,
    *,
    name: str = "",
    cost: str = "not stated",
    source: str = "not stated",
    needs: tuple[str, ...] = (),
    linear: bool = True,
    control: bool = False,
) -> FeaturizerMethod:
    """A function as a method, checked but not registered; what a user's own file is wrapped in.

    Raises:
        MethodError: If the function's signature is not ``(task, *, name=default, ...)`` or a need is unknown.
    """
    if isinstance(function, FeaturizerMethod):
        return function
    name = name or getattr(function, "__name__", "").replace("_", "-")
    check_signature(function, kind="featurizer", name=name)
    for need in needs:
        if need not in NEEDS:
            raise MethodError(f"featurizer '{name}': unknown need '{need}'. Known: {', '.join(NEEDS)}.")
    return FeaturizerMethod(name, function, cost, source, tuple(needs), linear, control)
