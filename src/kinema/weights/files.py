"""Published files of weights, as plain data: names, address, digest, licence. Imports no torch."""

import re
from dataclasses import dataclass

TORCHVISION = "BSD-3-Clause (torchvision); trained on ImageNet-1k, whose terms are for research"


@dataclass(frozen=True, slots=True)
class WeightFile:
    """One published set of values for a network.

    `files` are the accepted file names, the published one first. `sha256` is that file's digest or the
    start of it; it may be left out where the name carries it, as torch hub's `name-<digest>.pth` do.
    `variant` is passed to the backbone's `build` where a file needs another padding or normalisation.
    `licence` speaks of the values and of the data they were trained on.
    """

    files: tuple[str, ...]
    url: str | None = None
    sha256: str | None = None
    licence: str = ""
    notes: str = ""
    variant: str | None = None

    def digest_of(self, file_name: str) -> str | None:
        """The known start of the sha256 of `file_name`, lower-case hex, or None."""
        if file_name == self.files[0] and self.sha256:
            return self.sha256.lower()
        found = re.search(r"-([0-9a-f]{8,64})\.\w+$", file_name)
        return found.group(1) if found else None


def torchvision_file(*files: str, licence: str = TORCHVISION, notes: str = "") -> WeightFile:
    """A file that PyTorch publishes for a network of torchvision's, by its accepted names."""
    return WeightFile(files, f"https://download.pytorch.org/models/{files[0]}", licence=licence, notes=notes)
