"""The table of files that could not be read: merged, appended to by many, never lost."""

import csv
import os
import subprocess
import sys
from pathlib import Path

from kinema.features.quarantine import Quarantine

PART = ""


def test_quarantine_merges(tmp_path: Path):
    table = Quarantine(tmp_path / "quarantine.csv")
    a, b, c = (f"/videos/{name}.mp4" for name in "abc")
    assert table.rows() == []
    table.settle({(b, PART, "rgb", "cut"), (a, PART, "rgb", "empty")}, {(a, PART, "rgb"), (b, PART, "rgb")})
    assert table.rows() == [(a, PART, "rgb", "empty"), (b, PART, "rgb", "cut")]
    # Another data folder, or another stream, adds to it.
    table.settle({(c, "frames 0-9", "rgb", "cut")}, {(c, "frames 0-9", "rgb")})
    table.settle({(a, PART, "flow", "hung")}, {(a, PART, "flow")})
    assert len(table.rows()) == 4
    # A file that was mended goes; one that fails otherwise gets its new reason.
    table.settle({(b, PART, "rgb", "crashed")}, {(a, PART, "rgb"), (b, PART, "rgb")})
    assert table.rows() == [
        (a, PART, "flow", "hung"),
        (b, PART, "rgb", "crashed"),
        (c, "frames 0-9", "rgb", "cut"),
    ]
    seen = {(a, PART, "flow"), (b, PART, "rgb"), (c, "frames 0-9", "rgb")}
    table.settle(set(), seen)
    assert not (tmp_path / "quarantine.csv").exists()


def test_quarantine_takes_any_file_name(tmp_path: Path):
    names = [
        "a\nb.mp4",
        'say "hi", twice.mp4',
        "a\r.mp4",
        "видео 動画.mp4",
        os.fsdecode(b"\xff\xfe.mp4"),
        " ,;",
    ]
    rows = {(f"/v/{name}", PART, "rgb", f"because of {i}") for i, name in enumerate(names)}
    table = Quarantine(tmp_path / "quarantine.csv")
    table.settle(rows, set())
    assert set(table.rows()) == rows
    with open(tmp_path / "quarantine.csv", newline="", encoding="utf-8", errors="surrogateescape") as file:
        found = list(csv.DictReader(file))
    assert {(r["path"], r["part"], r["stream"], r["reason"]) for r in found} == rows


def test_a_spoilt_quarantine_file_is_no_obstacle(tmp_path: Path):
    table = Quarantine(tmp_path / "quarantine.csv")
    (tmp_path / "quarantine.csv").write_text("path,part,stream,reason\n/v/a.mp4,,rgb,cut\nhalf a li")
    assert table.rows() == [("/v/a.mp4", "", "rgb", "cut")]


def test_a_failure_is_on_disk_at_once_and_once(tmp_path: Path):
    table = Quarantine(tmp_path / "quarantine.csv")
    row = ("/v/a, b.mp4", PART, "rgb", "broken")
    for _ in range(3):
        table.add(row)
    assert Quarantine(tmp_path / "quarantine.csv").rows() == [row]
    assert table.path.read_text().splitlines()[0] == "path,part,stream,reason"


def test_a_line_that_was_cut_spoils_no_other(tmp_path: Path):
    table = Quarantine(tmp_path / "quarantine.csv")
    table.add(("/v/a.mp4", PART, "rgb", "cut"))
    with open(table.path, "a", encoding="utf-8") as file:
        file.write("/v/b.mp4,,rg")
    table.add(("/v/c.mp4", PART, "rgb", "late"))
    assert [r[0] for r in table.rows()] == ["/v/a.mp4", "/v/c.mp4"]


WRITER = """
import sys
from pathlib import Path
from kinema.features.quarantine import Quarantine
table, me = Quarantine(Path(sys.argv[1])), sys.argv[2]
for i in range(25):
    table.add((f"/v/{me}-{i}.mp4", "", "rgb", "broken"))
mine = {(f"/v/{me}-{i}.mp4", "", "rgb", "broken") for i in range(25)}
table.settle(mine, {row[:3] for row in mine})
"""


def test_processes_that_share_a_store_lose_no_row(tmp_path: Path):
    """Four processes add and merge at the same time."""
    path = tmp_path / "quarantine.csv"
    started = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(n)]) for n in range(4)]
    assert [process.wait(timeout=120) for process in started] == [0] * 4
    assert len(Quarantine(path).rows()) == 100
