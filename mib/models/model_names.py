"""Names of models, and where each is found."""

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from mib.errors import ModelError, did_you_mean
from mib.learned import checkpoint_files as learned

MODELS: Mapping[str, str] = {
    "gpt2": "openai-community/gpt2",
    "qwen2.5": "Qwen/Qwen2.5-0.5B",
    "gemma2": "google/gemma-2-2b",
    "llama3": "meta-llama/Llama-3.1-8B",
}
"""MIB's names of its four models (arXiv 2504.13151, table 1), and their ids on the Hugging Face hub."""


@dataclass(frozen=True)
class Source:
    """Where a model is loaded from.

    Attributes:
        name: The name that was asked for.
        location: A folder, or an id on the hub.
        local: True if it is a folder.
        revision: Branch, tag or commit on the hub; None for its main branch.
    """

    name: str
    location: str
    local: bool
    revision: str | None = None

    @classmethod
    def of(cls, name: str | Path, revision: str | None = None) -> "Source":
        """Find a model.

        Args:
            name: ``learned`` or a member of its panel, which ship; a key of ``MODELS``, a folder, or a hub id. A name
                that is both a key and a folder is the key's model: write ``./gpt2`` for the folder.
            revision: Branch, tag or commit, of a hub model.

        Raises:
            ModelError: If the folder does not exist, or a folder is given a revision.
        """
        if not isinstance(name, str | PathLike):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ModelError(
                f"name is a {type(name).__name__}; expected one of {', '.join(MODELS)}, a hub id, or a folder. A model "
                "that is loaded already needs no loading: tasks take it as it is."
            )
        text = str(name)
        if text in learned.names() and revision is None:
            return cls(text, str(learned.checkpoint_of(text)), local=True)
        if isinstance(name, str) and name in MODELS:
            return cls(text, MODELS[name], local=False, revision=revision)
        path = Path(name).expanduser()
        looks_like_path = isinstance(name, Path) or text.startswith((".", "/", "~")) or text.count("/") > 1
        if path.is_dir():
            if revision is not None:
                raise ModelError(f"revision='{revision}' of the folder '{text}': only models on the hub have one.")
            return cls(text, str(path), local=True)
        if looks_like_path:
            raise ModelError(f"no folder '{text}'. Give the folder that holds config.json and model.safetensors.")
        if not text:
            raise ModelError(f"name='' names no model. Use one of {', '.join(MODELS)}, a hub id or a folder.")
        return cls(text, text, local=False, revision=revision)

    @property
    def hint(self) -> str:
        """Names that may have been meant."""
        return "" if self.local or self.name in MODELS else did_you_mean(self.name, (*MODELS, *learned.names()))
