"""The shipped models, variants and trained models: their names, and where they lie."""

from importlib import resources
from pathlib import Path

from groundtruth.errors import ArtifactError
from groundtruth.store.file_names import MODEL
from mib.errors import did_you_mean

TRAINED = "trained"
"""The folder of the shipped trained models, and the tier that they are."""

LAYERNORM = "layernorm"
"""The folder of the shipped models behind LayerNorm, stored as trained ones are, and the tier that they are."""

LARGE = "large"
"""The folder of the shipped models whose domains are too large to be run whole."""

LEARNED = "learned"
"""The folder of the shipped models of programs that were learned by gradient descent."""


def library() -> Path:
    """The folder of the shipped models."""
    return Path(str(resources.files("compiled_models")))


def shipped() -> list[str]:
    """The names of the shipped models, sorted."""
    return sorted(path.parent.name for path in library().glob(f"*/{MODEL}"))


def variants_folder() -> Path:
    """The folder of the shipped variants."""
    return library() / "variants"


def shipped_variants() -> list[str]:
    """The names of the shipped variants, such as ``hist@rotated``, sorted."""
    return sorted(path.parent.name for path in variants_folder().glob(f"*@*/{MODEL}"))


def trained_folder() -> Path:
    """The folder of the shipped trained models."""
    return library() / TRAINED


def shipped_trained() -> list[str]:
    """The names of the shipped trained models, such as ``second_step@free-7``, sorted."""
    return sorted(path.parent.name for path in trained_folder().glob(f"*@*/{MODEL}"))


def layernorm_folder() -> Path:
    """The folder of the shipped models behind LayerNorm."""
    return library() / LAYERNORM


def shipped_layernorm() -> list[str]:
    """The names of the shipped models behind LayerNorm, such as ``hist@layernorm``, sorted."""
    return sorted(path.parent.name for path in layernorm_folder().glob(f"*@*/{MODEL}"))


def large_folder() -> Path:
    """The folder of the shipped models whose domains are too large to be run whole."""
    return library() / LARGE


def shipped_large() -> list[str]:
    """The names of the shipped models with large domains, sorted."""
    return sorted(path.parent.name for path in large_folder().glob(f"*/{MODEL}"))


def learned_folder() -> Path:
    """The folder of the shipped models of programs that were learned by gradient descent."""
    return library() / LEARNED


def shipped_learned() -> list[str]:
    """The names of the shipped models of learned programs, sorted."""
    return sorted(path.parent.name for path in learned_folder().glob(f"*/{MODEL}"))


def every_shipped() -> list[str]:
    """The names of all models that ship: compiled ones, variants, those behind LayerNorm, trained ones."""
    kinds = (shipped, shipped_large, shipped_learned, shipped_variants, shipped_layernorm, shipped_trained)
    return [name for names_of in kinds for name in names_of()]


def stored(name: str) -> Path | None:
    """The folder of a shipped model, variant or trained model; ``None`` if none has that name.

    A trained model may be named with the folder that they ship in, ``trained/second_step@free-7``.
    """
    bare = name.removeprefix(f"{TRAINED}/")
    # A name is one word: a path such as ../hist must not lead out of the folders of what ships.
    if not bare or Path(bare).name != bare:
        return None
    variants = [variants_folder(), trained_folder(), layernorm_folder()]
    places = variants if "@" in bare else [library(), large_folder(), learned_folder()]
    folders = [place / bare for place in (places if bare == name else [trained_folder()])]
    return next((folder for folder in folders if (folder / MODEL).is_file()), None)


def find_folder(name: str | Path) -> Path:
    """The folder of a shipped model, variant or trained model by its name, or of any stored model by its path.

    Args:
        name: A name, such as ``"reverse"``, ``"hist@rotated"`` or ``"second_step@free-7"``, or a path to a folder.

    Raises:
        ArtifactError: If there is none, with the closest names; or it is a learned language model.
    """
    folder = Path(name)
    if isinstance(name, str) and (found := stored(name)) is not None:
        folder = found
    elif not str(name) or not folder.is_dir():
        from mib.learned import names as language_models  # 15 ms that only a refusal needs

        if name in language_models():
            raise ArtifactError(
                f"'{name}' is a language model, whose circuit nobody knows; name a compiled or a trained model here. "
                f"`groundtruth bench --models {name}` and `groundtruth realism {name}` take it."
            )
        known = [*shipped_variants(), *shipped_trained(), *shipped_layernorm()] if "@" in str(name) else shipped()
        hint = did_you_mean(str(name), [*known, *shipped_large(), *shipped_learned(), *language_models()])
        listed = f"`groundtruth models` lists all {len(known)}"
        if "@" in str(name):
            # No list has these and what is made when it is named: a command that shows or scores makes it.
            listed = (
                f"{len(known)} models with '@' ship: `groundtruth models` lists them with --variants, --tier {TRAINED} "
                f"or --tier {LAYERNORM}; other variants are made by `groundtruth show` or `bench`"
            )
        raise ArtifactError(f"unknown model '{name}'.{hint} {listed}; a folder with a stored model works too.")
    return folder
