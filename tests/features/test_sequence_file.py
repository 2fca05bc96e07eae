"""Feature files against the safetensors library's own reader and writer."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from kinema.errors import WorkError
from kinema.features.sequence_file import SequenceWriter, read_sequence

OURS = {"magic": "kinema-features", "version": "1"}


def write(path: Path, data: np.ndarray, pts: np.ndarray, step: int = 3) -> Path:
    writer = SequenceWriter(path, data.shape[1])
    for start in range(0, len(data), step):
        writer.append(data[start : start + step], pts[start : start + step].tolist())
    assert writer.steps == len(data)
    assert not path.exists()
    writer.commit()
    return path


def tensors(steps: int, dim: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(steps * 100 + dim)
    return random.normal(size=(steps, dim)).astype(np.float32), np.sort(random.random(steps))


@settings(max_examples=20, deadline=None)
@given(steps=st.integers(0, 9), dim=st.integers(1, 5))
def test_the_library_reads_what_we_write(tmp_path_factory: pytest.TempPathFactory, steps: int, dim: int):
    data, pts = tensors(steps, dim)
    folder = tmp_path_factory.mktemp("sequence")
    path = write(folder / "a" / "one.safetensors", data, pts)
    loaded = load_file(path)
    assert set(loaded) == {"data", "pts_seconds"}
    np.testing.assert_array_equal(loaded["data"], data)
    np.testing.assert_array_equal(loaded["pts_seconds"], pts)
    assert loaded["pts_seconds"].dtype == np.float64
    with safe_open(path, framework="numpy") as file:
        digest = hashlib.sha256(data.tobytes() + pts.tobytes()).hexdigest()
        assert file.metadata() == OURS | {"sha256": digest}
    ours = read_sequence(path)
    np.testing.assert_array_equal(ours.data, data)
    np.testing.assert_array_equal(ours.pts_seconds, pts)
    assert ours.present == (steps > 0)
    assert os.listdir(path.parent) == [path.name]


def test_we_read_what_the_library_writes(tmp_path: Path):
    data, pts = tensors(4, 3)
    save_file({"data": data, "pts_seconds": pts}, tmp_path / "one", metadata=OURS)
    np.testing.assert_array_equal(read_sequence(tmp_path / "one").data, data)


def test_the_same_steps_give_the_same_bytes(tmp_path: Path):
    data, pts = tensors(10, 4)
    one, other = (write(tmp_path / f"{step}", data, pts, step) for step in (1, 7))
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (None, "not a Kinema feature file"),
        ({"magic": "other", "version": "1"}, "not a Kinema feature file"),
        ({"magic": "kinema-features", "version": "2"}, "version 2; update Kinema"),
        ({"magic": "kinema-features"}, "version None"),
    ],
)
def test_unknown_files_are_refused(tmp_path: Path, metadata: dict[str, str] | None, message: str):
    data, pts = tensors(2, 2)
    save_file({"data": data, "pts_seconds": pts}, tmp_path / "one", metadata=metadata)
    with pytest.raises(WorkError, match=message):
        read_sequence(tmp_path / "one")


def test_damaged_files_are_refused_in_one_line(tmp_path: Path):
    data, pts = tensors(20, 8)
    whole = write(tmp_path / "whole", data, pts).read_bytes()
    path = tmp_path / "cut"
    for size in [*range(0, len(whole), 97), len(whole) - 1]:
        path.write_bytes(whole[:size])
        with pytest.raises(WorkError, match="extract again") as caught:
            read_sequence(path)
        assert "\n" not in str(caught.value)
    with pytest.raises(WorkError, match="absent"):
        read_sequence(tmp_path / "absent")


def test_a_flipped_bit_anywhere_is_refused_or_changes_nothing(tmp_path: Path):
    data, pts = tensors(20, 8)
    whole = write(tmp_path / "whole", data, pts).read_bytes()
    path, refused = tmp_path / "flipped", 0
    values = range(len(whole) - data.nbytes - pts.nbytes, len(whole))
    for at in [*range(0, 400, 3), *values[::7], values[-1]]:
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :])
        try:
            found = read_sequence(path)
        except WorkError:
            refused += at in values
        else:
            assert at not in values
            np.testing.assert_array_equal(found.data, data)
            np.testing.assert_array_equal(found.pts_seconds, pts)
    assert refused == len([*values[::7]]) + 1


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(tmp_path: Path, value: float):
    for number, name in enumerate(("data", "pts_seconds")):
        both = dict(zip(("data", "pts_seconds"), tensors(4, 3), strict=True))
        both[name].flat[2] = value
        save_file(both, tmp_path / f"{number}", metadata=OURS)
        with pytest.raises(WorkError, match=r"not finite.*extract again"):
            read_sequence(tmp_path / f"{number}")


def test_tensors_of_another_form_are_refused(tmp_path: Path):
    data, pts = tensors(4, 3)
    for wrong in ({"data": data.astype(np.float16)}, {"data": data[:2]}, {"pts_seconds": pts[None]}):
        save_file({"data": data, "pts_seconds": pts} | wrong, tmp_path / "one", metadata=OURS)
        with pytest.raises(WorkError, match="extract again"):
            read_sequence(tmp_path / "one")


def test_discard_leaves_nothing(tmp_path: Path):
    writer = SequenceWriter(tmp_path / "one", 2)
    writer.append(np.ones((1, 2), np.float32), [0.0])
    assert len(os.listdir(tmp_path)) == 1
    writer.discard()
    writer.discard()
    assert os.listdir(tmp_path) == []
    with pytest.raises(ValueError, match="finished"):
        writer.commit()


def test_wrong_shapes_and_types_are_refused(tmp_path: Path):
    writer = SequenceWriter(tmp_path / "one", 2)
    for wrong in (np.ones((1, 3), np.float32), np.ones((2, 2), np.float32), np.ones((1, 2), np.float64)):
        with pytest.raises(ValueError, match="expected float32"):
            writer.append(wrong, [0.0])
    writer.discard()


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_commit_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    writer = SequenceWriter(tmp_path / "a.safetensors", 2)
    writer.append(np.zeros((1, 2), np.float32), [0.0])
    monkeypatch.setattr(f"kinema.features.sequence_file.os.{call}", full)
    with pytest.raises(OSError, match="No space"):
        writer.commit()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_raises_and_discard_still_cleans_up(tmp_path: Path):
    """A limit on the size of files stands for the disk's end; bytes wait in the buffer when it strikes."""
    code = """
import resource, signal, sys
import numpy as np
from pathlib import Path
from kinema.features.sequence_file import SequenceWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
writer = SequenceWriter(Path(sys.argv[1]) / "one", 100)
try:
    for i in range(100):
        writer.append(np.ones((1, 100), np.float32), [float(i)])
    writer.commit()
except OSError:
    writer.discard()
    print("refused")
"""
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout == "refused\n"
    assert os.listdir(tmp_path) == []


def test_a_long_sequence_is_written_in_constant_memory(tmp_path: Path):
    """200 MB of features, written by a process of its own."""
    code = """
import resource, sys
import numpy as np
from pathlib import Path
from kinema.features.sequence_file import SequenceWriter
block = np.ones((100, 5000), np.float32)
writer = SequenceWriter(Path(sys.argv[1]), block.shape[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for start in range(0, 10_000, 100):
    writer.append(block, [float(i) for i in range(start, start + 100)])
writer.commit()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    path = tmp_path / "long"
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 10_000
    assert path.stat().st_size > 200_000_000
    with safe_open(path, framework="numpy") as file:
        assert file.get_slice("data").get_shape() == [10_000, 5000]
        assert file.get_tensor("pts_seconds")[-1] == 9999.0
