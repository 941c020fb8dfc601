"""Read a checkpoint in Hugging Face's format, whole or not at all, and say in one line what is wrong with it."""

import contextlib
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch

from mib.errors import ModelError, first_line, shorten
from mib.models.model_names import MODELS, Source

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What was read.

    Attributes:
        model: The plain Hugging Face model, on the CPU.
        tokenizer: Its tokenizer, padding on the left.
        revision: The hub's commit; None for a folder.
    """

    model: Any
    tokenizer: Any
    revision: str | None


def read_checkpoint(source: Source, dtype: torch.dtype) -> Checkpoint:
    """Read configuration, tokenizer and weights; without the network if they are in a folder or in the hub's cache.

    Raises:
        ModelError: If something is missing, corrupt, out of reach, or does not fit.
    """
    if source.local and not (Path(source.location) / "config.json").is_file():
        raise ModelError(f"'{source.name}' holds no Hugging Face checkpoint: it has no config.json.")
    with _quiet():
        try:
            return _read(source, dtype, source.revision, offline=True)
        except _NotInCache:
            pass
        return _read(source, dtype, _commit(source), offline=False)


class _NotInCache(Exception):
    """Something is not on this machine, but may be on the hub."""


def _read(source: Source, dtype: torch.dtype, revision: str | None, *, offline: bool) -> Checkpoint:
    import transformers

    where: dict[str, Any] = {"local_files_only": offline, "revision": revision}
    code: dict[str, Any] = {"trust_remote_code": False, **where}  # never run, never asked about
    location = source.location
    config: Any = _attempt(source, "config.json", lambda: transformers.AutoConfig.from_pretrained(location, **code))
    _attempt(source, "tokenizer", lambda: _check_tokenizer_is_there(source, where, offline=offline))
    tokenizer: Any = _attempt(source, "tokenizer", lambda: _tokenizer(location, code))
    _check_tokenizer(source, tokenizer, config)
    loaded: Any = _attempt(
        source,
        "weights",
        lambda: transformers.AutoModelForCausalLM.from_pretrained(
            location,
            dtype=dtype,
            attn_implementation="eager",  # what the bridge hooks into
            use_safetensors=True,  # the other format is a pickle
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # refused below, by name
            **code,
        ),
    )
    model, found = loaded
    _check_weights(source, found)
    _check_finite(source, model)
    return Checkpoint(model, tokenizer, None if source.local else getattr(config, "_commit_hash", revision))


TOKENIZER_FILES = (
    "tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model", "sentencepiece.bpe.model",
    "tekken.json", "tiktoken.model", "vocab.bpe",
)  # fmt: skip
"""Files, one of which a tokenizer is read from; without any, transformers makes an empty one of the model's kind."""


def _check_tokenizer_is_there(source: Source, where: Mapping[str, Any], *, offline: bool) -> None:
    from transformers.utils.hub import cached_file

    def is_there(name: str) -> bool:
        return cached_file(source.location, name, _raise_exceptions_for_missing_entries=False, **where) is not None

    if not any(map(is_there, TOKENIZER_FILES)):
        if offline and not source.local:
            raise _NotInCache("tokenizer")
        raise ModelError(
            f"'{source.name}' has no tokenizer: none of {', '.join(TOKENIZER_FILES[:4])}. Put that of the model beside "
            "its weights (tokenizer.save_pretrained(folder))."
        )


def _tokenizer(location: str, arguments: Mapping[str, Any]) -> Any:
    """The tokenizer that the checkpoint declares, where ``AutoTokenizer`` gives every Qwen2 model a Qwen tokenizer."""
    import transformers
    from transformers.models.auto.tokenization_auto import get_tokenizer_config

    declared = get_tokenizer_config(location, **arguments).get("tokenizer_class")
    plain = declared in ("PreTrainedTokenizerFast", "TokenizersBackend")
    kind: Any = transformers.PreTrainedTokenizerFast if plain else transformers.AutoTokenizer
    return kind.from_pretrained(location, padding_side="left", **arguments)


