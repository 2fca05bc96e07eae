"""Every change is on the disk when it was made, beside whatever others wrote; a kill loses nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from kinema.labelling.label_file import Conflict, LabelFile
from kinema.labelling.table import Labelled, Table

HEAD = "file_name,label,start,end\n"
WAVE, BOW = Labelled("a.mp4", "wave", 1, 2), Labelled("a.mp4", "bow", 3, 4)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "labels.csv"


def rows(path: Path) -> tuple[Labelled, ...]:
    return Table.parse(path.read_bytes(), path.name).labelled


def test_a_change_is_written_at_once_and_once(path: Path) -> None:
    labels = LabelFile(path)
    assert not path.exists()
    labels.change([], [WAVE])
    assert rows(path) == (WAVE,)
    before = path.stat().st_mtime_ns
    labels.change([], [WAVE])  # sent again, since its answer was lost
    assert (rows(path), path.stat().st_mtime_ns) == ((WAVE,), before)
    labels.change([WAVE], [BOW])
    labels.change([WAVE], [BOW])
    assert rows(path) == (BOW,)
    assert labels.outside is None


def test_what_another_program_added_meanwhile_stays(path: Path) -> None:
    labels = LabelFile(path)
    labels.change([], [WAVE])
    version = labels.version
    path.write_text(path.read_text() + "b.mp4,sit,5,6\n")
    labels.change([], [BOW])
    assert rows(path) == (WAVE, Labelled("b.mp4", "sit", 5, 6), BOW)
    assert labels.outside is not None
    assert (labels.outside.gained, labels.outside.lost, labels.outside.kept) == (1, (), None)
    assert labels.version != version


def test_what_another_program_removed_is_kept_beside(path: Path) -> None:
    labels = LabelFile(path)
    labels.change([], [WAVE, BOW])
    before = path.read_bytes()
    path.write_text(HEAD + "a.mp4,bow,3,4\n")
    labels.change([], [Labelled("c.mp4", "sit", 0, 1)])
    assert labels.outside is not None
    assert labels.outside.lost == (WAVE,)
    assert (path.parent / str(labels.outside.kept)).read_bytes() == before
    assert rows(path) == (BOW, Labelled("c.mp4", "sit", 0, 1))
    path.unlink()
    labels.table()
    assert labels.outside.number == 2
    assert len(labels.outside.lost) == 2


def test_a_change_to_what_is_gone_is_refused_and_writes_nothing(path: Path) -> None:
    labels = LabelFile(path)
    labels.change([], [WAVE])
    path.write_text(HEAD + "a.mp4,wave,1,9\n")
    with pytest.raises(Conflict, match="another program changed this segment"):
        labels.change([WAVE], [BOW])
    assert path.read_text() == HEAD + "a.mp4,wave,1,9\n"


def test_a_file_that_another_program_broke_is_left_alone(path: Path) -> None:
    labels = LabelFile(path)
    labels.change([], [WAVE])
    path.write_text(HEAD + "a.mp4,wave,one,2\n")
    with pytest.raises(Conflict, match=r"cannot be read now: labels\.csv line 2"):
        labels.change([], [BOW])
    assert path.read_text() == HEAD + "a.mp4,wave,one,2\n"
    path.write_text(HEAD + "a.mp4,wave,1,2\n")
    labels.change([], [BOW])
    assert rows(path) == (WAVE, BOW)


def test_a_program_that_writes_between_reading_and_replacing_loses_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = LabelFile(path)
    labels.change([], [WAVE])
    encoded, late = Table.encoded, iter(["b.mp4,sit,5,6\n"])

    def writes_too(table: Table) -> bytes:
        if line := next(late, ""):
            path.write_text(path.read_text() + line)
        return encoded(table)

    monkeypatch.setattr(Table, "encoded", writes_too)
    labels.change([], [BOW])
    assert rows(path) == (WAVE, Labelled("b.mp4", "sit", 5, 6), BOW)


def test_rights_and_links_stay(path: Path) -> None:
    real = path.with_name("real.csv")
    real.write_text(HEAD)
    real.chmod(0o640)
    path.symlink_to(real)
    LabelFile(path).change([], [WAVE])
    assert path.is_symlink()
    assert (rows(real), real.stat().st_mode & 0o777) == ((WAVE,), 0o640)


def test_several_at_once(path: Path) -> None:
    """Two files of one path, as of two servers, from several threads each."""
    files = [LabelFile(path), LabelFile(path)]
    made = [Labelled("a.mp4", "wave", i, i + 1) for i in range(24)]
    threads = [
        threading.Thread(target=lambda i=i: [files[i % 2].change([], [one]) for one in made[i::4]])
        for i in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(rows(path), key=lambda row: row.start) == made


def test_a_kill_at_any_moment_leaves_all_that_was_told_as_saved(path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from kinema.labelling.label_file import LabelFile;"
        "from kinema.labelling.table import Labelled\n"
        "labels = LabelFile(Path(sys.argv[1]))\n"
        "start = len(labels.table().rows)\n"
        "for i in range(start, start + 100000):\n"
        "    labels.change([], [Labelled('a.mp4', 'wave', i, i + 1)]); print(i, flush=True)\n"
    )
    told = -1
    for wait in (1, 5, 11):
        process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for _ in range(wait):
            told = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        told = max([told, *(int(line) for line in process.stdout.read().split())])
        process.stdout.close()
        process.wait()
        assert [row.start for row in rows(path)][: told + 1] == list(range(told + 1))
