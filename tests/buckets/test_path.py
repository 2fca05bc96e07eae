"""Paths in a bucket answer as those of a folder on disk with the same files do."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from buckets.conftest import Memory
from kinema.buckets import as_path, on_disk
from kinema.buckets.listing import forget
from kinema.buckets.path import BucketPath
from kinema.errors import UsageError

FILES = ("a/1.avi", "a/deep/2.avi", "b/3.avi", "list.txt", "b/notes.txt", "it's 50 % [x]/ä b.avi")
PATTERNS = ("*", "*.txt", "*/*.avi", "?", "a/*", "**/*.avi", "nothing*", "*[[]x]/*")


@pytest.fixture
def twins(memory: Memory, tmp_path: Path) -> tuple[Path, Path]:
    """A folder in the bucket, and one on disk, of the same files."""
    disk = tmp_path / "disk"
    for name in FILES:
        (disk / name).parent.mkdir(parents=True, exist_ok=True)
        (disk / name).write_text(name)
        memory.put(name, name.encode())
    return as_path(memory.url), disk


def names(root: Path, found: object) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in found)  # type: ignore[attr-defined]


def test_questions_have_the_answers_of_a_disk(twins: tuple[Path, Path]):
    bucket, disk = twins
    for name in (*FILES, "a", "a/deep", "b", "nothing", "a/1.avi/2", "lis"):
        for question in ("exists", "is_file", "is_dir", "is_symlink"):
            mine, its = getattr(bucket / name, question)(), getattr(disk / name, question)()
            assert mine == its, (name, question)
    assert names(bucket, bucket.iterdir()) == names(disk, disk.iterdir())
    assert names(bucket, (bucket / "a").iterdir()) == names(disk, (disk / "a").iterdir())


@pytest.mark.parametrize("pattern", PATTERNS)
def test_globs_find_what_they_find_on_a_disk(twins: tuple[Path, Path], pattern: str):
    bucket, disk = twins
    assert names(bucket, bucket.glob(pattern)) == names(disk, disk.glob(pattern))


def test_rglob_finds_what_it_finds_on_a_disk(twins: tuple[Path, Path]):
    bucket, disk = twins
    assert names(bucket, bucket.rglob("*.avi")) == names(disk, disk.rglob("*.avi"))


def test_it_is_read_as_a_file_is(twins: tuple[Path, Path]):
    bucket, disk = twins
    for name in FILES:
        assert (bucket / name).read_text() == (disk / name).read_text()
        assert (bucket / name).read_bytes() == (disk / name).read_bytes()
        assert (bucket / name).stat().st_size == (disk / name).stat().st_size
    with pytest.raises(FileNotFoundError):
        (bucket / "nothing").read_text()
    with pytest.raises(FileNotFoundError):
        (bucket / "nothing").stat()
    with pytest.raises(OSError, match="as a whole"):
        (bucket / "new").open("w")


def test_it_keeps_its_kind(memory: Memory):
    path = as_path(memory.url)
    for other in (path / "x", path.parent, (path / "x").with_suffix(".y"), path.absolute(), path.resolve()):
        assert isinstance(other, BucketPath)
    assert isinstance(pickle.loads(pickle.dumps(path)), BucketPath)
    plain = Path(str(path))
    assert path == plain
    assert hash(path) == hash(plain)
    assert isinstance(as_path(plain), BucketPath)


def test_a_listing_is_believed_until_it_is_forgotten(memory: Memory):
    memory.put("a", b"x")
    path = as_path(memory.url)
    assert [p.name for p in path.iterdir()] == ["a"]
    memory.put("b", b"x")
    assert not (path / "b").exists()
    forget(path)
    assert (path / "b").exists()


def test_files_of_this_machine_stay_what_they_are(tmp_path: Path):
    assert as_path(str(tmp_path)) == tmp_path
    assert as_path(f"file://{tmp_path}") == tmp_path
    assert type(as_path("videos")) is type(Path("videos"))
    assert on_disk(tmp_path, "why") == tmp_path
    with pytest.raises(UsageError, match="s3://b/x is in a bucket; copy it"):
        on_disk("s3://b/x", "copy it")
