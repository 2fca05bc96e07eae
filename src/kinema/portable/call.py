"""What can be refused of a call ahead of all work. Imports no torch."""

from importlib.util import find_spec
from pathlib import Path

from ..errors import UsageError, nearest

FACTS = "export.json"
# What each format needs: to be written, and to be compared.
NEEDS: dict[str, tuple[str, ...]] = {
    "onnx": ("onnx", "onnxruntime"),
    "openvino": ("onnx", "openvino"),
    "torch": (),
}
FORMATS = tuple(NEEDS)


def check_format(name: str) -> None:
    """Raise `UsageError` for an unknown format, and where its packages are not installed."""
    if name not in NEEDS:
        near = nearest(name, FORMATS)
        raise UsageError(f"unknown format '{name}'; {near}choose one of: {', '.join(FORMATS)}")
    absent = [package for package in NEEDS[name] if find_spec(package) is None]
    if absent:
        missing = " and ".join(absent)
        raise UsageError(
            f"format {name} needs {missing}; pip install {' '.join(absent)}, or use --format torch"
        )


def check_out(out: Path, overwrite: bool) -> None:
    """Raise `UsageError` where `out` is there: with `overwrite`, where it is anything but an export."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not overwrite:
        raise UsageError(f"{out} is there already; choose another --out, or replace it with --overwrite")
    if not (out / FACTS).is_file():
        raise UsageError(f"{out} is no export of a run, and is not replaced; choose another --out")
