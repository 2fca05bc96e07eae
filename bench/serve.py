"""`kinema serve` under load: 50 uploads at once, a quarter of them corrupt and two decompression bombs.

    python bench/serve.py RUN CLIPS [--uploads 50] [--rounds 3]

Good answers are compared with `predict` of the same files in one process, whose throughput is the measure.
Ends in an error where a good file is answered otherwise, a bad one not refused, or the server is not alive.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import psutil

from kinema.inference.answers import prediction_facts
from kinema.inference.load import load
from kinema.media.writer import VideoWriter
from kinema.resources import Resources


@dataclass(frozen=True)
class Case:
    """One upload, and the answer that it must have: the statuses allowed, or what `predict` says."""

    name: str
    content: bytes
    expected: dict | None


def black(path: Path, size: tuple[int, int], frames: int, fps: int) -> bytes:
    with VideoWriter(path, fps=fps, width=size[0], height=size[1], preset="ultrafast") as writer:
        picture = np.zeros((size[1], size[0], 3), np.uint8)
        for _ in range(frames):
            writer.write(picture)
    return path.read_bytes()


def bombs(folder: Path) -> list[Case]:
    """Black pictures of 33 megapixels, and two hours of small ones: kilobytes that become gigabytes."""
    large = black(folder / "large.mp4", (7680, 4320), 12, 30)
    long = black(folder / "long.mp4", (320, 240), 7200, 1)
    return [Case("large.mp4", large, None), Case("long.mp4", long, None)]


def corrupted(content: bytes, rng: random.Random) -> bytes:
    """Cut off, or noise."""
    return content[: len(content) // 3] if rng.random() < 0.5 else rng.randbytes(len(content) // 4)


def cases_of(clips: list[Path], answers: dict[Path, dict], uploads: int, folder: Path) -> list[Case]:
    rng = random.Random(0)
    bad = uploads // 4
    evil = bombs(folder)
    good = [clips[i % len(clips)] for i in range(uploads - bad - len(evil))]
    found = [Case(clip.name, clip.read_bytes(), answers[clip]) for clip in good]
    found += [Case("corrupt.avi", corrupted(rng.choice(clips).read_bytes(), rng), None) for _ in range(bad)]
    found += evil
    rng.shuffle(found)
    return found


async def send(client: httpx.AsyncClient, case: Case) -> tuple[Case, httpx.Response, float, int]:
    """The answer to one upload, its seconds from the first attempt, and how often it was told to wait."""
    started, waits = time.perf_counter(), 0
    while True:
        answer = await client.post("/api/predict", files={"file": (case.name, case.content)})
        if answer.status_code != 429:
            return case, answer, time.perf_counter() - started, waits
        waits += 1
        await asyncio.sleep(float(answer.headers["retry-after"]))


async def all_at_once(url: str, cases: list[Case]) -> list[tuple[Case, httpx.Response, float, int]]:
    limits = httpx.Limits(max_connections=len(cases))
    async with httpx.AsyncClient(base_url=url, timeout=600, limits=limits) as client:
        return await asyncio.gather(*(send(client, case) for case in cases))


def check(found: list[tuple[Case, httpx.Response, float, int]]) -> None:
    for case, answer, *_ in found:
        if case.expected is not None:
            assert answer.status_code == 200, (case.name, answer.text)
            (facts,) = answer.json()
            assert facts["label"] == case.expected["label"], case.name
            scores = [[row["score"] for row in rows] for rows in (facts["top"], case.expected["top"])]
            np.testing.assert_allclose(*scores, atol=1e-5)
        else:
            assert answer.status_code in (413, 422), (case.name, answer.status_code)
            assert set(answer.json()) == {"error"}


def memory_mb(process: psutil.Process) -> float:
    """Resident memory of the server and its decoding processes."""
    return sum(p.memory_info().rss for p in (process, *process.children(recursive=True))) / 1e6


def percentile(values: list[float], share: float) -> float:
    return float(np.percentile(values, share))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--uploads", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    every = sorted(p for p in given.clips.rglob("*") if p.suffix.lower() in (".avi", ".mp4"))
    clips = random.Random(0).sample(every, min(len(every), given.uploads - given.uploads // 4 - 2))

    loaded = load(given.run, Resources(offline=True))
    loaded.predict(clips[0])
    started = time.perf_counter()
    answers = {clip: prediction_facts(loaded.predict(clip)) for clip in clips}
    offline = len(clips) / (time.perf_counter() - started)
    print(f"offline, one process: {offline:.2f} videos a second ({len(clips)} videos)")

    with tempfile.TemporaryDirectory() as folder:
        cases = cases_of(clips, answers, given.uploads, Path(folder))
        for case in (c for c in cases if c.name in ("large.mp4", "long.mp4")):
            print(f"{case.name}: {len(case.content) / 1e3:.0f} kB")
        serve_rounds(given.run, cases, given.rounds)


def serve_rounds(run: Path, cases: list[Case], rounds: int) -> None:
    command = [sys.executable, "-m", "kinema", "serve", str(run), "--port", "0", "--offline"]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=os.environ | {"COLUMNS": "300"}
    )
    assert process.stderr is not None
    try:
        url = None
        while url is None:
            found = re.search(r"http://\S+(?=;)", process.stderr.readline())
            url = found and found[0]
        server, good = psutil.Process(process.pid), sum(case.expected is not None for case in cases)
        alone = [case for case in cases if case.expected is not None][:6]
        single = [asyncio.run(all_at_once(url, [case]))[0][2] for case in alone]
        print(f"one at a time: median {statistics.median(single):.2f} s a request ({len(single)} requests)")
        print(f"memory before: {memory_mb(server):.0f} MB")
        for _ in range(rounds):
            started = time.perf_counter()
            results = asyncio.run(all_at_once(url, cases))
            seconds = time.perf_counter() - started
            check(results)
            times = [took for case, _, took, _ in results if case.expected is not None]
            waits = sum(waits for *_, waits in results)
            print(
                f"{len(cases)} at once: {good / seconds:.2f} good videos a second, "
                f"p50 {percentile(times, 50):.1f} s, p99 {percentile(times, 99):.1f} s, "
                f"{waits} times told to wait; "
                f"memory after {memory_mb(server):.0f} MB; health {json.dumps(health(url))}"
            )
    finally:
        process.terminate()
        process.wait()


def health(url: str) -> dict:
    return httpx.get(url + "/health").json()


if __name__ == "__main__":
    main()
