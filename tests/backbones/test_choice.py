"""What auto comes to, on machines of every kind; and what is refused."""

from __future__ import annotations

import pytest
import torch

from kinema.backbones import choice
from kinema.backbones.choice import choose
from kinema.errors import UsageError
from kinema.resources import Resources


@pytest.fixture
def machine(monkeypatch):
    """A machine with what is named and nothing else: gpu, gpu bf16, bf16, openvino."""

    def make(*there: str) -> None:
        gpu = any(name.startswith("gpu") for name in there)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: int(gpu))
        monkeypatch.setattr("kinema.resources.has_cuda", lambda: gpu)
        monkeypatch.setattr(choice, "gpu_has_bf16", lambda device: "gpu bf16" in there)
        monkeypatch.setattr(choice, "processor_has_bf16", lambda: "bf16" in there)
        monkeypatch.setattr(choice, "has_openvino", lambda: "openvino" in there)

    return make


@pytest.mark.parametrize(
    ("there", "asked", "expected"),
    [
        ((), {}, "fp32 by torch on cpu"),
        (("openvino",), {}, "fp32 by OpenVINO on cpu"),
        (("openvino", "bf16"), {}, "fp32 by OpenVINO on cpu"),
        (("openvino",), {"runtime": "torch"}, "fp32 by torch on cpu"),
        (("openvino", "bf16"), {"precision": "bf16"}, "bf16 by OpenVINO on cpu"),
        (("bf16",), {"precision": "bf16"}, "bf16 by torch on cpu"),
        (("openvino",), {"precision": "int8"}, "int8 by OpenVINO on cpu"),
        (("gpu", "openvino"), {}, "fp32 by torch on cuda"),
        (("gpu bf16", "openvino"), {}, "bf16 by torch on cuda"),
        (("gpu bf16", "openvino"), {"precision": "fp32"}, "fp32 by torch on cuda"),
        (("gpu bf16", "openvino"), {"device": "cpu"}, "fp32 by OpenVINO on cpu"),
        (("gpu bf16", "openvino"), {"runtime": "openvino"}, "fp32 by OpenVINO on cpu"),
        (("gpu bf16", "openvino"), {"precision": "int8"}, "int8 by OpenVINO on cpu"),
    ],
)
def test_what_computes(machine, there, asked, expected):
    machine(*there)
    found = choose(Resources(**asked))
    assert found.shown == expected
    assert found.why


@pytest.mark.parametrize(
    ("there", "asked", "message"),
    [
        (("openvino",), {"precision": "bf16"}, "this processor has no bf16 .*; use --precision fp32"),
        (("gpu",), {"precision": "bf16"}, "device cuda has no bf16; use --precision fp32"),
        ((), {"precision": "int8"}, "OpenVINO is not installed; pip install openvino"),
        ((), {"runtime": "openvino"}, "OpenVINO is not installed; pip install openvino"),
    ],
)
def test_what_is_not_there_is_refused(machine, there, asked, message):
    machine(*there)
    with pytest.raises(UsageError, match=message):
        choose(Resources(**asked))
