"""Messages are one line, and nothing in them is obeyed by a terminal."""

from __future__ import annotations

import json
import os

import pytest

from kinema.cli.console import echo, print_json
from kinema.errors import MediaError, printable
from kinema.media.container import shown

NAMES = [
    "\x1b[31mred\x1b[0m",
    "bell\a",
    "\x9b2J",
    "two\nlines",
    "back\b",
    "\u202egnp.exe",
    "\u2028",
    "\udcff",
]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_a_terminal_obeys_is_left(name: str, capsys: pytest.CaptureFixture[str]):
    for text in (printable(name), shown(name), str(MediaError(f"{name} is empty"))):
        assert text.isprintable(), ascii(text)
    echo(name)
    assert capsys.readouterr().out.rstrip("\n").isprintable()


@pytest.mark.parametrize("name", ["видео 動画.mp4", "a b.mp4", "👩‍🚀.mp4", "Ünï"])
def test_names_of_people_stay_as_they_are(name: str):
    assert printable(name) == shown(name) == name


def test_an_escape_says_what_was_there():
    assert printable("\x1b[2J") == "\\x1b[2J"
    assert shown(os.fsdecode(b"\xff.mp4")) == "\\xff.mp4"


def test_json_is_safe_and_keeps_the_name(capsys: pytest.CaptureFixture[str]):
    print_json({"video": NAMES})
    text = capsys.readouterr().out
    assert text.replace("\n", "").isprintable()
    assert json.loads(text) == {"video": NAMES}
