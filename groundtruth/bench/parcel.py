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

from groundtruth.evaluation.language_models import is_language_model
from groundtruth.files import from_json
from groundtruth.store.catalog import stored
from groundtruth.user_methods import is_file_spec
from groundtruth.user_sources import sources_beside


@dataclass(frozen=True)
class Parcel:
    """Files that have arrived.

    Attributes:
        places: Path of each file or folder here, by what the driver calls it.
    """

    places: Mapping[str, str]

    def here(self, spec: str) -> str:
        """Spell a method or model as it is found here: a path, or one with a function (:) or a variant (@) after it."""
        for own, place in self.places.items():
            if spec == own or spec.startswith((f"{own}:", f"{own}@")):
                return place + spec[len(own) :]
        return spec

    def there(self, text: str) -> str:
        """Spell an error about a file as the driver would."""
        for own, place in self.places.items():
            text = text.replace(place, own)
        return text


def pack_sources(names: Iterable[str]) -> str:
    """Write files as JSON: of each method's or program's file what it imports from its folder too.

    Args:
        names: Methods and models; what ships, and checkpoints, are passed over.
    """
    packed: dict[str, dict[str, str]] = {}
    for own in dict.fromkeys(path for name in dict.fromkeys(names) if (path := _own_path(name))):
        path = Path(own).expanduser().resolve()
        if path.is_dir():
            found = {f"{path.name}/{file.name}": file.read_bytes() for file in sorted(path.iterdir()) if file.is_file()}
        else:
            found = sources_beside(path)
        packed[own] = {name: base64.b64encode(content).decode() for name, content in found.items()}
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
    for number, (own, files) in enumerate(given.items()):
        folder = root / str(number)
        for name, content in files.items():
            target = folder / name
            if not target.resolve().is_relative_to(folder.resolve()):
                raise ValueError(f"a parcel with a file outside its folder: {name}")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(base64.b64decode(content))
        places[own] = str(folder / Path(own).expanduser().resolve().name)
    return Parcel(places)


def _own_path(spec: str) -> str:
    """The part of a name that is a path of the user's; empty if it names nothing, what ships, or a checkpoint."""
    if not spec:
        return ""
    if is_file_spec(spec):
        return spec[: spec.rindex(".py") + len(".py")]
    base = spec if Path(spec).is_dir() else spec.rpartition("@")[0]
    is_own = bool(base) and Path(base).is_dir() and stored(spec) is None and not is_language_model(base)
    return base if is_own else ""
