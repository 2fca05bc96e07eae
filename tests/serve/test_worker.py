"""The decoding process: its memory is bounded, and what it says of windows keeps their order."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from kinema.extraction.messages import Finished, Message
from kinema.serve.messages import Ended, Of
from kinema.serve.worker import _in_step, _labelled
from kinema.types import Clip

BOUNDED = """
import sys
from kinema.serve.worker import bound_memory
held = bytearray(200_000_000)  # what it has by now is its own
bound_memory(100_000_000)
small = bytearray(50_000_000)
try:
    bytearray(100_000_000)
except MemoryError:
    print("refused")
"""


def test_memory_beyond_what_it_has_is_bounded() -> None:
    if sys.platform != "linux":
        return
    done = subprocess.run([sys.executable, "-c", BOUNDED], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "refused"


def test_a_decoding_process_needs_no_torch() -> None:
    code = "import sys, kinema.serve.worker; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def messages(order: str) -> Iterator[tuple[int, Message]]:
    """`0` is a clip of window 0, `0!` its end."""
    for part in order.split():
        clip = Clip(0.0, ())
        yield int(part[0]), Finished() if part.endswith("!") else clip


def keyed(said: list) -> list[str]:
    """What was said, each with what it is of, as the server understands it."""
    of, found = Of("", 0), []
    for message in said:
        if isinstance(message, Of):
            of = message
        else:
            found.append(f"{of.stream}{of.number}{'!' if isinstance(message, Ended) else ''}")
    return found


def test_streams_go_window_by_window_and_nothing_is_mislabelled() -> None:
    runs = {
        "a": _labelled("a", messages("0 0 1 0! 1 2 1! 2!")),
        "b": _labelled("b", messages("0 1 1 2 0! 1! 2 2!")),
    }
    said = keyed(list(_in_step(runs, 3)))
    assert said == [
        "a0",
        "a0",
        "a1",
        "a0!",
        "b0",
        "b1",
        "b1",
        "b2",
        "b0!",
        "a1",
        "a2",
        "a1!",
        "b1!",
        "a2!",
        "b2",
        "b2!",
    ]
