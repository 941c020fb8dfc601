"""The command that repeats a failed property."""

from typing import Any

from groundtruth.cli.options import AblationName, AsJson, Seed, print_json


def repro(
    model: str,
    /,
    *,
    method: str,
    property: str = "recovers",
    variable: str | None = None,
    site: str | None = None,
    auroc: float = 1.0,
    accuracy: float = 0.9,
    ablation: AblationName = "resample",
    seed: Seed = 0,
    n_pairs: int = 48,
    json: AsJson = False,
) -> int:
    """Repeat one property of one method on one model, as a failing test names them.

    Args:
        model: gen:CODE, a shipped model, the folder of a stored one, or one of yours as my_file.py:my_program or
            my_pkg.my_mod:my_program.
        method: my_file.py:my_method, my_pkg.my_mod:my_method, or the name of a registered method.
        property: recovers (of a featurizer: finds), deterministic, invariant:rotate, ...
        variable: For a featurizer: the variable that it looks for.
        site: Site that it looks at, such as resid_post0.
        auroc: Least AUROC that recovers asks for.
        accuracy: Least accuracy that finds asks for.
        ablation: Kind of ablation of cut edges. Localization methods only.
        seed: Seed of the examples and the method.
        n_pairs: Number of examples, at most. Localization methods only.
        json: Print JSON, for machines.
    """
    from rich.text import Text

    from groundtruth.errors import DomainError
    from groundtruth.report.progress import working
    from groundtruth.report.terminal import echo
    from groundtruth.testing.reproduce import repeat

    if (variable is None) != (site is None):
        raise DomainError("a featurizer looks for a variable at a site: give both --variable and --site.")
    how: dict[str, Any] = {"seed": seed}
    if variable is not None:
        property = "finds" if property == "recovers" else property
        how |= {"variable": variable, "site": site} | ({"accuracy": accuracy} if property == "finds" else {})
    else:
        how |= {"ablation": ablation, "n_pairs": n_pairs} | ({"auroc": auroc} if property == "recovers" else {})
    with working(f"running {method} on {model}"):
        told = repeat(model, method, property, **how)
    if json:
        print_json({"model": model, "method": method, "property": property, "ok": not told, "failure": told})
    else:
        echo(Text(told or f"{method} has the property '{property}' on {model}", "" if told else "good"))
    return 1 if told else 0
