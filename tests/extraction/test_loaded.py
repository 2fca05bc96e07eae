"""Streams with their backbones: the device that `auto` stands for."""

import pytest
import torch

from kinema import resources as resources_module
from kinema.backbones import choice
from kinema.extraction.loaded import load_streams
from kinema.recipe import load_recipe
from kinema.resources import Resources


@pytest.mark.parametrize(
    ("runtime", "gpu", "device"),
    [("auto", False, "cpu"), ("auto", True, "cuda"), ("openvino", True, "cpu"), ("openvino", False, "cpu")],
)
def test_auto_is_a_gpu_where_there_is_one_and_the_runtime_can_use_it(runtime, gpu, device, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(resources_module, "has_cuda", lambda: gpu)
    monkeypatch.setattr(choice, "gpu_has_bf16", lambda device: False)
    streams = load_streams(load_recipe("tiny").streams, Resources(runtime=runtime))
    assert {stream.resources.device for stream in streams.values()} == {device}
