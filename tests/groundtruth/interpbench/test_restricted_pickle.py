"""A pickle may name what configurations hold and nothing more; what it would call is not called."""

import builtins
import os
import pickle
import subprocess
import sys
from collections import OrderedDict

import pytest
import torch

from groundtruth.errors import ArtifactError
from groundtruth.interpbench.restricted_pickle import LARGEST, unpickle_plain


class _Calls:
    """Pickles as a call of a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.fixture(name="unpickle")
def _unpickle(tmp_path):
    def read(content):
        path = tmp_path / "cfg.pkl"
        path.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content))
        return unpickle_plain(path)

    return read


def test_plain_values_dtypes_and_devices_come_back(unpickle):
    value = {"a": [1, 2.5, None, ("x", True)], "dtype": torch.float32, "device": torch.device("cpu"), "s": {1, 2}}
    assert unpickle(value) == value
    assert unpickle(OrderedDict(n_layers=2)) == {"n_layers": 2}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_call_is_refused_by_the_name_of_what_it_calls_under_every_protocol(unpickle, tmp_path, protocol):
    mark = tmp_path / "sprung"
    for function, arguments in (
        (os.system, (f"touch {mark}",)),
        (subprocess.check_call, (["touch", str(mark)],)),
        (eval, (f"open({str(mark)!r}, 'w')",)),
        (builtins.getattr, ("", "join")),
        (torch.load, (str(mark),)),
    ):
        with pytest.raises(ArtifactError, match=f"{function.__name__}', which is refused"):
            unpickle(pickle.dumps({"x": _Calls(function, *arguments)}, protocol))
    assert not mark.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"cos\nsystem\n(S'touch sprung'\ntR.",  # GLOBAL and REDUCE
        b"(S'touch sprung'\nios\nsystem\n.",  # INST
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",  # STACK_GLOBAL
        b"ctorch\n_dynamo\n.",  # a module under a name that is known
        b"ctorch\nserialization.load\n.",  # a dotted name
        b"cposix\nsystem\n.",
    ],
)
def test_every_instruction_that_names_something_is_refused(unpickle, content):
    with pytest.raises(ArtifactError, match="which is refused"):
        unpickle(content)


def test_a_persistent_reference_is_refused(unpickle):
    with pytest.raises(ArtifactError, match="refers to 'there' outside of itself"):
        unpickle(b"Pthere\n.")


def test_what_is_no_pickle_is_said_to_be_none(unpickle):
    for content in (b"", b"not a pickle", pickle.dumps(list(range(100)))[:-9], b"]" * 100 + b"."):
        with pytest.raises(ArtifactError, match=r"cfg\.pkl is not a pickle"):
            unpickle(content) if content[:1] != b"]" else unpickle(b"e" + content)
    with pytest.raises(ArtifactError, match="has more than 1,048,576 bytes"):
        unpickle(bytes(LARGEST + 1))


_CONFIG = b"\x80\x02ctransformer_lens.HookedTransformerConfig\nHookedTransformerConfig\n"


def test_a_configuration_is_read_as_its_fields_and_its_class_is_not_imported(unpickle):
    state = pickle.dumps({"n_layers": 6, "act_fn": "gelu_new", "dtype": torch.float32}, 2)[2:-1]
    before = set(sys.modules)
    fields = unpickle(_CONFIG + b")\x81" + state + b"b.")
    assert fields == {"n_layers": 6, "act_fn": "gelu_new", "dtype": torch.float32}
    assert not [name for name in set(sys.modules) - before if name.startswith("transformer_lens")]


def test_a_configuration_whose_state_is_none_or_strange_is_refused(unpickle):
    with pytest.raises(ArtifactError, match="a configuration's state is a dictionary, not list"):
        unpickle(_CONFIG + b")\x81]b.")
    with pytest.raises(ArtifactError, match="is not a pickle that can be read"):
        unpickle(_CONFIG + b"}b.")  # writes on the class, not on an object of it
