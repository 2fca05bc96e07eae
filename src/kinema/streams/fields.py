"""Arrays kept on disk: until the end of a video, or, flow fields in a cache, until a training is done.

A backbone stage and the extraction behind it need the same fields, which cost most of the time. A field is
float16 [H, W, 2] there, and is rounded to float16 wherever it is used, so that a cache changes nothing.
"""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..atomic import atomic_open

# Nothing is kept where the disk has less room than this left.
ROOM_BYTES = 4 << 30
# Of a cache, where fields lie.
FLOW_FOLDER = "flow"

Field = tuple[float, np.ndarray]


def scaled_flow(flow: np.ndarray, clip_px: float = 20.0) -> np.ndarray:
    """Fields [..., 2, H, W] in pixels -> float32 [..., H, W, 2]: clipped at +-clip_px, scaled to [-1, 1].

    20 pixels is what the authors of I3D trained on.
    """
    bound = np.float32(clip_px)
    clipped = np.clip(np.asarray(flow, np.float32), -bound, bound) / bound
    return np.ascontiguousarray(np.moveaxis(clipped, -3, -1))


class FieldCache:
    """The fields of one video as `<path>.npy`, with their times beside them."""

    def __init__(self, path: Path):
        self.path, self.times_path = path, path.with_suffix(".times.npy")

    def load(self) -> tuple[list[float], np.ndarray] | None:
        """Times and float16 [N, H, W, 2], mapped from disk; None where the video is not kept."""
        try:
            fields = np.load(self.path, mmap_mode="r", allow_pickle=False)
            return np.load(self.times_path, allow_pickle=False).tolist(), fields
        except OSError:  # not there, or another process has just removed it
            return None

    def save(self, times: list[float], fields: Iterator[np.ndarray], shape: tuple[int, ...]) -> None:
        """Keep fields float16 of one `shape` [H, W, 2], unless the disk is nearly full."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        size = 2 * len(times) * int(np.prod(shape))
        if shutil.disk_usage(self.path.parent).free < size + ROOM_BYTES:
            return
        with atomic_open(self.times_path, "wb") as file:
            np.save(file, np.asarray(times))
        with atomic_open(self.path, "wb") as file:
            header = {"descr": "<f2", "fortran_order": False, "shape": (len(times), *shape)}
            np.lib.format.write_array_header_1_0(file, header)
            for field in fields:
                file.write(field.tobytes())


class Spool:
    """A list of arrays of one shape and dtype in a temporary file that nobody else sees.

    They wait there until the end of a video says which of them are wanted.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._like: np.ndarray | None = None
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, array: np.ndarray) -> None:
        """Keep one more array."""
        if self._like is None:
            self._like = np.empty_like(array, shape=array.shape)
        elif (array.shape, array.dtype) != (self._like.shape, self._like.dtype):
            raise ValueError(f"a spool holds one shape, got {array.shape} after {self._like.shape}")
        self._file.seek(self._count * array.nbytes)
        self._file.write(np.ascontiguousarray(array).data)
        self._count += 1

    def __getitem__(self, index: int) -> np.ndarray:
        if self._like is None or not 0 <= index < self._count:
            raise IndexError(index)
        self._file.seek(index * self._like.nbytes)
        data = self._file.read(self._like.nbytes)
        return np.frombuffer(data, self._like.dtype).reshape(self._like.shape)

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[index] for index in range(self._count))
