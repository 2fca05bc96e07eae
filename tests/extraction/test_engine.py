"""The engine with a backbone that can be checked by eye: the mean colour of a frame."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import psutil
import pytest

from kinema.backbones.tell import LISTENER, tell
from kinema.errors import WorkError
from kinema.extraction.engine import SequenceBuffer, sequences
from kinema.extraction.extract import CHANGED, ExtractItem, ExtractReport, extract, items_of
from kinema.extraction.messages import Finished, Message
from kinema.extraction.pool import DecodingPool
from kinema.features import sequence_file
from kinema.features.digests import Digests
from kinema.features.sequence_file import read_sequence
from kinema.features.store import FeatureStore
from kinema.media.reader import VideoReader
from kinema.resources import Resources
from kinema.streams import AudioStream, RgbStream, StreamSettings
from kinema.streams.augment import Augment
from kinema.streams.images import fit
from kinema.types import Clip, VideoRecord
from support.digests import digest_files


class MeanColour:
    """[H, W, 3] -> its mean colour; notes how many steps each call brought."""

    dim, at_once, resizes, mover = 3, 1, False, None

    def __init__(self, batch_size: int = 5):
        self.batch_size = batch_size
        self.calls: list[int] = []

    def __call__(self, inputs: Sequence[tuple[np.ndarray, ...]]) -> np.ndarray:
        self.calls.append(len(inputs))
        return np.stack([frame.mean(axis=(0, 1), dtype=np.float64) for (frame,) in inputs]).astype(np.float32)


def run(
    records: Sequence[VideoRecord],
    stream: StreamSettings,
    root: Path,
    compute: MeanColour | None = None,
    copies: int = 0,
    pool: DecodingPool | None = None,
    **options,
) -> ExtractReport:
    store = FeatureStore(root)
    shelves = [store.shelf("rgb", stream.settings(v)) for v in range(copies + 1)]
    digests, unreadable = digest_files(r.path for r in records)
    assert not unreadable
    items = items_of(records, digests, lambda r: copies if r.split == "train" else 0)
    compute = compute or MeanColour()
    cpu = Resources(device="cpu")
    with pool or DecodingPool() as given:
        return extract(items, stream, compute, store, lambda v: shelves[v], cpu, given, workers=2, **options)


def tree(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def sequence_of(record: VideoRecord, stream: StreamSettings, root: Path, variant: int = 0):
    digests, _ = digest_files([record.path])
    (*_, item) = items_of([record], digests, lambda _: variant)
    return read_sequence(FeatureStore(root).shelf("rgb", stream.settings(variant)).path(item.key))


@pytest.fixture
def records(tmp_path: Path, make_clip: Callable[..., Path]) -> list[VideoRecord]:
    return [VideoRecord(make_clip(tmp_path / "v" / f"{i}.mp4", 3 + 4 * i, seed=i)) for i in range(5)]


def test_features_are_those_of_a_plain_loop(tmp_path: Path, records, every_frame: RgbStream):
    compute = MeanColour()
    report = run(records, every_frame, tmp_path / "f", compute)
    assert (report.extracted, report.reused, report.failed, report.steps) == (5, 0, [], 3 + 7 + 11 + 15 + 19)
    assert set(compute.calls[:-1]) == {5}, "batches are filled across videos"
    for record in records:
        with VideoReader(record.path) as reader:
            frames = [(f.pts_seconds, fit(f.data, (224, 224), "stretch")) for f in reader.read()]
        sequence = sequence_of(record, every_frame, tmp_path / "f")
        assert sequence.pts_seconds.tolist() == [pts for pts, _ in frames]
        means = [frame.mean(axis=(0, 1)) for _, frame in frames]
        np.testing.assert_allclose(sequence.data, means, rtol=1e-6)


def test_a_second_run_computes_nothing(tmp_path: Path, records, every_frame: RgbStream):
    run(records, every_frame, tmp_path / "f")
    before = tree(tmp_path / "f")
    compute = MeanColour()
    report = run(records, every_frame, tmp_path / "f", compute)
    assert (report.extracted, report.reused, compute.calls) == (0, 5, [])
    assert tree(tmp_path / "f") == before


def test_parts_in_any_grouping_give_the_same_store(tmp_path: Path, records, every_frame: RgbStream):
    run(records, every_frame, tmp_path / "whole")
    for part in (records[3:4], records[:2], records):
        run(part, every_frame, tmp_path / "parts")
    assert tree(tmp_path / "whole") == tree(tmp_path / "parts")


def test_broken_files_and_all_their_copies_are_reported(tmp_path: Path, records, every_frame: RgbStream):
    folder = tmp_path / "v"
    for name in ("empty", "twin"):
        (folder / f"{name}.mp4").touch()
    (folder / "text.mp4").write_text("hello\n")
    whole = records[4].path.read_bytes()
    (folder / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    broken = [VideoRecord(folder / f"{n}.mp4") for n in ("empty", "twin", "text", "cut")]
    report = run([*records, *broken], every_frame, tmp_path / "f")
    assert {r.path for r, _ in report.failed} == {r.path for r in broken}
    assert len(report.failed) == 4
    assert report.extracted == 5
    assert not [p for p in tree(tmp_path / "f") if p.endswith(".tmp")]


def test_a_file_that_changed_since_it_was_identified_is_not_kept(
    tmp_path: Path, records, make_clip, every_frame: RgbStream
):
    """Its features would stand under the name of what it was; the others go on."""
    asked: list[str] = []

    def unchanged(item: ExtractItem) -> bool:
        content = item.record.content or "unknown"
        asked.append(content)
        if item.record.path == records[2].path:
            make_clip(item.record.path, 6, seed=99)
        return Digests().same(item.record.path, content)

    report = run(records, every_frame, tmp_path / "f", unchanged=unchanged)
    assert [(r.path, why) for r, why in report.failed] == [(records[2].path, CHANGED)]
    assert len(asked) == 5
    left = [p for p in tree(tmp_path / "f") if not p.endswith("stream.json")]
    assert len(left) == report.extracted == 4
    assert run(records, every_frame, tmp_path / "f").extracted == 1


def test_items_come_while_others_are_computed(tmp_path: Path, records, every_frame: RgbStream):
    """The first video is in the store before the last is known; a copy of one at work is not computed."""
    digests, _ = digest_files(r.path for r in records)
    items = items_of(records, digests, lambda r: 0)
    shelf = FeatureStore(tmp_path / "f").shelf("rgb", every_frame.settings(0))
    ended = threading.Event()
    seen: list[tuple[int, int]] = []

    def come() -> Iterator[ExtractItem]:
        yield from [*items[:4], items[0]]
        assert ended.wait(60), "no video ends before all have come"
        assert len(list(shelf.folder.glob("*/*.safetensors"))) >= 1
        yield from items[4:]

    def progress(done: int, total: int) -> None:
        seen.append((done, total))
        ended.set()

    store, cpu = FeatureStore(tmp_path / "f"), Resources(device="cpu")
    with DecodingPool() as pool:
        report = extract(
            come(),
            every_frame,
            MeanColour(1),
            store,
            lambda v: shelf,
            cpu,
            pool,
            workers=1,
            count=lambda: (6, False),
            progress=progress,
        )
    assert (report.extracted, report.reused, report.failed) == (5, 1, [])
    assert seen[-1] == (6, 6)


def test_a_file_damaged_half_way_leaves_nothing_behind(tmp_path: Path, make_clip, every_frame: RgbStream):
    """Frames of it were computed already when the damage shows."""
    path = make_clip(tmp_path / "v" / "a.mkv", 300)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    compute = MeanColour()
    report = run([VideoRecord(path)], every_frame, tmp_path / "f", compute)
    assert sum(compute.calls) > 20
    assert [r.path for r, _ in report.failed] == [path]
    assert [p for p in tree(tmp_path / "f") if not p.endswith("stream.json")] == []


def test_copies_of_a_file_are_computed_once(tmp_path: Path, records, every_frame: RgbStream):
    copy = tmp_path / "v" / "copy.mp4"
    shutil.copy(records[4].path, copy)
    report = run([records[4], VideoRecord(copy)], every_frame, tmp_path / "f")
    assert (report.extracted, report.steps) == (1, 19)
    one, other = (sequence_of(VideoRecord(p), every_frame, tmp_path / "f") for p in (records[4].path, copy))
    np.testing.assert_array_equal(one.data, other.data)


def test_augmented_versions_of_training_videos_only(tmp_path: Path, make_clip):
    augment = Augment(rotate=5, crop="random", flip=0.5, copies=2)
    stream = RgbStream(
        input="rgb", backbone="mobilenet_v2", sampling={"kind": "jump", "every": 2}, augment=augment
    )  # type: ignore[arg-type]
    records = [
        VideoRecord(make_clip(tmp_path / "v" / f"{s}.mp4", 6, seed=i), split=s)
        for i, s in enumerate(("train", "test"))
    ]
    report = run(records, stream, tmp_path / "f", copies=2)
    assert report.extracted == 4
    plain, first, second = (sequence_of(records[0], stream, tmp_path / "f", v).data for v in range(3))
    assert np.abs(plain - first).max() > 0.1
    assert np.abs(first - second).max() > 0.1
    assert len(list((tmp_path / "f").glob("rgb-*/*/*.safetensors"))) == 4


def test_a_video_without_sound_is_an_absent_sequence(tmp_path: Path, records):
    stream = AudioStream(input="audio", backbone="yamnet")
    report = run(records[:2], stream, tmp_path / "f")
    assert (report.extracted, report.notes) == (2, {"no sound": 2})
    sequence = sequence_of(records[0], stream, tmp_path / "f")
    assert (sequence.present, sequence.data.shape) == (False, (0, 3))


def test_progress_ends_at_the_total(tmp_path: Path, records, every_frame: RgbStream):
    seen: list[tuple[int, int]] = []
    run(records, every_frame, tmp_path / "f", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(i + 1, 5) for i in range(5)]


class _NotFinite(MeanColour):
    def __call__(self, inputs):
        return super().__call__(inputs) * np.float32("nan")


def test_features_that_are_not_finite_stop_the_run(tmp_path: Path, records, every_frame: RgbStream):
    with pytest.raises(WorkError, match="not finite; check the backbone's weights"):
        run(records, every_frame, tmp_path / "f", _NotFinite())
    check_stopped_clean(tmp_path / "f")


@pytest.mark.parametrize("moment", ["open", "append", "commit"])
def test_a_full_disk_stops_the_run_in_one_line(
    tmp_path: Path, records, every_frame: RgbStream, monkeypatch: pytest.MonkeyPatch, moment: str
):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def full_for_sequences(source: Path, target: Path) -> None:
        return full() if target.suffix == ".safetensors" else rename(source, target)

    rename = os.replace
    if moment == "commit":
        monkeypatch.setattr(sequence_file.os, "replace", full_for_sequences)
    else:
        name = {"open": "__init__", "append": "append"}[moment]
        monkeypatch.setattr(sequence_file.SequenceWriter, name, full)
    with pytest.raises(
        WorkError, match=r"cannot write features to .*No space left.*free some space"
    ) as caught:
        run(records, every_frame, tmp_path / "f")
    assert "\n" not in str(caught.value)
    check_stopped_clean(tmp_path / "f")


def test_a_full_disk_met_by_a_worker_is_not_the_files_fault(tmp_path: Path, records, every_frame: RgbStream):
    class Pool(DecodingPool):
        def results(self, *_: object, **__: object):
            yield 0, Finished(error="OSError: No space left on device", fatal=True)

    with pytest.raises(WorkError, match="No space left on device"):
        run(records, every_frame, tmp_path / "f", pool=Pool())


def check_stopped_clean(root: Path) -> None:
    assert [p for p in tree(root) if not p.endswith("stream.json")] == []
    assert not [c for c in psutil.Process().children() if "kinema.extraction.worker" in " ".join(c.cmdline())]


def test_unreadable_files_are_told_apart_from_the_rest(tmp_path: Path, records):
    absent = VideoRecord(tmp_path / "absent.mp4")
    digests, unreadable = digest_files(r.path for r in [*records, absent])
    assert set(digests) == {r.path for r in records}
    assert list(unreadable) == [absent.path]
    assert "cannot be read (No such file" in unreadable[absent.path]
    assert len(items_of([*records, absent], digests, lambda _: 0)) == 5


def clip_of(value: int) -> Clip:
    return Clip(float(value), (np.full((2, 2, 3), value, np.uint8),))


def test_a_batch_is_computed_while_the_next_is_gathered():
    """The compute of the first batch ends only when messages past it have been asked for."""
    asked = threading.Event()

    class Waiting(MeanColour):
        def __call__(self, inputs: Sequence[tuple[np.ndarray, ...]]) -> np.ndarray:
            assert asked.wait(30), "nothing is gathered meanwhile"
            return super().__call__(inputs)

    def messages() -> Iterator[tuple[int, Message]]:
        yield from ((0, clip_of(v)) for v in range(3))
        asked.set()
        yield from [(0, clip_of(3)), (0, Finished())]

    (done,) = sequences(messages(), Waiting(batch_size=2), lambda _: SequenceBuffer(3))
    assert done.sink is not None
    assert done.sink.sequence().data[:, 0].tolist() == [0, 1, 2, 3]


def test_a_video_that_fails_while_its_steps_are_computed_takes_none_of_them():
    """Its sink was discarded, and takes no more; those beside it in the batch keep theirs."""
    sinks: dict[int, SequenceBuffer] = {}

    class Strict(SequenceBuffer):
        discarded = False

        def append(self, features: np.ndarray, pts_seconds: list[float]) -> None:
            assert not self.discarded
            super().append(features, pts_seconds)

        def discard(self) -> None:
            self.discarded = True

    def opened(number: int) -> SequenceBuffer:
        return sinks.setdefault(number, Strict(3))

    messages = [(0, clip_of(7)), (1, clip_of(9)), (0, Finished(error="broken")), (1, Finished())]
    ended = {d.number: d for d in sequences(messages, MeanColour(batch_size=2), opened)}
    assert ended[0].sink is None
    assert sinks[1].sequence().data.tolist() == [[9, 9, 9]]


def test_what_backbones_say_reaches_who_listens():
    """They speak in another thread."""
    heard: list[str] = []

    class Speaking(MeanColour):
        def __call__(self, inputs: Sequence[tuple[np.ndarray, ...]]) -> np.ndarray:
            tell("hello")
            return super().__call__(inputs)

    token = LISTENER.set(heard.append)
    list(sequences([(0, clip_of(1)), (0, Finished())], Speaking(), lambda _: SequenceBuffer(3)))
    LISTENER.reset(token)
    assert heard == ["hello"]
