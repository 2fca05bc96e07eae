"""A calibrated network of OpenVINO in int8, as it lies in a run or a store: two files and their digest."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..atomic import atomic_open


@dataclass(frozen=True)
class CalibratedNetwork:
    """OpenVINO's own format: layers as XML, values as plain numbers. Reading it runs no code of its own."""

    xml: bytes
    bin: bytes

    @cached_property
    def digest(self) -> str:
        """sha256 of all that decides what it computes."""
        return hashlib.sha256(hashlib.sha256(self.xml).digest() + self.bin).hexdigest()

    def write(self, folder: Path, name: str) -> None:
        """Write NAME.xml and NAME.bin, each atomically."""
        folder.mkdir(parents=True, exist_ok=True)
        for ending, data in (("bin", self.bin), ("xml", self.xml)):
            with atomic_open(folder / f"{name}.{ending}", "wb") as file:
                file.write(data)


def read_network(folder: Path, name: str) -> CalibratedNetwork | None:
    """What `write` wrote; None where it is not there."""
    try:
        return CalibratedNetwork(*((folder / f"{name}.{ending}").read_bytes() for ending in ("xml", "bin")))
    except OSError:
        return None
