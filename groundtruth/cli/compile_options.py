"""The inputs of a program as they are written on the command line, and the program compiled for them."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from groundtruth.compiler.compile_program import CHECK_LIMIT
from groundtruth.compiler.compile_program import compile as compile_program
from groundtruth.errors import DomainError, ProgramError
from groundtruth.model import CompiledModel
from groundtruth.programs import Program, find_program, get
from groundtruth.programs.user_programs import UndeclaredProgram
from groundtruth.report.progress import count_up
from groundtruth.user_sources import is_own_spec


def compile_as_given(
    spec: str,
    *,
    vocab: str | None,
    length: str | None,
    causal: bool | None,
    inputs: Path | None,
    check_limit: int | None,
) -> CompiledModel:
    """Compile what the command line names, for the inputs that it gives.

    Args:
        spec: A program of the library, or ``FILE.py:NAME``.
        vocab: Tokens, separated by spaces or commas.
        length: ``5``, or ``2-5``.
        causal: True if attention sees only the past; by default as the program declares.
        inputs: A file with an input a line.
        check_limit: The most inputs that are checked.

    Raises:
        ProgramError: If there is no such program, or nothing says for which inputs.
        DomainError: If an option makes no domain.
    """
    found = find_program(spec) if is_own_spec(spec) else get(spec)
    limit = check_limit or CHECK_LIMIT
    if isinstance(found, Program) and (vocab, length, causal, inputs) == (None, None, None, None):
        with count_up("checking") as report:
            return compile_program(found, check_limit=limit, report=report)
    sop, tokens, lengths, valid = _declared(found)
    how: dict[str, Any] = {
        "causal": causal if causal is not None else isinstance(found, Program) and found.causal,
        "name": found.name,
        "check_limit": limit,
    }
    if vocab is not None:
        tokens = split_tokens(vocab)
    if inputs is not None:
        how |= {"inputs": read_inputs(inputs, tokens), "vocab": tokens}
    else:
        lengths = lengths if length is None else _lengths(length)
        missing = [option for option, value in (("--vocab", tokens), ("--length", lengths)) if value is None]
        if tokens is None or lengths is None:
            raise ProgramError(
                f"'{spec}' does not say on which inputs it must be right: give {' and '.join(missing)}, such as "
                '--vocab "1 2 3" --length 5, or --inputs FILE with an input a line.'
            )
        how |= {"vocab": tokens, "min_seq_len": lengths[0], "max_seq_len": lengths[1], "valid": valid}
    with count_up("checking") as report:
        return compile_program(sop, report=report, **how)


def _declared(
    found: Program | UndeclaredProgram,
) -> tuple[Any, Sequence[Any] | None, tuple[int, int] | None, Callable[..., bool] | None]:
    """Return an S-Op with the tokens, the lengths and the rule that are declared for its inputs."""
    if isinstance(found, Program):
        own = found.domain
        return found.build(), own.vocab, (own.min_seq_len, own.max_seq_len), own.valid
    return found.sop, found.vocab, None if found.max_seq_len is None else (1, found.max_seq_len), None


def read_inputs(path: Path, vocab: Sequence[Any] | None) -> list[list[Any]]:
    """The inputs of a file, one a line; empty lines and what follows # are left out.

    Args:
        path: The file.
        vocab: The tokens; by default numbers if all words are, else words.

    Raises:
        DomainError: If the file cannot be read or holds no input.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DomainError(f"--inputs {path} cannot be read: {error}.") from error
    rows = [words for line in lines if (words := _words(line.partition("#")[0]))]
    if not rows:
        raise DomainError(
            f"--inputs {path} holds no input. Write one a line, its tokens separated by spaces or commas."
        )
    words = list(dict.fromkeys(word for row in rows for word in row))
    tokens = vocab if vocab is not None else _tokens(words)
    return [_find_tokens(row, tokens) for row in rows]


def read_tokens(text: str, vocab: Sequence[Any]) -> list[Any]:
    """Read an input: tokens of a vocabulary, separated by spaces or commas."""
    return _find_tokens(_words(text), vocab)


def _find_tokens(words: Sequence[str], vocab: Sequence[Any]) -> list[Any]:
    """Find the tokens that words stand for; a word that is no token stays, and the model refuses it by name."""
    known = {str(token): token for token in vocab}
    return [known.get(word, word) for word in words]


def split_tokens(text: str) -> tuple[Any, ...]:
    """Tokens separated by spaces or commas; numbers if all of them are."""
    return _tokens(_words(text))


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[\s,]+", text) if word]


def _tokens(words: Sequence[str]) -> tuple[Any, ...]:
    """Words as numbers if all of them are, as booleans likewise, else as they are."""
    if set(words) <= {"True", "False"} and words:
        return tuple(word == "True" for word in words)
    # Whole numbers first: a program that counts gives 3 and not 3.0.
    for kind in (int, float):
        try:
            return tuple(map(kind, words))
        except ValueError:
            continue
    return tuple(words)


def _lengths(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(?:(\d+)-)?(\d+)", text.strip())
    if match is None:
        raise DomainError(f"--length '{text}' is no length. Write the longest, such as 5, or both ends, such as 2-5.")
    return int(match[1] or 1), int(match[2])
