"""Imports only run downwards: no module knows of a layer above its own, and siblings keep to themselves."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent / "src" / "kinema"

# From the bottom to the top; docs/architecture.md shows the same list.
LAYERS = [
    {"urls"},
    {"errors", "types", "atomic", "settings", "yaml_file", "axes"},
    {"buckets", "keys", "plugins", "resources", "shipped"},
    {"weights", "media", "sampling", "audio", "temporal", "fusion"},
    {"backbones", "datasets"},
    {"flow", "anomaly", "labelling"},
    {"streams"},
    {"recipe", "features"},
    {"model", "run"},
    {"extraction"},
    {"portable"},
    {"evaluation", "training", "report"},
    {"inference", "studies"},
    {"live"},
    {"serve"},
    {"workflows"},
    {"cli"},
    {"__main__"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def part_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported_parts(path: Path) -> set[str]:
    """The parts of kinema that a module imports, wherever in the file it does."""
    package = ["kinema", *path.relative_to(SOURCE).parent.parts]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            names = [node.module] if node.module else [alias.name for alias in node.names]
            modules = [[*base, *name.split(".")] for name in names]
        elif isinstance(node, ast.ImportFrom):
            modules = [(node.module or "").split(".")]
        elif isinstance(node, ast.Import):
            modules = [alias.name.split(".") for alias in node.names]
        else:
            continue
        found |= {m[1] for m in modules if m[0] == "kinema" and len(m) > 1}
    return found


MODULES = sorted(p for p in SOURCE.rglob("*.py") if p != SOURCE / "__init__.py")


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_run_downwards(path):
    own = part_of(path)
    assert own in LEVEL, f"give {own} a layer here and in docs/architecture.md"
    for part in imported_parts(path) - {own}:
        if part in LEVEL:  # names of kinema/__init__ itself, such as __version__, are no part
            assert LEVEL[part] < LEVEL[own], f"{own} imports {part}, which is not below it"


def test_prediction_never_imports_the_trainer():
    """Lightning takes seconds to import; what predicts must do without it."""
    import subprocess
    import sys

    code = "import sys, kinema.inference.load, kinema.cli.app; sys.exit('lightning' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_decoding_workers_never_import_torch():
    import subprocess
    import sys

    modules = "kinema.extraction.worker, kinema.streams.rgb, kinema.streams.audio, kinema.streams.flow"
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
