"""Decoding processes that are killed, hang or meet broken files; the rest goes on."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import psutil
import pytest

from kinema.errors import WorkError
from kinema.extraction import pool as pool_module
from kinema.extraction import process as process_module
from kinema.extraction.inline import messages_of
from kinema.extraction.messages import Finished, Job, Message
from kinema.extraction.pool import DecodingPool
from kinema.media.video import VideoFile
from kinema.resources import Resources
from kinema.streams import RgbStream, StreamSettings, Task, Tools
from kinema.types import Clip, VideoRecord

CPU = Resources(device="cpu")


def workers_of(process: psutil.Process | None = None) -> list[psutil.Process]:
    """Our decoding processes; the dead who were not waited for are among them."""
    children = (process or psutil.Process()).children()
    return [
        c for c in children if c.status() == psutil.STATUS_ZOMBIE or "kinema.extraction.worker" in c.cmdline()
    ]


@pytest.fixture(autouse=True)
def _nobody_stays() -> Iterator[None]:
    yield
    assert workers_of() == []


def jobs_of(paths: Sequence[Path]) -> list[Job]:
    return [Job(VideoRecord(path), Task(f"{i}")) for i, path in enumerate(paths)]


def results_of(
    stream: StreamSettings,
    jobs: Sequence[Job],
    needed: Callable[[int], bool] = lambda number: True,
    *,
    workers: int = 1,
    ahead: int = 16,
    hang_seconds: float = process_module.HANG_SECONDS,
) -> Generator[tuple[int, Message], None, None]:
    """The messages of one extraction by a pool of its own."""
    with DecodingPool(hang_seconds=hang_seconds) as pool:
        yield from pool.results(stream, CPU, jobs, needed, workers=workers, ahead=ahead)


def sorted_by_job(messages: Iterator[tuple[int, Message]], count: int) -> list[list[Message]]:
    found: list[list[Message]] = [[] for _ in range(count)]
    for number, message in messages:
        assert not any(isinstance(m, Finished) for m in found[number])
        found[number].append(message)
    return found


def check_whole(messages: list[Message], job: Job, stream: StreamSettings) -> None:
    """The messages of one job equal what the source gives in this process."""
    *clips, end = messages
    assert end == Finished()
    tools = Tools(Resources(device="cpu"))
    *expected, _ = messages_of(stream, VideoFile.of(job.record), job.task, tools)
    assert len(clips) == len(expected)
    for clip, wanted in zip(clips, expected, strict=True):
        assert isinstance(clip, Clip)
        assert clip.pts_seconds == wanted.pts_seconds
        np.testing.assert_array_equal(clip.inputs[0], wanted.inputs[0])


@pytest.fixture
def clips(tmp_path: Path, make_clip: Callable[..., Path]) -> list[Path]:
    return [make_clip(tmp_path / f"{i}.mp4", 8 + 3 * i, seed=i) for i in range(4)]


@pytest.fixture
def long_clip(tmp_path: Path, make_clip: Callable[..., Path]) -> Path:
    """Far more frames than pipe and queue hold: its worker waits for the consumer."""
    return make_clip(tmp_path / "long.mp4", 400)


def test_every_job_gives_its_clips_in_order_and_one_end(clips: list[Path], every_frame: RgbStream):
    jobs = jobs_of(clips)
    found = sorted_by_job(results_of(every_frame, jobs, workers=3), len(jobs))
    for messages, job in zip(found, jobs, strict=True):
        check_whole(messages, job, every_frame)


def test_a_broken_file_ends_alone(tmp_path: Path, clips: list[Path], every_frame: RgbStream):
    text, cut = tmp_path / "text.mp4", tmp_path / "cut.mp4"
    text.write_text("not a video\n" * 100)
    cut.write_bytes(clips[3].read_bytes()[: clips[3].stat().st_size // 2])
    jobs = jobs_of([clips[0], text, cut, tmp_path / "absent.mp4", clips[1]])
    found = sorted_by_job(results_of(every_frame, jobs, workers=1), len(jobs))
    for number in (0, 4):
        check_whole(found[number], jobs[number], every_frame)
    for number in (1, 2, 3):
        end = found[number][-1]
        assert isinstance(end, Finished)
        assert end.error is not None
        assert "\n" not in end.error
        assert not end.fatal


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV], ids=["killed", "segfault"])
def test_a_dead_worker_costs_one_job(how: signal.Signals, clips: list[Path], long_clip: Path, every_frame):
    jobs = jobs_of([long_clip, *clips])
    results = results_of(every_frame, jobs, workers=1, ahead=1)
    with closing(results):
        number, first = next(results)
        assert (number, type(first)) == (0, Clip)
        (worker,) = workers_of()
        os.kill(worker.pid, how)
        found = sorted_by_job(results, len(jobs))
    end = found[0][-1]
    assert isinstance(end, Finished)
    assert end.error == f"decoder crashed (signal {int(how)})"
    for messages, job in zip(found[1:], jobs[1:], strict=True):
        check_whole(messages, job, every_frame)


def test_a_stuck_worker_costs_one_job(clips: list[Path], long_clip: Path, every_frame: RgbStream):
    jobs = jobs_of([long_clip, *clips])
    results = results_of(every_frame, jobs, workers=1, ahead=1, hang_seconds=1.5)
    with closing(results):
        next(results)
        (worker,) = workers_of()
        worker.suspend()
        found = sorted_by_job(results, len(jobs))
    end = found[0][-1]
    assert isinstance(end, Finished)
    assert end.error == "decoder hung: nothing for 1.5 s"
    for messages, job in zip(found[1:], jobs[1:], strict=True):
        check_whole(messages, job, every_frame)


def test_a_slow_consumer_is_no_hang(long_clip: Path, every_frame: RgbStream):
    jobs = jobs_of([long_clip])
    results = results_of(every_frame, jobs, workers=1, ahead=1, hang_seconds=0.5)
    with closing(results):
        next(results)
        time.sleep(1.5)
        assert list(results)[-1] == (0, Finished())


def test_silent_work_is_no_hang_until_patience_ends(
    clips: list[Path], every_frame: RgbStream, monkeypatch: pytest.MonkeyPatch
):
    """A worker that burns processor time without sending; patience bounds even that."""
    burn = "import sys; sys.argv[1]; exec('while True: pass')"
    monkeypatch.setattr(process_module, "_start", lambda module, pipe, memory: _popen(pipe, _serving(burn)))
    started = time.monotonic()
    found = list(results_of(every_frame, jobs_of(clips[:1]), hang_seconds=0.2))
    assert found == [(0, Finished(error="decoder hung: nothing for 0.2 s"))]
    assert time.monotonic() - started > process_module.PATIENCE * 0.2


def _serving(then: str) -> str:
    """A worker that gets ready, takes a job, and then does something else."""
    return (
        "import sys\nfrom multiprocessing.connection import Connection\n"
        "from kinema.extraction.messages import Finished, Ready\n"
        "pipe = Connection(int(sys.argv[1]))\npipe.recv(); pipe.send(Ready()); pipe.recv()\n" + then
    )


def _popen(pipe, code: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", code, str(pipe.fileno()), "kinema.extraction.worker"]
    return subprocess.Popen(command, pass_fds=(pipe.fileno(),))


def test_a_worker_that_cannot_start_is_no_fault_of_the_files(
    clips: list[Path], every_frame: RgbStream, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(
        process_module, "_start", lambda module, pipe, memory: _popen(pipe, "raise SystemExit(3)")
    )
    with pytest.raises(WorkError, match=r"could not start \(exit code 3\); run `kinema doctor`"):
        list(results_of(every_frame, jobs_of(clips), workers=2))


def test_no_process_to_be_had(clips: list[Path], every_frame: RgbStream, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(process_module, "_start", refuse)
    with pytest.raises(WorkError, match="--workers"):
        list(results_of(every_frame, jobs_of(clips), workers=2))


def test_leaving_early_ends_the_processes(clips: list[Path], long_clip: Path, every_frame: RgbStream):
    results = results_of(every_frame, jobs_of([long_clip, *clips]), workers=2, ahead=2)
    next(results)
    assert workers_of()
    results.close()
    assert workers_of() == []


def test_jobs_that_nobody_needs_are_skipped(clips: list[Path], every_frame: RgbStream):
    results = results_of(every_frame, jobs_of(clips), lambda number: number == 2, workers=2)
    found = sorted_by_job(results, len(clips))
    assert [f[-1] for f in found] == [Finished(skipped=n != 2) for n in range(4)]
    assert [len(f) > 1 for f in found] == [False, False, True, False]


def test_the_queue_is_bounded(long_clip: Path, every_frame: RgbStream, monkeypatch: pytest.MonkeyPatch):
    peak = 0

    class Watched(queue.Queue):
        def put(self, *args, **kwargs) -> None:
            nonlocal peak
            super().put(*args, **kwargs)
            peak = max(peak, self.qsize())

    monkeypatch.setattr(pool_module.queue, "Queue", Watched)
    with closing(results_of(every_frame, jobs_of([long_clip]), ahead=3)) as results:
        next(results)
        time.sleep(1.0)
        assert peak == 3


def test_the_next_extraction_has_the_same_processes(clips: list[Path], every_frame: RgbStream):
    """Also where its stream is another one, and where the one before was left early."""
    other = RgbStream(**every_frame.model_dump() | {"crop": "center"})
    jobs = jobs_of(clips)
    with DecodingPool() as pool:
        pids = []
        for stream in (every_frame, other):
            found = sorted_by_job(pool.results(stream, CPU, jobs, workers=1), len(jobs))
            for messages, job in zip(found, jobs, strict=True):
                check_whole(messages, job, stream)
            pids.append([w.pid for w in workers_of()])
        assert pids[0] == pids[1]
        assert len(pids[0]) == 1
        with closing(pool.results(every_frame, CPU, jobs, workers=1)) as results:
            next(results)
        found = sorted_by_job(pool.results(other, CPU, jobs, workers=1), len(jobs))
        check_whole(found[0], jobs[0], other)


@pytest.mark.parametrize(("workers", "videos", "threads"), [(2, 1, 2), (2, 3, 1), (5, 2, 2)])
def test_processors_without_a_video_help_with_the_flow_of_others(
    workers: int, videos: int, threads: int, clips: list[Path], every_frame: RgbStream, monkeypatch
):
    settings = []
    tell = process_module.DecodingProcess.tell

    def told(worker, setting, *others) -> None:
        settings.append(setting)
        tell(worker, setting, *others)

    monkeypatch.setattr(process_module.DecodingProcess, "tell", told)
    list(results_of(every_frame, jobs_of(clips[:videos]), workers=workers))
    assert {setting.threads for setting in settings} == {threads}


def test_a_process_that_died_while_it_waited_is_replaced(clips: list[Path], every_frame: RgbStream):
    jobs = jobs_of(clips[:1])
    with DecodingPool() as pool:
        list(pool.results(every_frame, CPU, jobs, workers=1))
        (worker,) = workers_of()
        worker.kill()
        found = sorted_by_job(pool.results(every_frame, CPU, jobs, workers=1), 1)
        check_whole(found[0], jobs[0], every_frame)


def test_nothing_stays_open(clips: list[Path], every_frame: RgbStream):
    before = psutil.Process().num_fds()
    list(results_of(every_frame, jobs_of(clips), workers=2))
    assert psutil.Process().num_fds() == before


def test_a_worker_ends_when_its_parent_is_killed(long_clip: Path):
    code = """
