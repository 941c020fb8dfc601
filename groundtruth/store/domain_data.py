"""A model's domain as JSON and back."""

from typing import Any

from groundtruth.compiled.domain import COUNT_LIMIT, Domain, Tokens
from groundtruth.errors import ArtifactError
from groundtruth.store.json_values import pack, unpack
from groundtruth.store.program_schema import DomainData


def domain_data(domain: Domain) -> dict[str, Any]:
    """A domain as JSON; where a rule chooses the inputs, these are listed."""
    data: dict[str, Any] = {
        "vocab": [pack(token) for token in domain.vocab],
        "min_seq_len": domain.min_seq_len,
        "max_seq_len": domain.max_seq_len,
        "valid_text": domain.valid_text,
    }
    if domain.valid is not None:
        # A rule is code, and none is stored: the inputs that it lets through are.
        index = {token: position for position, token in enumerate(domain.vocab)}
        data["inputs"] = [[index[token] for token in tokens] for tokens in domain.inputs().tokens]
    return data


def read_domain(data: DomainData, *, whole: bool) -> Domain:
    """The domain that ``domain_data`` wrote.

    Args:
        data: The declared inputs.
        whole: Whether those that are stored are known to be all.

    Raises:
        ArtifactError: If an input that is listed is none of the vocabulary or of an allowed length.
        DomainError: If vocabulary and lengths make no domain.
    """
    vocab = tuple(unpack(token) for token in data.vocab)
    if data.inputs is None:
        return Domain(vocab, data.max_seq_len, min_seq_len=data.min_seq_len)
    allowed: dict[Tokens, None] = {}
    for item in data.inputs:
        if not data.min_seq_len <= len(item) <= data.max_seq_len or max(item, default=0) >= len(vocab):
            raise ArtifactError(f"domain: {item} are not positions in the vocabulary of an input of an allowed length.")
        allowed[tuple(vocab[i] for i in item)] = None

    def valid(tokens: Tokens) -> bool:
        return tokens in allowed

    # Too many sequences to try each against the rule: then the list itself is the domain, if it is known to be whole.
    many = sum(len(vocab) ** length for length in range(data.min_seq_len, data.max_seq_len + 1)) > COUNT_LIMIT
    return Domain(
        vocab,
        data.max_seq_len,
        min_seq_len=data.min_seq_len,
        valid=valid,
        valid_text=data.valid_text,
        listed=tuple(allowed) if whole and many else None,
    )