def _attempt(source: Source, what: str, read: Callable[[], T]) -> T:
    """Read something, or say in one line why that cannot be done."""
    from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError
    from safetensors import SafetensorError

    try:
        return read()
    except (ModelError, _NotInCache):
        raise
    except Exception as error:  # these libraries raise OSError, ValueError, KeyError, TypeError and their own
        kinds = [type(cause) for cause in _causes(error)]
        if GatedRepoError in kinds:
            raise _gated(source) from error
        if LocalEntryNotFoundError in kinds:
            raise _NotInCache(what) from error
        if SafetensorError in kinds:
            raise ModelError(
                f"the weights of '{source.name}' are corrupt ({first_line(error)}). Fetch the file again."
            ) from error
        if "trust_remote_code" in str(error):
            raise ModelError(
                f"'{source.name}' is run by Python code of its own (auto_map in its {what}), and code of checkpoints "
                "is never run. Use a model of an architecture that transformers has."
            ) from error
        raise ModelError(f"the {what} of '{source.name}' cannot be read: {first_line(error)}{source.hint}") from error


def _commit(source: Source) -> str | None:
    """The commit that the hub has for a revision, which also finds out whether the hub is there at all."""
    import huggingface_hub
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        return huggingface_hub.HfApi().model_info(source.location, revision=source.revision, timeout=10).sha
    except GatedRepoError as error:
        raise _gated(source) from error
    except RevisionNotFoundError as error:
        raise ModelError(f"'{source.location}' has no revision '{source.revision}' on the hub.") from error
    except RepositoryNotFoundError as error:
        raise ModelError(
            f"no model '{source.location}' on the hub, or it is private and HF_TOKEN is not set.{source.hint} "
            f"Known by a short name: {', '.join(MODELS)}."
        ) from error
    except (HfHubHTTPError, OSError, huggingface_hub.errors.HFValidationError) as error:
        reason = first_line(error)
    except Exception as error:  # the hub's client may be httpx, httpx2 or requests: each has errors of its own
        reason = first_line(error)
    raise ModelError(
        f"'{source.location}' is not on this machine, and the Hugging Face hub cannot be asked for it ({reason})."
        f"{source.hint} Go online, or give the folder of a checkpoint."
    )


def _gated(source: Source) -> ModelError:
    return ModelError(
        f"'{source.location}' is gated: accept its licence at https://huggingface.co/{source.location}, then set "
        "HF_TOKEN to a token of that account."
    )


def _check_tokenizer(source: Source, tokenizer: Any, config: Any) -> None:
    """Refuse a tokenizer that the embedding has no rows for, and see that it can pad."""
    rows, ids = int(config.get_text_config().vocab_size), tokenizer.get_vocab()
    largest = max(ids, key=lambda token: ids[token])
    if ids[largest] >= rows:
        raise ModelError(
            f"the tokenizer of '{source.name}' is not the model's: token '{largest}' is number {ids[largest]}, and "
            f"the embedding has rows 0 to {rows - 1}."
        )
    if tokenizer.pad_token is None:
        spare = tokenizer.eos_token or tokenizer.bos_token or tokenizer.unk_token
        if spare is None:
            raise ModelError(
                f"the tokenizer of '{source.name}' has no pad, eos, bos or unk token to pad with. Name one in its "
                "tokenizer_config.json."
            )
        tokenizer.pad_token = spare


def _check_weights(source: Source, found: Mapping[str, Any]) -> None:
    """Refuse a checkpoint of which not every weight is the model's: what is missing would be random numbers."""
    if found["mismatched_keys"]:
        name, stored, expected = sorted(found["mismatched_keys"])[0]
        raise ModelError(
            f"the weights of '{source.name}' do not fit its config.json: '{name}' has shape {list(stored)}, expected "
            f"{list(expected)}."
        )
    for kind, says in (("missing_keys", "lack"), ("unexpected_keys", "have, and the model has no place for,")):
        if found[kind]:
            raise ModelError(f"the weights of '{source.name}' {says} {shorten(sorted(found[kind]))}.")


def _check_finite(source: Source, model: Any) -> None:
    wrong = [name for name, weight in model.named_parameters() if not bool(torch.isfinite(weight.abs().max()))]
    if wrong:
        raise ModelError(f"the weights of '{source.name}' are not finite: {shorten(wrong)}.")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@contextlib.contextmanager
def _quiet() -> Generator[None]:
    """No progress bars, and no warnings about what is raised as an error anyway."""
    from transformers.utils import logging

    bars, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
