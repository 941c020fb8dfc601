"""Files of a user's on their way to a worker on another machine: sources of methods and programs, stored models.

What a method reads while it runs does not travel, nor do checkpoints and data sets, which may be of any size: they have
to be at the same place on every machine, and a worker that has others refuses.
"""

import atexit
import base64
import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from groundtruth.errors import ProgramError
from groundtruth.evaluation.language_models import is_language_model, is_own_task
from groundtruth.files import from_json
from groundtruth.store.catalog import stored
from groundtruth.user_methods import find_method_file, is_own_method
from groundtruth.user_sources import is_own_spec, sources_beside
from mib.user_files import place_in_package, split_spec


@dataclass(frozen=True)
class Parcel:
    """Files that have arrived.

    Attributes:
        places: Path of each file or folder here, by what the driver calls it.
    """

    places: Mapping[str, str]

    def here(self, spec: str) -> str:
        """Spell a method or model as it is found here: a path, or one with a function (:) or a variant (@) after it.

        A method that the driver names by its module is named by its file here.
        """
        for own, place in self.places.items():
            if spec == own or spec.startswith((f"{own}:", f"{own}@")):
                return place + spec[len(own) :]
        return spec

    def there(self, text: str) -> str:
        """Spell an error about a file as the driver would."""
        for own, place in self.places.items():
            text = text.replace(place, own)
        return text


def pack_sources(methods: Iterable[str], models: Iterable[str]) -> str:
    """Write files as JSON: of each method's or program's file what it imports from its folder or package too.

    Args:
        methods: Methods as the user named them; registered ones are passed over.
        models: Models and tasks as the user named them; shipped ones and checkpoints are passed over.
    """
    paths = {method.rpartition(":")[0]: find_method_file(method)[0] for method in methods if is_own_method(method)}
    paths |= dict(own for name in models if (own := _own_path(name)) is not None)
    packed: dict[str, dict[str, Any]] = {}
    for own, path in paths.items():
        if path.is_dir():
            place = path.name
            found = {f"{place}/{file.name}": file.read_bytes() for file in sorted(path.iterdir()) if file.is_file()}
        else:
            place, found = path.relative_to(place_in_package(path)[0]).as_posix(), sources_beside(path)
        files = {name: base64.b64encode(content).decode() for name, content in found.items()}
        packed[own] = {"place": place, "files": files}
    return json.dumps(packed)


@lru_cache(maxsize=1)
def unpack(packed: str) -> Parcel:
    """Write the files of a parcel into a folder of this process."""
    given = from_json(packed.encode()) if packed else {}
    if not given:
        return Parcel({})
    root = Path(tempfile.mkdtemp(prefix="groundtruth-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    places: dict[str, str] = {}
    for number, (own, packed_files) in enumerate(given.items()):
        folder = root / str(number)
        for name, content in packed_files["files"].items():
            target = folder / name
            # A name such as ../../x in a forged parcel would write anywhere on the worker.
            if not target.resolve().is_relative_to(folder.resolve()):
                raise ValueError(f"a parcel with a file outside its folder: {name}")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(base64.b64decode(content))
        places[own] = str(folder / packed_files["place"])
    return Parcel(places)


def _own_path(spec: str) -> tuple[str, Path] | None:
    """The part of a name that is a path or module of the user's, with its path; None for what ships or a checkpoint."""
    if ".py" in spec and is_own_spec(spec):
        own = spec[: spec.rindex(".py") + len(".py")]
        return own, Path(own).expanduser().resolve()
    base = spec if not spec or Path(spec).is_dir() else spec.rpartition("@")[0] or spec
    if is_own_task(base) and stored(base.partition(":")[0]) is None:
        return base.partition(":")[0], split_spec(base, kind="program", error=ProgramError)[0]
    is_own = bool(base) and Path(base).is_dir() and stored(spec) is None and not is_language_model(base)
    return (base, Path(base).expanduser().resolve()) if is_own else None
