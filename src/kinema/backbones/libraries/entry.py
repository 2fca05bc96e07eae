"""What a model of another library is to Kinema: a specification, and how it is built and filled."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import UsageError, nearest
from ..spec import BackboneSpec, InputSpec

if TYPE_CHECKING:
    from ..module import Backbone

# A library's module holds entry(name), for any name of the library's, and facts(), of those that are listed.
LIBRARIES = {name: f"kinema.backbones.libraries.{name}" for name in ("timm", "torchvision", "transformers")}
# A model's name says which values it has; those of the papers' backbones that it replaces say the same.
PUBLISHED = "published"
STANDS_FOR_PUBLISHED = (PUBLISHED, "imagenet", "kinetics400")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a model before it is loaded.

    parameters: of the features alone. gflops: 10^9 multiplications, each with its addition, for one step of
    the published size and length. accuracy: top-1 on `measured_on`, in per cent, where it is published.
    licence: of the values.
    """

    name: str
    input: InputSpec
    dim: int
    parameters: int | None
    gflops: float | None
    accuracy: float | None
    measured_on: str
    licence: str

    def plain(self) -> dict[str, Any]:
        """As plain data; of the input what people choose by."""
        step = {"input": self.input.kind, "size": self.input.size, "length": self.input.length}
        rest = ("dim", "parameters", "gflops", "accuracy", "measured_on", "licence")
        return {"name": self.name, **step, **{key: getattr(self, key) for key in rest}}


class Entry(ABC):
    """A model of a library. Made from a name, without torch where the model is in the catalogue."""

    SPEC: BackboneSpec

    @abstractmethod
    def build(self, features: str | None = None) -> Backbone:
        """The model without its classifier, with whatever values its library gives it."""

    @abstractmethod
    def load(self, folder: Path | None, download: bool, advice: str) -> tuple[Backbone, Path]:
        """The model with its published values, and the file that they came from. Raises `WeightsError`."""

    def initialise(self, module: Backbone, spec: InputSpec, seed: int) -> str:
        """Fill `module` with seeded values; returns their digest."""
        from .values import initialise

        return initialise(module, spec, seed)


def library_of(name: str) -> str | None:
    """The library that `name` begins with, or None where it names none. Raises `UsageError` for another."""
    library, slash, _ = name.partition("/")
    if not slash:
        return None
    if library not in LIBRARIES:
        near = nearest(library, LIBRARIES, "/...")
        raise UsageError(f"unknown library in backbone '{name}'; {near}choose one of: {', '.join(LIBRARIES)}")
    return library


def library_entry(name: str) -> Entry:
    """The model `LIBRARY/NAME`. Raises `UsageError` with the nearest names."""
    library = library_of(name)
    assert library is not None, "a name without a library is in the table"
    entry: Entry = import_module(LIBRARIES[library]).entry(name.removeprefix(f"{library}/"))
    return entry


def all_facts() -> list[Facts]:
    """Of every model that the catalogues list."""
    return [facts for module in LIBRARIES.values() for facts in import_module(module).facts()]


def unknown(library: str, name: str, known: Any) -> UsageError:
    """The error for a name that a library does not have, with its nearest ones."""
    close = get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(f'{library}/{c}' for c in close)}? " if close else ""
    return UsageError(f"{library} has no model '{name}'; {hint}`kinema backbones` lists what there is")
