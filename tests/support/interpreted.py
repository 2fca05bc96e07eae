"""Kernels of Triton without a GPU."""

from __future__ import annotations

import subprocess
import sys

import pytest


def run_interpreted(code: str) -> None:
    """Run `code` with Triton's interpreter, which it chooses on import: so in a process of its own."""
    pytest.importorskip("triton", reason="Triton comes with torch for CUDA alone")
    code = f'import os\nos.environ["TRITON_INTERPRET"] = "1"\n{code}'
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr[-2000:]
