from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from kinema.errors import MediaError
from kinema.media.container import content_digest
from kinema.media.probe import probe
from kinema.media.writer import VideoWriter


def with_sound(path: Path, amplitude: float) -> Path:
    tone = amplitude * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    with VideoWriter(path, fps=25, width=64, height=48, sample_rate=16000) as writer:
        for _ in range(25):
            writer.write(np.zeros((48, 64, 3), np.uint8))
        writer.write_audio(tone.astype(np.float32))
    return path


def test_facts(twenty: Path) -> None:
    facts = probe(twenty)
    assert (facts.width, facts.height, facts.average_fps, facts.num_frames) == (96, 64, 25, 20)
    assert facts.duration_seconds == pytest.approx(0.8)
    assert (facts.codec, facts.has_audio, facts.audio_silent, facts.damage) == ("h264", False, None, None)
    assert facts.digest == hashlib.sha256(twenty.read_bytes()).hexdigest()


@pytest.mark.parametrize(("amplitude", "silent"), [(0.0, True), (0.0005, True), (0.02, False), (0.9, False)])
def test_silence(tmp_path: Path, amplitude: float, silent: bool) -> None:
    facts = probe(with_sound(tmp_path / "s.mp4", amplitude))
    assert facts.has_audio
    assert facts.audio_silent is silent


def test_damage_and_counts_of_a_cut_file(tmp_path: Path, make_video, numbered) -> None:
    path = make_video(
        tmp_path / "a.avi", [numbered(i) for i in range(60)], codec="mjpeg", pixel_format="yuvj420p"
    )
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    exact, quick = probe(path), probe(path, exact=False)
    assert exact.num_frames is not None
    assert 20 < exact.num_frames < 40
    assert exact.damage
    assert quick.num_frames == 60


def test_unreadable_files(tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("not a video")
    for path in (text, tmp_path / "absent.mp4"):
        with pytest.raises(MediaError):
            probe(path)


def test_digest_depends_on_content_alone(tmp_path: Path) -> None:
    content = np.random.default_rng(0).bytes(300_000)
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "c").write_bytes(content[:-1])
    digests = [content_digest(tmp_path / name) for name in "abc"]
    assert digests[0] == digests[1] == hashlib.sha256(content).hexdigest()
    assert digests[2] != digests[0]
    with pytest.raises(MediaError, match="cannot be read"):
        content_digest(tmp_path / "absent")
