"""Hashes of compiled programs; another process prints them too, so that little is imported here."""

import hashlib

from tracr.rasp import rasp

from groundtruth import CompiledModel, compile, programs

SAME_BYTES = ["reverse", "detect_abc", "shuffle_dyck2", "induction"]


def digest(model: CompiledModel) -> str:
    """Hash all that a compile gives: weights, provenance and decoder."""
    state = hashlib.sha256()
    for name, array in sorted(model.weights.arrays().items()):
        state.update(f"{name}{array.shape}".encode() + array.tobytes())
    return hashlib.sha256(state.digest() + repr(model.provenance).encode() + repr(model.decoder).encode()).hexdigest()


def digests() -> list[str]:
    """Hash some programs of the library, and one whose values depend on the order of a set."""
    # In `equal`, 1, 1.0 and True are equal values of one expression: the one that is kept must not hang on the seed.
    select = rasp.Select(rasp.indices, rasp.indices, rasp.Comparison.EQ)
    word = rasp.Aggregate(select, rasp.Map(lambda t: t + "!", rasp.tokens))
    equal = rasp.Map({"ant!": 1, "bee!": True, "cat!": 1.0, "dog!": 0}.get, word)
    made = compile(equal, vocab={"dog", "bee", "ant", "cat"}, max_seq_len=3)
    return [*(digest(compile(programs.get(name))) for name in SAME_BYTES), digest(made)]
