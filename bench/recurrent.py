"""Speed of the recurrent stacks against torch's own nn.GRU / nn.LSTM, in one run.

    python bench/recurrent.py [--json FILE] [--threads N] [--seconds S]

Torch's layers have other cells (two biases a gate, reset after): this compares cost, not numbers.
Rounds of the two sides alternate, and the ratio is that of the medians: other load on the machine hits both.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from kinema.temporal import Gru, Lstm

# name, batch, steps, input size, cell, reset, units, layers, both directions
CASES = [
    ("i3d-gru: 2 GRU 256, 20 x 1024", 16, 20, 1024, "gru", "before", 256, 2, False),
    ("2 GRU 256, reset after", 16, 20, 1024, "gru", "after", 256, 2, False),
    ("vgg16-lstm: LSTM 360, 40 x 25088", 16, 40, 25088, "lstm", "after", 360, 1, False),
    ("dual-cnn-gru: 2 GRU 1000, 20 x 2560", 16, 20, 2560, "gru", "before", 1000, 2, False),
    ("three-stream: 2 BiGRU 512, 180 x 1536", 8, 180, 1536, "gru", "after", 512, 2, True),
    ("corehar: 3 BiLSTM 512, 40 x 512", 16, 40, 512, "lstm", "after", 512, 3, True),
    ("lite's frames: GRU 128, 40 x 1280", 16, 40, 1280, "gru", "after", 128, 1, False),
]


def passes(model: nn.Module, x: torch.Tensor, train: bool) -> Callable[[], None]:
    """One forward pass, or one forward and backward pass."""

    def infer() -> None:
        with torch.no_grad():
            model(x)

    def learn() -> None:
        model.zero_grad(set_to_none=True)
        out = model(x)
        (out[0] if isinstance(out, tuple) else out).square().mean().backward()

    return learn if train else infer


def alternate(ours: Callable[[], None], theirs: Callable[[], None], seconds: float) -> tuple[float, float]:
    """Median seconds of each side, their rounds taken in turns."""
    ours(), theirs()
    times: tuple[list[float], list[float]] = ([], [])
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times[0]) < 3:
        for side, run in enumerate((ours, theirs)):
            start = time.perf_counter()
            run()
            times[side].append(time.perf_counter() - start)
    return statistics.median(times[0]), statistics.median(times[1])


def measure(case: tuple, seconds: float) -> list[dict[str, object]]:
    """Both modes of one case: samples per second of ours and torch's, and the ratio."""
    name, batch, steps, size, cell, reset, units, layers, both = case
    torch.manual_seed(0)
    x = torch.randn(batch, steps, size)
    settings = {"units": units, "layers": layers, "bidirectional": both}
    ours = (Gru(reset=reset, **settings) if cell == "gru" else Lstm(**settings)).layers_for(size)
    layer = nn.GRU if cell == "gru" else nn.LSTM
    theirs = layer(size, units, layers, batch_first=True, bidirectional=both)
    rows = []
    for mode in ("infer", "train"):
        train = mode == "train"
        mine, torchs = alternate(passes(ours, x, train), passes(theirs, x, train), seconds)
        rows.append(
            {
                "case": name,
                "mode": mode,
                "ours_per_s": round(batch / mine, 1),
                "torch_per_s": round(batch / torchs, 1),
                "ratio": round(torchs / mine, 2),
            }
        )
    return rows


def main() -> None:
    """Print a table and one JSON line; `--json` writes the same to a file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--seconds", type=float, default=2.0, help="per measurement")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = []
    print(f"{'case':42} {'mode':6} {'ours/s':>9} {'torch/s':>9} {'ratio':>6}")
    for case in CASES:
        for row in measure(case, options.seconds):
            rows.append(row)
            print("{case:42} {mode:6} {ours_per_s:9} {torch_per_s:9} {ratio:6}".format(**row))
    result = json.dumps({"threads": options.threads, "torch": torch.__version__, "rows": rows})
    print(result)
    if options.json:
        options.json.write_text(result + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