import sys, time
from pathlib import Path
from kinema.extraction.messages import Job
from kinema.extraction.pool import DecodingPool
from kinema.resources import Resources
from kinema.streams import RgbStream, Task
from kinema.types import VideoRecord
stream = RgbStream(input="rgb", backbone="mobilenet_v2", sampling={"kind": "jump", "every": 1})
jobs = [Job(VideoRecord(Path(sys.argv[1])), Task("k"))]
results = DecodingPool().results(stream, Resources(), jobs, workers=1, ahead=1)
next(results)
print("decoding", flush=True)
time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-c", code, long_clip], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    parent.stdout.readline()
    (worker,) = workers_of(psutil.Process(parent.pid))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert psutil.wait_procs([worker], timeout=20)[1] == []


def test_a_worker_imports_neither_torch_nor_modules_of_the_working_folder(
    tmp_path: Path, clips: list[Path], every_frame: RgbStream, monkeypatch: pytest.MonkeyPatch
):
    for name in ("av", "queue", "numpy", "torch"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('hijacked')")
    monkeypatch.chdir(tmp_path)
    assert list(results_of(every_frame, jobs_of(clips[:1]), workers=1))[-1] == (0, Finished())
    code = "import sys, kinema.extraction.worker, kinema.streams.rgb; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-P", "-c", code], check=True)


