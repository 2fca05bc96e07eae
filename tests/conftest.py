"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The optional folder of real clips, split lists and small weights (`KINEMA_TEST_DATA`)."""
    folder = (ROOT / os.environ.get("KINEMA_TEST_DATA", "../shared")).resolve()
    if not (folder / "data").is_dir():
        pytest.skip(f"no real data at {folder}; set KINEMA_TEST_DATA to a folder that has it")
    return folder


@pytest.fixture(scope="session")
def ucf_clips(shared_data: Path) -> Path:
    """Root of the six-class UCF101 subset, official lists included."""
    return shared_data / "data" / "ucf101_6"


@pytest.fixture(scope="session")
def hockey_clips(shared_data: Path) -> Path:
    """Root of the hockey fight clips: train and test folders, two classes, with sound."""
    return shared_data / "data" / "hockey"
