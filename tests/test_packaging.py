"""The wheel and the sdist hold what the source tree holds, and the wheel works away from it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BUILT = ("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "src")
BESIDE = (
    "CHANGELOG.md",
    "CITATION.cff",
    "CONTRIBUTING.md",
    "Dockerfile",
    ".dockerignore",
    "Makefile",
    "constraints.txt",
    "mkdocs.yml",
    "bench",
    "docs",
    "tests",
)
LEFT_OUT = ("__pycache__", "*.egg-info", "*.pyc", ".pytest_cache", ".hypothesis")


def copy_of_source(folder: Path) -> Path:
    """The project without what is built: a stale build/ or egg-info must not decide what is packed."""
    for name in (*BUILT, *BESIDE):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns(*LEFT_OUT))
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


def files_of(folder: Path, below: Path) -> set[str]:
    return {path.relative_to(below).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of_source(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def built(source: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheel and the sdist, made by the backend that pyproject names, without the network."""
    pytest.importorskip("setuptools", minversion="77")
    out = tmp_path_factory.mktemp("dist")
    script = (
        "import sys; from setuptools import build_meta as backend; out = sys.argv[1];"  # it changes argv
        " backend.build_wheel(out); backend.build_sdist(out)"
    )
    subprocess.run([sys.executable, "-c", script, str(out)], cwd=source, check=True, capture_output=True)
    return next(out.glob("*.whl")), next(out.glob("*.tar.gz"))


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(
    source: Path, built: tuple[Path, Path]
) -> None:
    with zipfile.ZipFile(built[0]) as wheel:
        packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert packed == files_of(source / "src" / "kinema", source / "src")


def test_the_sdist_can_be_built_tested_and_read(source: Path, built: tuple[Path, Path]) -> None:
    with tarfile.open(built[1]) as sdist:
        members = [Path(member.name) for member in sdist.getmembers() if member.isfile()]
    packed = {path.relative_to(path.parts[0]).as_posix() for path in members}
    wanted = {name for name in files_of(source, source) if ".egg-info/" not in name and name[:6] != "build/"}
    assert wanted <= packed


def test_the_wheel_works_away_from_the_source(built: tuple[Path, Path], tmp_path: Path) -> None:
    with zipfile.ZipFile(built[0]) as wheel:
        wheel.extractall(tmp_path / "site")
        entry = next(name for name in wheel.namelist() if name.endswith(".dist-info/entry_points.txt"))
        assert "kinema = kinema.cli.app:main" in wheel.read(entry).decode()
    command = "import kinema; print(kinema.__file__); from kinema.cli.app import main; main()"
    ran = subprocess.run(
        [sys.executable, "-c", command, "recipes"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site"), "COLUMNS": "120"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert ran.stdout.startswith(str(tmp_path / "site"))
    for recipe in (ROOT / "src" / "kinema" / "recipes").glob("*.yaml"):
        assert recipe.stem in ran.stdout
