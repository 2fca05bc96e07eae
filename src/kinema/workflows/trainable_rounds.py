"""The rounds of a protocol on a data folder, each of which can be trained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..datasets import Dataset, check_trainable, load_dataset
from ..errors import UsageError
from ..evaluation.rounds import Round, rounds
from ..recipe import Protocol
from .context import Context


@dataclass(frozen=True, slots=True)
class DataSource:
    """A data folder and how it is read; `split` is the official split of a protocol that takes one."""

    data: str | Path
    layout: str = "auto"
    split: int = 1
    whole_files: bool = False

    def load(self, split: int | None) -> Dataset:
        """The videos, with the official split of that number; None leaves official splits out."""
        return load_dataset(self.data, layout=self.layout, split=split, whole_files=self.whole_files)


def trainable_rounds(
    source: DataSource, protocol: Protocol, seed: int, *, validation: bool, context: Context | None = None
) -> list[Round]:
    """The rounds, seeds from `seed` upwards; the files' contents are known where `context` reads them.

    Raises `UsageError` where the data does not fit the protocol, or a round cannot be trained.
    """

    def load(split: int | None) -> Dataset:
        dataset = source.load(split)
        return context.identified(dataset) if context else dataset

    made = rounds(load, protocol, seed, split=source.split, validation=validation)
    for one in made:
        try:
            check_trainable(one.dataset)
        except UsageError as error:
            if protocol.kind == "folds":  # every fold has the same videos, and so the same fault
                raise
            raise UsageError(f"round '{one.part}': {error}") from None
    return made