@pytest.mark.parametrize("kills", [3, 4])
def test_a_worker_killed_while_it_starts_is_started_again(
    kills: int, clips: list[Path], every_frame: RgbStream, monkeypatch: pytest.MonkeyPatch
):
    """Three times; the fourth death in a row is an error. No file is blamed."""
    real, dead = process_module._start, []

    def start(module, pipe, memory) -> subprocess.Popen[bytes]:
        if len(dead) == kills:
            return real(module, pipe, memory)
        dead.append(pipe)
        return _popen(pipe, "import os; os.kill(os.getpid(), 9)")

    monkeypatch.setattr(process_module, "_start", start)
    jobs = jobs_of(clips[:2])
    if kills == 4:
        with pytest.raises(WorkError, match=r"could not start \(signal 9\)"):
            list(results_of(every_frame, jobs))
        return
    found = sorted_by_job(results_of(every_frame, jobs), len(jobs))
    for messages, job in zip(found, jobs, strict=True):
        check_whole(messages, job, every_frame)


BUSY_PARENT = """
import os, subprocess, sys, time
code = (
    "import os, sys; from kinema.extraction.child import end_with; end_with(int(sys.argv[1]))\\n"
    "print(os.getpid(), flush=True)\\n"
    "while True: pass"
)
subprocess.Popen([sys.executable, "-c", code, str(os.getpid())])
time.sleep(60)
"""


def test_a_worker_ends_with_its_parent_in_the_midst_of_its_work():
    parent = subprocess.Popen([sys.executable, "-c", BUSY_PARENT], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    worker = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    psutil.wait_procs([worker], timeout=3)
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE


def test_a_signal_to_the_whole_group_is_the_parents_to_handle(
    clips: list[Path], long_clip: Path, every_frame: RgbStream
):
    """SIGTERM to a worker blames no file."""
    results = results_of(every_frame, jobs_of([long_clip]), workers=1, ahead=1)
    with closing(results):
        next(results)
        (worker,) = workers_of()
        worker.terminate()
        assert list(results)[-1] == (0, Finished())
