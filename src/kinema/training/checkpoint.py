"""Checkpoints that appear whole or not at all, and whose loading executes no code."""

from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.checkpoint_io import CheckpointIO

from ..atomic import atomic_open
from ..errors import WorkError


class SafeCheckpointIO(CheckpointIO):
    """Lightning's checkpoint files, written atomically and read with `weights_only`."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write one checkpoint. Raises `WorkError` on a full disk."""
        try:
            with atomic_open(Path(path), "wb") as file:
                torch.save(checkpoint, file)
        except (OSError, RuntimeError) as error:
            # What a file refuses, torch reports as a RuntimeError in whose context it stands.
            cause = error if isinstance(error, OSError) else error.__context__
            if not isinstance(cause, OSError):
                raise
            raise WorkError(f"cannot write checkpoint {path} ({cause.strerror}); free some space") from None

    def load_checkpoint(
        self, path: Any, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read one checkpoint: tensors and plain values only."""
        return torch.load(path, map_location=map_location or "cpu", weights_only=True)

    def remove_checkpoint(self, path: Any) -> None:
        """Delete one checkpoint."""
        Path(path).unlink(missing_ok=True)
