"""`kinema export`: a run as files that a program without Kinema can run."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .. import __version__
from ..atomic import temporary_name, write_text
from ..buckets import on_disk
from ..errors import UsageError
from ..inference.load import load
from ..inference.predictor import LoadedRun
from ..portable.call import FACTS, check_format, check_out
from ..portable.formats import write_part
from ..portable.parts import Part, parts_of
from ..resources import Resources
from .events import SILENT, Events

VERSION = 1


@dataclass(frozen=True, slots=True)
class Exported:
    """The folder and the names of its files."""

    folder: Path
    files: tuple[str, ...]


def export_run(
    run: str | Path,
    out: str | Path,
    *,
    format: str = "onnx",
    overwrite: bool = False,
    resources: Resources | None = None,
    events: Events = SILENT,
) -> Exported:
    """Write every backbone, the recogniser and, where it goes step by step, its step to the folder `out`.

    format: onnx, openvino or torch (TorchScript). All is in fp32, on the processor. Each file holds all of
    `export.json` and is compared with the run on other batch sizes and lengths; the folder appears whole or
    not at all. Raises `UsageError` for an unknown format, packages that are not installed, what is no run,
    and a folder that is there (unless `overwrite`, which replaces an export and nothing else), `WorkError`
    for a network that the format cannot hold.
    """
    check_format(format)
    out = on_disk(out, "export to this machine, then copy the folder")
    check_out(out, overwrite)
    # fp32 by torch: the calibrated networks of int8 belong to one batch size.
    chosen = replace(resources or Resources(), device="cpu", precision="fp32", runtime="torch")
    loaded = load(run, chosen)
    trained = loaded.config.data.get("precision", "fp32")
    if trained != "fp32":
        events.warn(f"the run was trained on features in {trained}, and is exported in fp32")
    parts = list(parts_of(loaded.streams, loaded.sequences.model))
    facts = facts_of(loaded, parts)
    with _whole(out) as folder:
        files = []
        for number, part in enumerate(parts):
            events.step(f"writing {part.name} as {format}")
            files += write_part(part, folder, format, facts | {"part": part.name, "format": format})
            events.progress(number + 1, len(parts))
        text = json.dumps(facts | {"format": format, "files": files}, indent=2, ensure_ascii=False)
        write_text(folder / FACTS, text + "\n")
    return Exported(out, (*files, FACTS))


def facts_of(run: LoadedRun, parts: list[Part]) -> dict[str, Any]:
    """All that a program needs to know beside the networks, as plain data."""
    model, config = run.sequences.model, run.config
    calibration = getattr(model, "calibration", None)
    return {
        "kinema_export": VERSION,
        "kinema": __version__,
        "recipe": config.recipe.name,
        "labels": list(run.labels),
        "precision": "fp32",
        "trained_precision": config.data.get("precision", "fp32"),
        "model_sha256": config.model_sha256,
        "activation": config.recipe.classifier.activation,
        "per_step": config.recipe.classifier.per_step,
        "temperature": calibration.temperature if calibration else None,
        "streams": {name: _stream(run, name) for name in run.streams},
        "parts": {part.name: part.described() for part in parts},
    }


def _stream(run: LoadedRun, name: str) -> dict[str, Any]:
    """How a stream's steps come about: `settings` are its own, `view` is what a backbone is given."""
    stream = run.streams[name]
    spec = stream.spec
    settings = {key: value for key, value in spec.settings().items() if key not in ("augment", "views")}
    return {
        "backbones": [
            {
                "part": f"backbone-{name}-{number}",
                "name": backbone.spec.name,
                "features": backbone.features,
                "dim": backbone.dim,
                "digest": backbone.digest,
                "view": view.describe(),
                "normalisation": _normalisation(backbone.module),
            }
            for number, (backbone, view) in enumerate(zip(stream.backbones, spec.views, strict=True))
        ],
        "dim": stream.dim,
        "settings": settings,
    }


def _normalisation(module: Any) -> dict[str, Any]:
    """What a network does with its raw input; nothing is left to do ahead of it."""
    known = {key: list(getattr(module, key)) for key in ("mean", "std") if hasattr(module, key)}
    return {"inside": True, **known}


@contextmanager
def _whole(out: Path) -> Iterator[Path]:
    """A new folder that takes the place of `out` when the block ends, and vanishes if it raises."""
    folder, old = temporary_name(out), temporary_name(out)
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise UsageError(
            f"cannot write to {out.parent} ({error.strerror}); choose another folder with --out"
        ) from None
    try:
        yield folder
        if out.exists():
            out.rename(old)
        folder.rename(out)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(old, ignore_errors=True)
