"""What this machine can do at most: products of matrices in each precision, and memory."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

import numpy as np
import torch

Clock = Callable[[], float]
SIDE = 1536
# OpenVINO's names of what a processor has units for.
CAPABILITIES = {"fp32": "FP32", "bf16": "BF16", "int8": "INT8"}


def peaks(clock: Clock) -> dict[str, float]:
    """GFLOP (int8: operations) in a second of `clock`, in the precisions that the processor has units for."""
    found = {"fp32": _by_torch(clock)}
    if importlib.util.find_spec("openvino"):
        from openvino import Core

        core = Core()
        has = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        for precision in [p for p, name in CAPABILITIES.items() if name in has]:
            found[precision] = max(found.get(precision, 0.0), _by_openvino(core, precision, clock))
    return found


def memory(clock: Clock) -> float:
    """GB read and written together in a second, copying a quarter of a gigabyte."""
    source = torch.zeros(64 << 20)
    target = torch.empty_like(source)
    return 2 * source.nbytes / _shortest(lambda: target.copy_(source), clock) / 1e9


def _by_torch(clock: Clock) -> float:
    first, second = torch.randn(2, SIDE, SIDE)
    return 2 * SIDE**3 / _shortest(lambda: first @ second, clock) / 1e9


def _by_openvino(core, precision: str, clock: Clock) -> float:
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
    return 2 * SIDE**3 / _shortest(lambda: network(values), clock) / 1e9


def _shortest(call: Callable[[], object], clock: Clock, times: int = 7) -> float:
    """Of several calls, after one to warm up: whatever else runs can only make one longer."""
    call()
    found = []
    for _ in range(times):
        start = clock()
        call()
        found.append(clock() - start)
    return min(found)
