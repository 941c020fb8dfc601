"""Find the models that a user names."""

import fnmatch
import glob
from collections.abc import Sequence
from pathlib import Path

from groundtruth.compiler.compile_program import compile
from groundtruth.errors import ArtifactError
from groundtruth.generated import from_code
from groundtruth.model import CompiledModel, KnownModel, load, require_compiled
from groundtruth.programs import get, load_program, names
from groundtruth.store.catalog import (
    TRAINED,
    shipped,
    shipped_layernorm,
    shipped_trained,
    shipped_variants,
    stored,
)
from groundtruth.store.file_names import MODEL
from groundtruth.user_sources import GENERATED, is_own_spec
from groundtruth.variants.make_variant import variant_of


def find_model(name: str) -> KnownModel:
    """A model by what a user would call it.

    Args:
        name: A shipped model, trained or not, the folder of a stored one, a program of the library, a program of one's
            own as ``my_file.py:my_program`` or ``my_pkg.my_mod:my_program``, or a generated one as ``gen:CODE``;
            programs are compiled. Any of these with ``@`` and a tier, or transformations joined by ``+``, is that
            variant, made now unless it ships; of a trained model those that keep its function
            (``hist@free-0@rotated``).

    Raises:
        ArtifactError: If it is none of these, with the closest names; or a learned language model.
        ProgramError: If a file does not hold the program.
        VariantError: If there is no such tier or transformation, or the model does not allow it.
    """
    base, at, variant = name.rpartition("@")
    if at and base and stored(name) is None and not Path(name).is_dir() and not is_own_spec(variant):
        return variant_of(find_model(base), variant)
    if name.startswith(GENERATED):
        return compile(from_code(name.removeprefix(GENERATED)).program)
    if stored(name) is None and not Path(name).is_dir():
        if is_own_spec(name) and stored(name.partition(":")[0]) is None:
            return compile(load_program(name))
        if name in names():
            return compile(get(name))
    return load(name)


def find_compiled(name: str, what: str) -> CompiledModel:
    """A compiled model by what a user would call it.

    Args:
        name: As of ``find_model``.
        what: The use that needs a compiled model.

    Raises:
        ArtifactError: As ``find_model``, as are other errors.
        DomainError: If it is a trained model.
    """
    return require_compiled(find_model(name), what)


def models_in(names: Sequence[str]) -> list[str]:
    """Names of models as they are, and in the place of a folder of models, such as a generated suite, all of these.

    ``trained`` stands for all trained models that ship, and a pattern such as ``second_step@*`` for shipped ones too.

    Raises:
        ArtifactError: If a pattern with ``*`` matches no stored model, or ``trained`` stands for none.
    """
    found: list[str] = []
    for name in names:
        if name == TRAINED:
            if not (ship := shipped_trained()):
                raise ArtifactError("no trained model ships with this version. Name the folder of one.")
            found += ship
            continue
        folder = Path(name)
        inside = sorted(str(path.parent) for path in folder.glob(f"*/{MODEL}")) if folder.is_dir() else []
        if "*" in name:
            inside = sorted(path for path in glob.glob(name) if (Path(path) / MODEL).is_file())
            ships = [*shipped(), *shipped_variants(), *shipped_trained(), *shipped_layernorm()]
            inside = inside or fnmatch.filter(ships, name)
            if not inside:
                raise ArtifactError(f"'{name}' matches no stored model.")
        found += inside or [name]
    return found
