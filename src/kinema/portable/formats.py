"""The formats: ONNX, OpenVINO's own, and TorchScript. What was written is compared with torch's module.

OpenVINO's files are made from ONNX's, so that both have the same operators. TorchScript, not torch.export's
.pt2: a loop over a free number of steps is an ordinary part of it, and C++ reads it too.
"""

import io
import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..backbones.openvino_runtime import openvino
from ..errors import WorkError
from . import pooling
from .parts import Part

# The key under which a file holds all facts, as JSON.
KEY = "kinema_export"
OPSET = 17
# Of the norm of torch's values.
TOLERANCE = 1e-3

Outputs = list[np.ndarray]


def write_part(part: Part, folder: Path, name: str, facts: dict[str, Any]) -> list[str]:
    """Write a part in format `name` with `facts` inside; the names of its files.

    Raises `WorkError` where it cannot be written, or comes out different from torch's.
    """
    write = {"onnx": _write_onnx, "openvino": _write_openvino, "torch": _write_torch}[name]
    with _quiet():
        try:
            expected = _arrays(part.module(*part.other))
            compute = write(part, folder, json.dumps(facts, ensure_ascii=False))
            found = compute([x.numpy() for x in part.other])
        except Exception as error:  # whatever tracing someone's network, or converting it, may raise
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise WorkError(
                f"{part.name} cannot be written as {name} ({lines[0][:160]}); try another --format"
            ) from error
    for output, ours, theirs in zip(part.outputs, expected, found, strict=True):
        far = float(np.linalg.norm(ours - theirs)) / max(float(np.linalg.norm(ours)), 1e-12)
        if ours.shape != theirs.shape or not far <= TOLERANCE:
            raise WorkError(
                f"{part.name} as {name} gives other {output} than torch (by {far:.2%}); try another --format"
            )
    return sorted(path.name for path in folder.glob(f"{part.name}.*"))


def _write_torch(part: Part, folder: Path, facts: str) -> Callable[[Sequence[np.ndarray]], Outputs]:
    path = folder / f"{part.name}.pt"
    traced = torch.jit.trace(part.module, part.example, check_trace=False, strict=False)
    torch.jit.save(traced, str(path), _extra_files={"export.json": facts})
    read = torch.jit.load(str(path))
    return lambda inputs: _arrays(read(*(torch.from_numpy(x) for x in inputs)))


def _write_onnx(part: Part, folder: Path, facts: str) -> Callable[[Sequence[np.ndarray]], Outputs]:
    import onnxruntime

    path = folder / f"{part.name}.onnx"
    path.write_bytes(_onnx(part, facts))
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [node.name for node in session.get_inputs()]
    wanted = [part.inputs.index(name) for name in names]
    return lambda inputs: session.run(
        list(part.outputs), {n: inputs[i] for n, i in zip(names, wanted, strict=True)}
    )


def _write_openvino(part: Part, folder: Path, facts: str) -> Callable[[Sequence[np.ndarray]], Outputs]:
    core = openvino().Core()
    network = core.read_model(_onnx(part, facts))
    network.set_rt_info(facts, KEY)
    path = folder / f"{part.name}.xml"
    openvino().save_model(network, str(path), compress_to_fp16=False)
    compiled = core.compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def compute(inputs: Sequence[np.ndarray]) -> Outputs:
        there = {name for port in compiled.inputs for name in port.names}
        named = {name: x for name, x in zip(part.inputs, inputs, strict=True) if name in there}
        found = compiled(named)
        return [found[name] for name in part.outputs]

    return compute


def _onnx(part: Part, facts: str) -> bytes:
    """The part as ONNX. The exporter by traces: it lets a layer say which operator it is."""
    import onnx

    data = io.BytesIO()
    torch.onnx.register_custom_op_symbolic(pooling.OPERATOR, pooling.symbolic, OPSET)
    torch.onnx.export(
        part.module,
        part.example,
        data,  # type: ignore[arg-type]  # a file that is open
        dynamo=False,
        input_names=list(part.inputs),
        output_names=list(part.outputs),
        dynamic_axes={name: dict(axes) for name, axes in part.free.items() if axes},
        opset_version=OPSET,
    )
    model = onnx.load_from_string(data.getvalue())
    onnx.helper.set_model_props(model, {KEY: facts})
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _arrays(found: Any) -> Outputs:
    return [x.numpy() for x in (found if isinstance(found, tuple) else (found,))]


@contextmanager
def _quiet() -> Iterator[None]:
    """No gradients, nothing printed by tracers and exporters, and attention by plain operators."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), torch.no_grad():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
