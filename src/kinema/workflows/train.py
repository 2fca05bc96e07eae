"""`kinema train`: a folder of videos becomes a run. Everything that can be refused is, before torch loads."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..atomic import atomic_open
from ..datasets import check_trainable, ensure_split, load_dataset
from ..errors import UsageError, WorkError
from ..recipe import Recipe, resolve
from ..resources import Resources
from .context import Context, TrainOptions, TrainResult
from .events import SILENT, Events


def train(
    data: str | Path,
    *,
    recipe: str | Path | Mapping[str, Any] | Recipe = "lite",
    out: str | Path,
    overrides: Iterable[str] = (),
    options: TrainOptions | None = None,
    resources: Resources | None = None,
    events: Events = SILENT,
) -> TrainResult:
    """Train `recipe` on `data` and write a run to `out`.

    A run that was interrupted goes on where it stopped when it is started again with the same settings.
    Raises `UsageError` (nothing was done) or `WorkError` (the work failed; what is in the store stays).
    """
    options = options or TrainOptions()
    context = Context(resources or Resources(), events)
    resolved = resolve(recipe, overrides, context.resources)
    dataset = load_dataset(data, layout=options.layout, split=options.split)
    if resolved.protocol.several_rounds:
        from .protocol import train_protocol  # torch

        return train_protocol(data, resolved, _writable(Path(out)), options, context)
    dataset = ensure_split(dataset, resolved.training.seed, resolved.protocol.test_fraction)
    check_trainable(dataset)
    folder = _writable(Path(out))
    from .train_once import train_once  # torch

    return train_once(dataset, resolved, folder, options, context)


def _writable(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_open(folder / ".writable"):
            pass
        (folder / ".writable").unlink()
    except OSError as error:
        message = f"cannot write a run to {folder} ({error.strerror}); choose another folder with --out"
        raise (WorkError if error.errno == 28 else UsageError)(message) from None
    return folder
