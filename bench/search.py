"""A search over many embeddings: exact, and by the index; time, memory, and what the index finds.

    python bench/search.py --rows 1000000 --dim 1024

Makes a Parquet file of random vectors round 1,000 centres in a folder that is gone afterwards (4 GB for the
above), and measures each step in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from kinema.inference.embedding_file import EmbeddingWriter
from kinema.inference.index import ApproximateIndex, build_index, index_folder
from kinema.inference.search import search

QUERIES = 20
STEPS = ("write", "exact", "exact again", "index", "approximate")


def centres(dim: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(1000, dim)).astype(np.float32)


def near(random: np.random.Generator, among: np.ndarray, count: int) -> np.ndarray:
    """Vectors float32 [count, dim], each round one of the centres."""
    spread = random.standard_normal((count, among.shape[1]), np.float32)
    return among[random.integers(len(among), size=count)] + spread


def write(file: Path, rows: int, dim: int) -> None:
    random, among = np.random.default_rng(1), centres(dim)
    with EmbeddingWriter(file, dim, "bench") as writer:
        for start in range(0, rows, 1000):
            for i, vector in enumerate(near(random, among, min(1000, rows - start)), start):
                writer.add(f"/archive/{i // 1000:04}/{i}.mp4", vector, label=f"class {i % 1000}")


def step(name: str, file: Path, rows: int, dim: int) -> dict[str, float]:
    """Do one step; seconds (of one search, where there are several), processor seconds, and facts."""
    queries = near(np.random.default_rng(2), centres(dim), QUERIES)
    started, used = time.perf_counter(), time.process_time()
    facts: dict[str, float] = {}
    times = 1
    if name == "write":
        write(file, rows, dim)
        facts["bytes"] = file.stat().st_size
    elif name == "exact":
        search(file, queries[0])
    elif name == "exact again":
        search(file, queries[0])
        started, used, times = time.perf_counter(), time.process_time(), 3
        for query in queries[:times]:
            search(file, query)
    elif name == "index":
        made = build_index(file)
        size = sum(p.stat().st_size for p in index_folder(file).iterdir())
        facts |= {"bytes": size, "recall": made.recall, "probes": made.probes, "lists": made.lists}
    else:
        index = ApproximateIndex(file)
        facts["open"] = time.perf_counter() - started
        index.search(queries[0])
        started, used, times = time.perf_counter(), time.process_time(), len(queries)
        for query in queries:
            index.search(query)
    seconds, processor = time.perf_counter() - started, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds / times, "processor": processor / times, "peak MB": peak, **facts}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=1024)
    parser.add_argument("--folder", type=Path, help="where the file is made; default: the temporary folder")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.step:
        print(json.dumps(step(args.step, args.folder, args.rows, args.dim)))
        return
    with tempfile.TemporaryDirectory(prefix="kinema-", dir=args.folder) as folder:
        file = Path(folder, "e.parquet")
        print(f"{args.rows} x {args.dim}, {os.cpu_count()} processors", flush=True)
        for name in STEPS:
            options = ["--rows", str(args.rows), "--dim", str(args.dim), "--folder", str(file)]
            done = subprocess.run(
                [sys.executable, __file__, "--step", name, *options],
                capture_output=True,
                text=True,
                check=True,
            )
            found = json.loads(done.stdout.splitlines()[-1])
            print(f"{name:12}", "  ".join(f"{k} {v:,.4g}" for k, v in found.items()), flush=True)


if __name__ == "__main__":
    main()
