"""What this machine can do at most: products of matrices in each precision, and memory."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable

import numpy as np
import torch

SIDE = 1536
# OpenVINO's names of what a processor has units for.
CAPABILITIES = {"fp32": "FP32", "bf16": "BF16", "int8": "INT8"}


def peaks() -> dict[str, float]:
    """GFLOP/s (int8: operations) of the precisions that the processor has, by all threads."""
    found = {"fp32": _by_torch()}
    if importlib.util.find_spec("openvino"):
        from openvino import Core

        core = Core()
        has = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        for precision in [p for p, name in CAPABILITIES.items() if name in has]:
            found[precision] = max(found.get(precision, 0.0), _by_openvino(core, precision))
    return found


def memory() -> float:
    """GB/s read and written together, copying a quarter of a gigabyte."""
    source = torch.zeros(64 << 20)
    target = torch.empty_like(source)
    return 2 * source.nbytes / _shortest(lambda: target.copy_(source)) / 1e9


def _by_torch() -> float:
    first, second = torch.randn(2, SIDE, SIDE)
    return 2 * SIDE**3 / _shortest(lambda: first @ second) / 1e9


def _by_openvino(core, precision: str) -> float:
    from openvino import Model
    from openvino import opset13 as ops

    data = ops.parameter([SIDE, SIDE], np.float32)
    values = np.random.default_rng(0).standard_normal((SIDE, SIDE)).astype(np.float32)
    node, weights = data, ops.constant(values)
    if precision == "int8":
        node, weights = (
            ops.fake_quantize(n, *(np.float32(v) for v in (-4, 4, -4, 4)), 255) for n in (node, weights)
        )
    hint = "bf16" if precision == "bf16" else "f32"
    network = core.compile_model(
        Model([ops.matmul(node, weights, False, False)], [data]),
        "CPU",
        {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": torch.get_num_threads()},
    )
    return 2 * SIDE**3 / _shortest(lambda: network(values)) / 1e9


def _shortest(call: Callable[[], object], times: int = 7) -> float:
    """Of several calls, after one to warm up: whatever else runs can only make one longer."""
    call()
    found = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return min(found)
