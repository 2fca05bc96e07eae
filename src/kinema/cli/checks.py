"""What can be refused by looking at paths and options alone, before torch is loaded."""

from pathlib import Path

from ..buckets import as_path
from ..buckets.out import check_bucket
from ..errors import UsageError
from ..urls import in_bucket


def check_file(path: Path) -> None:
    """Raise `UsageError` where there is nothing, or a pipe or device, whose reader could wait for ever."""
    path = as_path(path)
    if not path.exists():
        raise UsageError(f"no file {path}; check the path")
    if not path.is_file():
        raise UsageError(f"{path} is not a regular file; give a video file")


def check_run(folder: Path) -> None:
    """Raise `UsageError` where a folder is no run at first sight."""
    folder = as_path(folder)
    if not (folder / "config.yaml").is_file():
        raise UsageError(
            f"{folder} is not a run folder (no readable config.yaml); make one with `kinema train`"
        )


def check_detector(folder: Path) -> None:
    """Raise `UsageError` where a folder is no anomaly detector at first sight."""
    folder = as_path(folder)
    if not (folder / "anomaly.yaml").is_file():
        raise UsageError(
            f"{folder} is not an anomaly detector (no readable anomaly.yaml); "
            "make one with `kinema anomaly fit`"
        )


def check_output(path: Path, option: str, *inputs: Path) -> None:
    """Raise `UsageError` where a file cannot be written to `path`, or is one of the inputs."""
    if in_bucket(path := as_path(path)):
        check_bucket(path)
        return
    if path.is_dir() or not path.absolute().parent.is_dir():
        what = "is a folder" if path.is_dir() else "is in no existing folder"
        raise UsageError(f"{option} {path} {what}; name a file in an existing folder")
    if path.exists() and any(path.samefile(other) for other in inputs):
        raise UsageError(f"{option} {path} would replace the video itself; choose another name")


def refuse_idle(needed: str, **given: object) -> None:
    """Raise `UsageError` for the first option that was given and has no effect without `needed`."""
    for name, value in given.items():
        if value not in (None, False):
            option = name.replace("_", "-")
            raise UsageError(f"--{option} has no effect without {needed}; add that or leave --{option} out")
